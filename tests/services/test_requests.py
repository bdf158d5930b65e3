"""Reviews on a forge: what the collector attests, what counts, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ordain.adapters.artifacts import Store
from ordain.core.decisions import Decision
from ordain.core.people.request import Hand, Request, Review
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Policy
from ordain.core.specs.identity import Transition
from ordain.errors import RetryLater
from ordain.services.judging import witness
from ordain.services.judging.past import Past
from ordain.services.judging.states import States
from ordain.services.proofs.verify import verify
from ordain.services.reconciling.order import Outcome, Place
from tests.services.world import World


class Forge:
    """What a forge would answer, by the commit that a request became."""

    def __init__(self) -> None:
        self.merged: dict[str, Request] = {}

    def merged_as(self, commit: str) -> Request | None:
        return self.merged.get(commit)


class Hosted:
    """A world whose policy trusts GitHub's accounts, and what GitHub says of its requests."""

    def __init__(self, root: Path, **policy: Any) -> None:
        self.forge = Forge()
        self.world = World(root, {"forge": "github", "people": self.people(), **policy})
        self.number = 0

    def people(self) -> dict[str, Any]:
        people: dict[str, Any] = World.policy()["people"]
        for name, person in people.items():
            person["logins"] = {"github": f"{name}-gh"}
        return people

    def reviews(self, branch: str, *people: str, **changed: Any) -> tuple[Review, ...]:
        head = self.world.run(self.world.origin, "git", "rev-parse", branch)
        return tuple(
            Review(
                **{
                    "reviewer": f"{each}-gh",
                    "state": "approved",
                    "commit": head,
                    "submitted": "2026-11-24T10:00:00Z",
                    **changed,
                }
            )
            for each in people
        )

    def merge(self, branch: str, reviews: tuple[Review, ...], **told: Any) -> str:
        """Merge a branch as the forge does, unsigned, and let it say so."""
        head = self.world.run(self.world.origin, "git", "rev-parse", branch)
        return self.tell(self.world.merge(branch), head, reviews, **told)

    def tell(self, merged: str, newest: str, reviews: tuple[Review, ...], **told: Any) -> str:
        self.number += 1
        self.world.run(self.world.origin, "git", "update-ref", f"refs/pull/{self.number}/head", newest)
        request = Request(
            forge="github", repository="local/test", number=self.number, title="A change",
            url=f"https://forge.example/{self.number}", base="main", head=newest, merged=merged,
            merged_by="mei-gh", merged_at="2026-11-24T11:00:00Z", author="dana-gh",
            pushers=("dana-gh",), reviews=reviews,
        )  # fmt: skip
        self.forge.merged[merged] = replace(request, **told)
        return merged

    def reconcile(self, **changes: Any) -> Outcome:
        live = Place(str(self.world.origin), "live")  # where the ledger belongs with a forge
        return self.world.reconcile(**{"requests": lambda _: self.forge, "target": live, **changes})

    def verdict(self, model: str = "churn", **changes: Any) -> Decision:
        """The newest decision on a model in staging."""
        entries = self.reconcile(**changes).entries
        found = [each for entry in entries for each in entry.decisions if each.transition.model == model]
        return found[-1]

    def unsigned(self, who: str) -> None:
        """Somebody commits without a signature, as most people do."""
        self.world.git(who, "config", "commit.gpgsign", "false")


@pytest.fixture
def hosted(tmp_path: Path) -> Hosted:
    return Hosted(tmp_path)


def sound(hosted: Hosted) -> None:
    """Everything that was recorded can be proven from a clone."""
    clone = hosted.world.branch("mei", "looking")
    proven = verify(clone, store=Store(hosted.world.root / "store"), everything=True)
    wrong = [each for each in proven.proofs if each.outcome == "FAILED" and each.link in LINKS]
    assert not wrong, wrong
    assert not [each for each in proven.proofs if each.outcome == "absent" and each.link == "ledger"]


LINKS = {"ledger", "policy", "approval", "judgement", "manifest"}


def test_a_review_of_what_was_merged_counts_and_is_attested(hosted: Hosted) -> None:
    hosted.unsigned("dana")
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"))
    (entry,) = hosted.reconcile().entries
    decision = entry.decisions[-1]
    assert (decision.reason, decision.contributors) == (Reason.APPROVED, ("ada", "dana"))
    assert [(each.person, each.kind) for each in decision.approvals] == [("ravi", "attested-by-collector")]
    assert len(entry.requests) == 1
    sound(hosted)


def test_a_squash_keeps_everybody_who_pushed_from_approving(hosted: Hosted) -> None:
    """Ravi commits to Dana's branch; the squash names Dana alone, the branch and the forge name both."""
    world = hosted.world
    branch = world.release("dana", "churn", 1)
    world.git("ravi", "fetch", "-q", "origin")
    world.git("ravi", "checkout", "-q", "-B", branch, f"origin/{branch}")
    world.write(world.enter("ravi"), "README.md", "Hello")
    world.commit("ravi", "Say hello")
    world.push("ravi")
    head = world.run(world.origin, "git", "rev-parse", branch)
    reviews = hosted.reviews(branch, "ravi")
    world.branch("dana", "squashing")
    world.git("dana", "merge", "-q", "--squash", f"origin/{branch}")
    merged = world.commit("dana", "Squashed")
    world.git("dana", "push", "-q", "origin", "HEAD:main")
    hosted.tell(merged, head, reviews)
    decision = hosted.verdict()
    assert decision.reason == Reason.SELF_APPROVAL
    assert set(decision.contributors) == {"ada", "dana", "ravi"}
    sound(hosted)


def test_a_squash_of_what_was_reviewed_is_approved(hosted: Hosted) -> None:
    world = hosted.world
    branch = world.release("dana", "churn", 1)
    head, reviews = world.run(world.origin, "git", "rev-parse", branch), hosted.reviews(branch, "ravi")
    world.branch("dana", "squashing")
    world.git("dana", "merge", "-q", "--squash", f"origin/{branch}")
    merged = world.commit("dana", "Squashed")
    world.git("dana", "push", "-q", "origin", "HEAD:main")
    world.run(world.origin, "git", "branch", "-D", branch)
    hosted.tell(merged, head, reviews)
    assert hosted.verdict().reason == Reason.APPROVED
    sound(hosted)


def test_commits_after_the_review_void_it_and_an_empty_request_mends_it(hosted: Hosted) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    early = hosted.reviews(branch, "ravi")
    clone = hosted.world.enter("dana")
    deploy = {"replicas": {"min": 9, "max": 9}}
    hosted.world.edit(clone, "models.yaml", lambda value: value["models"]["churn"].update({"deploy": deploy}))
    hosted.world.commit("dana", "Nine replicas")
    hosted.world.push("dana")
    hosted.merge(branch, early)
    assert hosted.verdict().reason == Reason.STALE_APPROVAL
    hosted.world.branch("dana", "look-again")
    hosted.world.commit("dana", "Look again")
    again = hosted.world.push("dana")
    hosted.merge(again, hosted.reviews(again, "ravi"))
    assert hosted.verdict().reason == Reason.APPROVED
    sound(hosted)


@pytest.mark.parametrize(
    ("meanwhile", "reason"), [("fraud", Reason.APPROVED), ("churn", Reason.STALE_APPROVAL)]
)
def test_a_change_meanwhile_voids_only_what_it_changes(
    hosted: Hosted, meanwhile: str, reason: Reason
) -> None:
    """Two requests leave the same commit; the first is law before the second is merged."""
    world = hosted.world
    where = world.branch("dana", "both")
    for model in ("churn", "fraud"):
        both = world.add_release("dana", where, (model, 1))
    world.approve(both, "ravi")
    hosted.merge(both, ())
    hosted.reconcile()
    second = world.replicas("dana", 5)
    where = world.branch("dana", "first")
    slower = {"monitoring": {"latency_objective_ms": 70}}
    world.edit(where, "models.yaml", lambda value: value["models"][meanwhile].update(slower))
    world.commit("dana", "Slower")
    first = world.push("dana")
    for branch in (first, second):
        hosted.merge(branch, hosted.reviews(branch, "ravi"))
        decision = hosted.verdict(meanwhile if branch == first else "churn")
    assert decision.reason == reason
    sound(hosted)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"state": "dismissed"}, Reason.APPROVALS_MISSING),
        ({"state": "changes_requested"}, Reason.APPROVALS_MISSING),
        ({"state": "commented"}, Reason.APPROVALS_MISSING),
        ({"bot": True}, Reason.APPROVALS_MISSING),
        ({"reviewer": ""}, Reason.APPROVALS_MISSING),
        ({"reviewer": "stranger"}, Reason.ACCOUNT_UNKNOWN),
        ({"commit": None}, Reason.APPROVALS_MISSING),
        ({"commit": "a" * 40}, Reason.APPROVALS_MISSING),
    ],
)
def test_reviews_that_do_not_count(hosted: Hosted, changed: Mapping[str, Any], reason: Reason) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi", **changed))
    assert hosted.verdict().reason == reason
    sound(hosted)


def test_a_later_verdict_of_the_same_reviewer_replaces_the_earlier(hosted: Hosted) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    reviews = (
        *hosted.reviews(branch, "ravi"),
        *hosted.reviews(branch, "ravi", state="changes_requested", submitted="2026-11-24T10:30:00Z"),
        *hosted.reviews(branch, "ravi", state="commented", submitted="2026-11-24T10:40:00Z"),
    )
    hosted.merge(branch, reviews)
    assert hosted.verdict().reason == Reason.APPROVALS_MISSING


def test_an_author_cannot_review_their_own_request(hosted: Hosted) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "dana"))
    assert hosted.verdict().reason == Reason.SELF_APPROVAL


def test_whoever_pushed_for_the_author_cannot_review(hosted: Hosted) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"), pushers=("dana-gh", "ravi-gh"))
    assert hosted.verdict().reason == Reason.SELF_APPROVAL


@pytest.mark.parametrize(
    "told",
    [{"pushers": ("dana-gh", "")}, {"pushers": ("dana-gh", "stranger")}, {"author": None}],
    ids=["an account that is gone", "an account that nobody lists", "opened by an account that is gone"],
)
@pytest.mark.parametrize("signed", [True, False])
def test_a_push_by_somebody_who_cannot_be_named(hosted: Hosted, told: dict[str, Any], signed: bool) -> None:
    """It could be the reviewer's other account, whoever signed what was pushed."""
    if not signed:
        hosted.unsigned("dana")
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"), **told)
    assert hosted.verdict().reason == Reason.AUTHOR_UNPROVEN
    sound(hosted)


@pytest.mark.parametrize(
    ("line", "named", "reason"),
    [
        ("R <ravi@home.example>", (), Reason.AUTHOR_UNPROVEN),
        ("R <ravi@home.example>", ("ravi@home.example",), Reason.APPROVED),
        ("R <7+mei-gh@users.noreply.github.com>", (), Reason.APPROVED),
        ("R <7+ravi-gh@users.noreply.github.com>", (), Reason.SELF_APPROVAL),
    ],
)
def test_an_address_that_neither_forge_nor_policy_knows(
    hosted: Hosted, line: str, named: tuple[str, ...], reason: Reason
) -> None:
    """The forge names every account behind the commits; the trailer is nobody's, or somebody's account."""
    hosted.unsigned("dana")
    branch = hosted.world.release("dana", "churn", 1)
    hosted.world.git("dana", "commit", "-q", "--amend", "-m", f"Release\n\nCo-authored-by: {line}")
    hosted.world.push("dana")
    hosted.merge(branch, hosted.reviews(branch, "ravi"), named=named)
    assert hosted.verdict().reason == reason
    sound(hosted)


@pytest.mark.parametrize(
    ("trailer", "reason"),
    [
        ("Co-authored-by: RM", Reason.AUTHOR_UNPROVEN),
        ("Co-authored-by: Mei Tanaka", Reason.APPROVED),
        ("Co-authored-by: Ravi Menon", Reason.SELF_APPROVAL),
        ("Co-authored-by: R <7+ravi-gh@users.noreply.github.com>", Reason.SELF_APPROVAL),
    ],
)
def test_whom_a_squash_hides_the_branch_still_names(hosted: Hosted, trailer: str, reason: Reason) -> None:
    """By a name alone, or by an address of the forge's making; the squash itself names Dana alone."""
    world = hosted.world
    hosted.unsigned("dana")
    branch = world.release("dana", "churn", 1)
    world.git("dana", "commit", "-q", "--amend", "-m", f"Release\n\n{trailer}")
    world.push("dana")
    head, reviews = world.run(world.origin, "git", "rev-parse", branch), hosted.reviews(branch, "ravi")
    world.branch("dana", "squashing")
    world.git("dana", "merge", "-q", "--squash", f"origin/{branch}")
    merged = world.commit("dana", "Squashed")
    world.git("dana", "push", "-q", "origin", "HEAD:main")
    hosted.tell(merged, head, reviews)
    assert hosted.verdict().reason == reason
    sound(hosted)


def test_taking_in_the_base_branch_names_nobody(hosted: Hosted) -> None:
    """The forge's own button updates Dana's branch, by a commit of the forge's own address."""
    world = hosted.world
    hosted.unsigned("dana")
    branch = world.release("dana", "churn", 1)
    where = world.branch("mei", "other")
    world.write(where, "README.md", "Hello")
    world.commit("mei", "Say hello")
    world.merge(world.push("mei"))
    world.git("dana", "fetch", "-q", "origin")
    forge = ("-c", "user.name=Forge", "-c", "user.email=noreply@forge.example")
    # What Git takes from the environment goes before what it is told to.
    words = ["env", *(f"-uGIT_{role}_{key}" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL"))]
    merge = (*words, "git", *forge, "merge", "-q", "--no-ff", "-m", "Update", "origin/main")
    world.run(world.enter("dana"), *merge, who="dana")
    world.push("dana")
    hosted.merge(branch, hosted.reviews(branch, "ravi"))
    assert hosted.verdict().reason == Reason.APPROVED


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("clean", Reason.APPROVED),
        ("a clean one, by force", Reason.SELF_APPROVAL),
        ("with a text of his own", Reason.SELF_APPROVAL),
        ("and more on another day", Reason.SELF_APPROVAL),
    ],
)
def test_taking_in_the_base_branch_is_no_contribution(hosted: Hosted, way: str, reason: Reason) -> None:
    """Ravi presses the forge's button on Dana's branch, and reviews what comes of it."""
    world = hosted.world
    hosted.unsigned("dana")
    branch = world.release("dana", "churn", 1)
    before = world.git("dana", "rev-parse", "HEAD")
    where = world.branch("mei", "other")
    world.write(where, "README.md", "Hello")
    world.commit("mei", "Say hello")
    world.merge(world.push("mei"))
    world.git("dana", "fetch", "-q", "origin")
    world.git("dana", "merge", "-q", "--no-ff", "-m", "Update", "origin/main")
    if way == "with a text of his own":
        world.write(world.enter("dana"), "README.md", "Bye")
        world.commit("dana", "Update", "--amend")
    after = world.git("dana", "rev-parse", "HEAD")
    if way == "and more on another day":
        world.write(world.enter("dana"), "README.md", "Bye")
        world.commit("dana", "Say bye")
    head = world.git("dana", "rev-parse", "HEAD")
    world.push("dana")
    update = {"before": "", "after": ""} if "force" in way else {"before": before, "after": after}
    more = (Hand(login="ravi-gh", before=after, after=head),) if head != after else ()
    hands = (
        Hand(login="dana-gh", after=before), Hand(login="ravi-gh", after=after), *more,
        Hand(login="ravi-gh", **update),
    )  # fmt: skip
    reviews = hosted.reviews(branch, "ravi")
    hosted.merge(branch, reviews, pushers=("dana-gh", "ravi-gh"), hands=hands)
    assert hosted.verdict().reason == reason
    sound(hosted)


def test_merging_is_no_contribution(hosted: Hosted) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"), merged_by="ravi-gh")
    assert hosted.verdict().reason == Reason.APPROVED


@pytest.mark.parametrize("way", ["in the merge", "on top of it"])
@pytest.mark.parametrize("gone", [False, True], ids=["by Ravi", "by an account that is gone"])
def test_what_a_merge_by_hand_brings_beside_the_branch_is_the_mergers(
    hosted: Hosted, way: str, gone: bool
) -> None:
    """Ravi pushes the merge himself, with a text of his own under Dana's name, and lets Omar pin that."""
    world = hosted.world
    hosted.unsigned("dana")
    branch = world.release("dana", "churn", 1)
    reviews = hosted.reviews(branch, "mei")
    head = world.run(world.origin, "git", "rev-parse", branch)
    where = world.branch("dana", "by-hand")
    world.git("dana", "merge", "-q", "--no-ff", "-m", "Merge", f"origin/{branch}")
    clean = world.git("dana", "rev-parse", "HEAD")
    world.edit(where, "models.yaml", lambda value: value["models"].update(fraud=value["models"]["churn"]))
    world.edit(
        where, "params.yaml", lambda value: value["candidates"].update(fraud=value["candidates"]["churn"])
    )
    amend = ("--amend",) if way == "in the merge" else ()
    merged = world.commit("dana", "Merge", *amend)
    world.git("dana", "push", "-q", "origin", "HEAD:main")
    merger = None if gone else "ravi-gh"
    if not amend:
        hosted.tell(clean, head, reviews, merged_by=merger)
    hosted.tell(merged, head, reviews, merged_by=merger)
    assert hosted.verdict().reason == (Reason.AUTHOR_UNPROVEN if gone and amend else Reason.APPROVED)
    hosted.unsigned("omar")
    pinned = world.release("omar", "fraud", 1)
    hosted.merge(pinned, hosted.reviews(pinned, "ravi"), author="omar-gh", pushers=("omar-gh",))
    assert hosted.verdict("fraud").reason == (Reason.AUTHOR_UNPROVEN if gone else Reason.SELF_APPROVAL)
    sound(hosted)


def test_two_accounts_of_one_person_count_once_and_shared_accounts_never(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path, rules=[{"approvals": {"reviewer": 2}}])
    branch = hosted.world.release("dana", "churn", 1)
    twice = hosted.reviews(branch, "ravi") + hosted.reviews(branch, "ravi", reviewer="RAVI-gh")
    hosted.merge(branch, twice)
    decision = hosted.verdict()
    assert (decision.reason, decision.missing) == (Reason.APPROVALS_MISSING, {"reviewer": 1})


def test_a_tier_that_demands_signatures_takes_no_review(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path, rules=[{"approvals": {"reviewer": 1}, "signed": True}])
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"))
    assert hosted.verdict().reason == Reason.SIGNATURE_REQUIRED


def test_settings_of_the_forge_that_unbind_approvals_are_named(hosted: Hosted) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"), unsafe=("reset_approvals_on_push",))
    decision = hosted.verdict()
    assert decision.reason == Reason.FORGE_UNSAFE
    assert "reset_approvals_on_push" in decision.detail


@pytest.mark.parametrize(
    "told",
    [{"base": "other"}, {"forge": "gitlab"}, {"head": "b" * 40}],
    ids=["another branch", "another forge", "a head that nobody has"],
)
def test_a_request_that_does_not_fit_proves_nothing(hosted: Hosted, told: Mapping[str, Any]) -> None:
    hosted.unsigned("dana")
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"), **told)
    decision = hosted.verdict()
    assert decision.reason == Reason.AUTHOR_UNPROVEN
    sound(hosted)


def test_a_push_past_the_forge_is_unproven_unless_it_is_signed(hosted: Hosted) -> None:
    hosted.unsigned("dana")
    hosted.world.merge(hosted.world.release("dana", "churn", 1))
    assert hosted.verdict().reason == Reason.AUTHOR_UNPROVEN


def test_a_signature_counts_beside_reviews(hosted: Hosted) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    hosted.world.approve(branch, "ravi")
    hosted.merge(branch, ())
    (approval,) = hosted.verdict().approvals
    assert approval.kind == "signed-by-approver"


def test_reviews_signed_by_another_collector_do_not_count(hosted: Hosted) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"))
    other = replace(hosted.world.collector(), request=hosted.world.collector("stranger").request)
    assert hosted.verdict(collector=other).reason != Reason.APPROVED


def test_nothing_is_decided_while_the_forge_is_away(hosted: Hosted) -> None:
    class Away:
        def merged_as(self, commit: str) -> Request | None:
            raise RetryLater("the forge did not answer", after=5)

    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"))
    before = hosted.world.head()
    with pytest.raises(RetryLater):
        hosted.world.reconcile(requests=lambda _: Away())
    assert hosted.world.head() == before


def test_a_collector_that_vouches_for_what_was_not_reviewed_is_found(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger's own collector claims that an early commit declared what was pushed after the review."""
    world = hosted.world
    branch = world.release("dana", "churn", 1)
    early = hosted.reviews(branch, "ravi")
    where = world.enter("dana")
    world.edit(where, "models.yaml", lambda value: value["models"]["churn"].update({"owner": "platform"}))
    late = world.commit("dana", "Another owner")
    world.push("dana")
    hosted.merge(branch, early)
    honest = witness.transitions_of

    def lying(states: States, past: Past, _: str, step: tuple[str, Policy]) -> tuple[Transition, ...]:
        return honest(states, past, late, step)

    monkeypatch.setattr(witness, "transitions_of", lying)
    assert hosted.verdict().reason == Reason.APPROVED
    monkeypatch.undo()
    proven = verify(world.branch("mei", "looking"), store=Store(hosted.world.root / "store"), everything=True)
    wrong = [each for each in proven.proofs if each.outcome == "FAILED" and each.link == "approval"]
    assert wrong
    assert "declares other transitions" in wrong[0].detail
