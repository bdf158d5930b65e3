"""Approved state becomes manifests and ledger, and nothing else does: one attack a test."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ordain.adapters.git import Repository, StoreError, scratch
from ordain.cli.reconcile import order
from ordain.core.approvals import approval
from ordain.core.decisions import Decision
from ordain.core.evidence import attestation
from ordain.core.gating.verdicts import Verdict
from ordain.core.ledger.ledger import decode
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.reconciling.order import Outcome, Place
from ordain.services.requests.approve import approve
from tests.services.world import FAILED, PARITY, World, environment_file, partial_clone

CHURN, SHARED = "staging/churn", "staging/_shared"


def by_target(outcome: Outcome) -> dict[str, Decision]:
    """The newest decision on each target."""
    return {each.transition.target.label: each for entry in outcome.entries for each in entry.decisions}


def verdicts(outcome: Outcome) -> dict[str, str]:
    """The reason for each target."""
    return {label: each.reason.value for label, each in by_target(outcome).items()}


def merged(world: World, branch: str, *people: str) -> dict[str, str]:
    """Approve, merge, reconcile; the reasons."""
    return verdicts(world.deploy(branch, *people))


def refused(world: World, branch: str, *people: str, target: str = CHURN) -> str:
    """Merge a change that must be refused and leave the target's manifests as they are; the reason."""
    before = world.manifests(target)
    reasons = merged(world, branch, *people)
    assert world.manifests(target) == before
    return reasons[target]


def changed(world: World, who: str, name: str, change: Callable[[dict[str, Any]], Any]) -> str:
    """A pushed branch in which somebody changes the policy."""
    where = world.branch(who, name)
    world.edit(where, "policy.yaml", change)
    world.commit(who, "Change the policy")
    return world.push(who)


# -- the happy path ------------------------------------------------------------------------------


def test_an_approved_release_is_rendered_and_recorded(world: World) -> None:
    outcome = world.deploy(world.release("dana", "churn", 1), "ravi")
    assert verdicts(outcome) == {CHURN: "approved", SHARED: "approved"}
    assert {path.split("/")[1] for path in world.manifests()} == {"churn", "_shared"}
    (entry,) = [decode(data) for data in world.ledger().values()]
    assert entry.source == world.git("ada", "rev-parse", "HEAD")
    (decision,) = [each for each in entry.decisions if each.transition.target.label == CHURN]
    assert decision.contributors == ("ada", "dana")  # she wrote the environment
    assert [each.person for each in decision.approvals] == ["ravi"]
    assert decision.approvals[0].kind == "signed-by-approver"


def test_a_second_run_changes_nothing(running: World) -> None:
    head = running.head()
    assert running.reconcile() == Outcome()
    assert running.head() == head


def test_genesis_deploys_nothing(world: World) -> None:
    assert world.reconcile() == Outcome()


def test_the_reconciler_reads_commits_and_never_the_working_tree(running: World) -> None:
    where = running.enter("ada")
    (where / "models.yaml").write_text("nonsense: [", encoding="utf-8")
    assert running.reconcile(borrow=where) == Outcome()
    assert (where / "models.yaml").read_text() == "nonsense: ["


def test_the_commit_is_signed_by_the_collector_and_touches_manifests_only(running: World) -> None:
    repository = Repository(running.origin)
    (commit,) = repository.commits([running.head()])
    assert commit.signer is not None
    assert commit.signer.fingerprint == running.collector().key
    signers = running.root / "signers"
    signers.write_text(f"reconciler@ordain.dev {running.public('collector')}\n")
    running.run(running.origin, "git", "-c", f"gpg.ssh.allowedSignersFile={signers}", "-c", "gpg.format=ssh",
                "verify-commit", commit.id)  # fmt: skip
    changed_paths = running.run(running.origin, "git", "diff", "--name-only", "HEAD~1", "HEAD").split()
    assert all(path.startswith("manifests/") for path in changed_paths)


def test_it_can_write_to_another_branch_and_another_repository(running: World) -> None:
    source = Place(str(running.origin), "main")
    elsewhere = running.root / "deploy.git"
    running.run(running.root, "git", "init", "-q", "--bare", "-b", "live", str(elsewhere))
    for target in (Place(str(running.origin), "live"), Place(str(elsewhere), "live")):
        outcome = running.reconcile(target=target)
        assert verdicts(outcome) == {CHURN: "approved", SHARED: "approved"}
        assert running.reconcile(source=source, target=target) == Outcome()
        found = Repository(running.root / target.address).read(str(outcome.commit), ("manifests/",))
        short = {path.removeprefix("manifests/"): data for path, data in found.items()}
        rendered = {p: d for p, d in short.items() if "/churn/" in p or "/_shared/" in p}
        assert rendered == running.manifests()


# -- people --------------------------------------------------------------------------------------


def test_what_a_partial_clone_lacks_is_no_fault_of_the_state(running: World) -> None:
    """Its newest commit is whole; the step before it is not, and is fetched."""
    for number in (5, 2):
        running.sign(branch := running.replicas("dana", number), "ravi")
        running.merge(branch)
    where = partial_clone(running, "blob:none")
    outcome = running.reconcile(borrow=where)
    assert [each.decisions[0].approved for each in outcome.entries] == [True, True]
    assert {each.decisions[0].transition.target.label for each in outcome.entries} == {CHURN}
    branch = running.replicas("dana", 7)
    running.run(where, "git", "fetch", "-q")
    setting = msgspec.structs.replace(running.setting("ravi"), clone=Repository(where))
    with pytest.raises(UserError, match="this clone is partial"):
        approve(setting, f"origin/{branch}", running.approver("ravi"))


def test_an_object_that_is_gone_is_no_fault_of_the_state(running: World) -> None:
    """A damaged clone lends what it has: nothing is judged by what it has not."""
    for number in (5, 2):
        running.sign(branch := running.replicas("dana", number), "ravi")
        step = running.merge(branch)
    where = running.enter("mei")
    running.git("mei", "fetch", "-q", "origin")
    blob = running.git("mei", "rev-parse", f"{step}^:models.yaml")
    (where / ".git/objects" / blob[:2] / blob[2:]).unlink()
    before = running.head()
    with pytest.raises(StoreError, match=f"the blob {blob} is not here"):
        running.reconcile(borrow=where)
    assert running.head() == before


def test_an_unapproved_change_leaves_everything_as_it_was(running: World) -> None:
    assert refused(running, running.replicas("dana", 5)) == Reason.APPROVALS_MISSING
    assert len(running.ledger()) == 2


def test_a_refusal_is_recorded_once_and_still_shown(running: World) -> None:
    running.deploy(running.replicas("dana", 5))
    again = running.reconcile()
    assert (again.commit, again.entries) == (None, ())
    running.branch("ada", "readme")
    running.commit("ada", "Something else")
    later = running.deploy(running.push("ada"))
    assert later.entries == ()
    assert [each.reason for each in later.standing] == [Reason.APPROVALS_MISSING]


def test_whoever_contributed_cannot_approve(running: World) -> None:
    branch = running.replicas("dana", 5)
    with pytest.raises(UserError) as caught:
        running.approve(branch, "dana")
    assert caught.value.reason == Reason.SELF_APPROVAL
    _publish_as(running, branch, "dana")
    assert refused(running, branch) == Reason.SELF_APPROVAL


def test_a_co_author_cannot_approve(running: World) -> None:
    branch = running.replicas("dana", 5)
    running.git("dana", "commit", "-q", "--amend", "-m", "Five\n\nco-AUTHORED-by: R <RAVI@x.example>\n\nmore")
    running.push("dana")
    _publish_as(running, branch, "ravi")
    assert refused(running, branch) == Reason.SELF_APPROVAL


def _publish_as(world: World, branch: str, who: str) -> None:
    """Publish somebody's approval of what the branch would change, without the courtesy checks."""
    transitions = [each.transition for each in _previewed(world, branch)]
    content = approval.statement(transitions, world.git(who, "rev-parse", "HEAD"))
    data = attestation.to_bytes(attestation.seal(content, world.approver(who).sign))
    _publish(world, data)


def _previewed(world: World, branch: str) -> tuple[Decision, ...]:
    from ordain.services.judging.workspace import at_base

    setting = world.setting("ada")
    world.git("ada", "fetch", "-q", "origin")
    with at_base(setting) as desk:
        return desk.preview(setting.clone.resolve(f"origin/{branch}")).judged.decisions


def _publish(world: World, data: bytes) -> None:
    from ordain.adapters.forge_local import LocalForge

    with scratch() as repository:
        LocalForge(repository, str(world.origin)).publish(data)


def test_an_author_by_name_who_is_not_the_signer_counts_as_well(running: World) -> None:
    """Dana signs a commit that claims Ravi as its author: neither of them counts."""
    branch = running.replicas("dana", 5)
    running.git("dana", "commit", "-q", "--amend", "--author", "Ravi <ravi@x.example>", "--no-edit")
    running.push("dana")
    _publish_as(running, branch, "ravi")
    _publish_as(running, branch, "dana")
    assert refused(running, branch) == Reason.SELF_APPROVAL


def test_a_signer_behind_another_name_counts(running: World) -> None:
    """Ravi writes the change as `nobody`, signs with his own key, and approves it."""
    branch = running.replicas("ravi", 5)
    running.git("ravi", "-c", "user.name=Nobody", "-c", "user.email=no@body.example", "commit", "-q",
                "--amend", "--reset-author", "--no-edit")  # fmt: skip
    running.push("ravi")
    _publish_as(running, branch, "ravi")
    assert refused(running, branch) == Reason.SELF_APPROVAL


@pytest.mark.parametrize("options", [("--no-gpg-sign",), ("-S{keys}/stranger",), ("-S{keys}/collector",)])
def test_an_unproven_author_blocks(running: World, options: tuple[str, ...]) -> None:
    branch = running.replicas("dana", 5)
    words = [each.format(keys=running.keys) for each in options]
    running.git("dana", "commit", "-q", "--amend", "--no-edit", *words)
    running.push("dana")
    assert refused(running, branch, "ravi", "mei") == Reason.AUTHOR_UNPROVEN


def test_two_keys_of_one_person_count_once(world: World) -> None:
    def two_keys(policy: dict[str, Any]) -> None:
        policy["people"]["ravi"]["keys"].append({"key": world.public("ravi-second")})
        policy["rules"][0]["approvals"] = {"reviewer": 2}

    assert (
        merged(world, changed(world, "ada", "keys", two_keys), "mei", "omar")["_policy/_policy"] == "approved"
    )
    branch = world.release("dana", "churn", 1)
    world.approve(branch, "ravi")
    world.git("ravi", "fetch", "-q", "origin")
    approve(world.setting("ravi"), f"origin/{branch}", world.approver("ravi-second"))
    assert refused(world, branch) == Reason.APPROVALS_MISSING
    running = world.reconcile()
    assert running.entries == ()


def test_nobody_fills_two_places(running: World) -> None:
    """Production needs a reviewer and a risk officer; Mei is both, and one person."""
    branch = running.promote("dana").branch
    assert refused(running, branch, "mei", target="production/churn") == Reason.APPROVALS_MISSING


def test_what_no_rule_speaks_of_is_denied(world: World) -> None:
    def narrow(policy: dict[str, Any]) -> None:
        policy["rules"] = [{"environments": ["production"], "approvals": {"reviewer": 1}}]

    merged(world, changed(world, "ada", "narrow", narrow), "mei", "omar")
    reasons = merged(world, world.release("dana", "churn", 1), "ravi", "mei", "omar")
    assert reasons == {CHURN: Reason.NO_RULE, SHARED: Reason.NO_RULE}


def test_bots_strangers_and_broken_signatures_never_count(world: World) -> None:
    def robot(policy: dict[str, Any]) -> None:
        keys = [{"key": world.public("bot")}]
        policy["people"]["robot"] = {
            "name": "Robot", "emails": ["bot@x.example"], "roles": ["reviewer"], "keys": keys, "bot": True,
        }  # fmt: skip

    merged(world, changed(world, "ada", "robot", robot), "mei", "omar")
    branch = world.release("dana", "churn", 1)
    transitions = [each.transition for each in _previewed(world, branch)]
    content = approval.statement(transitions, "0" * 40)
    for key in ("bot", "stranger"):
        _publish(world, attestation.to_bytes(attestation.seal(content, world.approver(key).sign)))
    assert refused(world, branch) == Reason.KEY_UNKNOWN
    branch = world.release("dana", "churn", 2)
    transitions = [each.transition for each in _previewed(world, branch)]
    good = attestation.seal(approval.statement(transitions, "0" * 40), world.approver("mei").sign)
    other = attestation.seal(approval.statement(transitions, "1" * 40), world.approver("mei").sign)
    _publish(world, attestation.to_bytes({**good, "signatures": other["signatures"]}))
    _publish(world, b"not an envelope")
    assert refused(world, branch) == Reason.SIGNATURE_INVALID


def test_a_signature_for_another_purpose_does_not_count(running: World) -> None:
    """The same bytes, signed by Ravi as a ledger entry instead of as an approval."""
    from ordain.adapters.ssh import signer

    branch = running.replicas("dana", 5)
    transitions = [each.transition for each in _previewed(running, branch)]
    sign = signer(running.keys / "ravi", attestation.LEDGER_NAMESPACE)
    _publish(running, attestation.to_bytes(attestation.seal(approval.statement(transitions, "0" * 40), sign)))
    assert refused(running, branch) == Reason.SIGNATURE_INVALID


def test_a_revoked_key_does_not_count_whenever_it_signed(running: World) -> None:
    """Ravi signs; his key is revoked on main before the reconciler sees it; that needs no approval."""
    branch = running.replicas("dana", 5)
    running.approve(branch, "ravi")
    running.merge(branch)
    revoked = [running.public("ravi")]
    running.merge(changed(running, "ada", "revoke", lambda policy: policy.update(revoked=revoked)))
    assert verdicts(running.reconcile())[CHURN] == Reason.KEY_UNKNOWN


# -- what an approval covers -----------------------------------------------------------------------


def test_an_approval_of_another_repository_or_branch_does_not_count(running: World) -> None:
    branch = running.replicas("dana", 5)
    transitions = [each.transition for each in _previewed(running, branch)]
    for change in ({"repository": "local/other"}, {"branch": "live"}):
        moved = [msgspec.structs.replace(each, **change) for each in transitions]
        content = approval.statement(moved, "0" * 40)
        _publish(running, attestation.to_bytes(attestation.seal(content, running.approver("ravi").sign)))
    assert refused(running, branch) == Reason.APPROVALS_MISSING


def test_more_replicas_than_were_approved(running: World) -> None:
    branch = running.replicas("dana", 5)
    running.approve(branch, "ravi")
    deploy = {"replicas": {"min": 6, "max": 8}}
    running.edit(
        running.enter("dana"), "models.yaml", lambda value: value["models"]["churn"].update(deploy=deploy)
    )
    running.commit("dana", "One more")
    running.push("dana")
    assert refused(running, branch) == Reason.STALE_APPROVAL


def test_retraining_after_the_approval(running: World) -> None:
    branch = running.release("dana", "churn", 2)
    running.approve(branch, "ravi")
    running.add_release("dana", running.enter("dana"), ("churn", 2), salt="retrained")
    assert refused(running, branch) == Reason.STALE_APPROVAL


def test_two_merges_that_nobody_saw_together_need_new_approval_by_an_empty_request(running: World) -> None:
    """Replicas and port are approved apart; merged together they are a third thing."""
    first = running.replicas("dana", 5)
    where = running.branch("dana", "monitoring")
    running.edit(
        where, "models.yaml",
        lambda value: value["models"]["churn"]["monitoring"].update(latency_objective_ms=20),
    )  # fmt: skip
    running.commit("dana", "Twenty milliseconds")
    second = running.push("dana")
    running.approve(first, "ravi")
    running.approve(second, "ravi")
    running.merge(first)
    running.merge(second)
    outcome = running.reconcile()
    reasons = [
        each.reason for entry in outcome.entries for each in entry.decisions
        if each.transition.target.label == CHURN
    ]  # fmt: skip
    assert reasons == [Reason.APPROVED, Reason.STALE_APPROVAL]
    running.branch("omar", "please-look")
    running.commit("omar", "Ask for approval of what is there")
    empty = running.push("omar")
    _publish_as(running, empty, "dana")
    assert refused(running, empty) == Reason.SELF_APPROVAL
    running.branch("omar", "please-look-again")
    running.commit("omar", "Ask again")
    again = running.push("omar")
    decisions = by_target(running.deploy(again, "omar"))
    assert decisions[CHURN].approved
    assert decisions[CHURN].contributors == ("dana",)


def test_an_old_approval_cannot_be_replayed(running: World) -> None:
    """A to B to A to B: every way has the same ends, and each needs approvals of its own."""
    assert merged(running, running.replicas("dana", 5), "ravi")[CHURN] == "approved"
    assert merged(running, running.replicas("dana", 2, branch="back"), "ravi")[CHURN] == "approved"
    assert refused(running, running.replicas("dana", 5, branch="again")) == Reason.STALE_APPROVAL


def _another_model(world: World) -> None:
    world.merge(world.release("mei", "fraud", 1))


def _description_last(text: str) -> str:
    lines = text.splitlines(keepends=True)
    (place,) = [number for number, line in enumerate(lines) if "description:" in line]
    return "".join([*lines[:place], *lines[place + 1 :], lines[place]])


def _on_main(world: World, path: str, change: Callable[[str], str]) -> None:
    where = world.branch("mei", "beside")
    text = (where / path).read_text()
    assert change(text) != text
    (where / path).write_text(change(text))
    world.commit("mei", "Beside the point")
    world.merge(world.push("mei"))


NOT_VOIDING: dict[str, Callable[[World], None]] = {
    "a comment": lambda w: _on_main(w, "models.yaml", lambda text: "# why\n" + text),
    "a colleague": lambda w: _on_main(
        w, "policy.yaml",
        lambda text: text.replace(
            "people:\n", "people:\n  zoe: {name: Zoe, emails: [zoe@x.example], roles: [reviewer]}\n"
        ),
    ),
    "a moved key": lambda w: _on_main(w, "models.yaml", _description_last),
    "a description": lambda w: _on_main(w, "models.yaml", lambda text: text.replace("leave.", "go.")),
    "another model": _another_model,
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_VOIDING)
def test_what_does_not_void_an_approval(running: World, name: str) -> None:
    where = running.branch("dana", "pin")
    text = (where / "environments/staging.yaml").read_text()
    (where / "environments/staging.yaml").write_text(text.replace("ml-staging", "ml-staging-2"))
    running.commit("dana", "Another namespace")
    branch = running.push("dana")
    running.approve(branch, "ravi")
    NOT_VOIDING[name](running)
    running.merge(branch)
    assert verdicts(running.reconcile())[CHURN] == "approved"


# -- contributions ---------------------------------------------------------------------------------


def test_a_clean_update_from_base_is_no_contribution_and_an_evil_one_is(running: World) -> None:
    """Ravi updates Dana's branch from main, once cleanly and once with a change of his own inside."""
    for number, evil in ((5, False), (6, True)):
        branch = running.replicas("dana", number)
        running.branch("ada", f"readme-{number}")
        (running.enter("ada") / f"README-{number}.md").write_text("Hello\n")
        running.commit("ada", "Say hello")
        running.merge(running.push("ada"))
        running.git("ravi", "fetch", "-q", "origin")
        running.git("ravi", "checkout", "-q", "-B", branch, f"origin/{branch}")
        running.git("ravi", "merge", "-q", "--no-ff", "--no-commit", "origin/main")
        if evil:
            text = (running.enter("ravi") / "models.yaml").read_text()
            (running.enter("ravi") / "models.yaml").write_text(text.replace("max: 8", "max: 9"))
        running.commit("ravi", "Update from main")
        running.push("ravi")
        _publish_as(running, branch, "ravi")
        assert merged(running, branch)[CHURN] == ("self-approval" if evil else "approved")


def test_an_evil_merge_into_main_makes_the_merger_a_contributor(running: World) -> None:
    branch = running.replicas("dana", 5)
    running.branch("ravi", "merging")
    running.git("ravi", "merge", "-q", "--no-ff", "--no-commit", f"origin/{branch}")
    text = (running.enter("ravi") / "models.yaml").read_text()
    (running.enter("ravi") / "models.yaml").write_text(text.replace("min: 5", "min: 6"))
    running.commit("ravi", "Merge, with a little more")
    running.push("ravi")
    _publish_as(running, "merging", "ravi")
    running.git("ravi", "push", "-q", "origin", "HEAD:main")
    decision = by_target(running.reconcile())[CHURN]
    assert decision.reason == Reason.SELF_APPROVAL
    assert decision.contributors == ("dana", "ravi")


def test_whoever_broke_the_state_is_remembered_when_another_mends_it(running: World) -> None:
    """Ravi hides a change in a commit that nobody can read; Dana's repair does not make it hers alone."""
    where = running.branch("ravi", "broken")
    text = (where / "models.yaml").read_text()
    (where / "models.yaml").write_text(text.replace("min: 2", "min: 3") + "    oops: 1\n")
    running.commit("ravi", "Break it")
    before = running.manifests()
    outcome = running.deploy(running.push("ravi"))
    assert verdicts(outcome) == {"_state/_state": "state-invalid"}
    assert running.manifests() == before
    where = running.branch("dana", "mended")
    (where / "models.yaml").write_text((where / "models.yaml").read_text().replace("    oops: 1\n", ""))
    running.commit("dana", "Mend it")
    branch = running.push("dana")
    _publish_as(running, branch, "ravi")
    decision = by_target(running.deploy(branch))[CHURN]
    assert (decision.reason, decision.contributors) == (Reason.SELF_APPROVAL, ("dana", "ravi"))
    running.branch("ada", "look")
    running.commit("ada", "Look")
    assert merged(running, running.push("ada"), "mei")[CHURN] == "approved"


def test_each_commit_of_a_fast_forward_is_a_step(running: World) -> None:
    running.replicas("dana", 5, branch="ff")
    where = running.enter("dana")
    running.edit(where, "models.yaml", lambda v: v["models"]["churn"]["deploy"]["replicas"].update(min=6))
    running.commit("dana", "Six")
    branch = running.push("dana")
    running.approve(branch, "ravi")
    running.git("dana", "push", "-q", "origin", "HEAD:main")
    outcome = running.reconcile()
    assert [[d.reason for d in e.decisions] for e in outcome.entries] == [["stale-approval"], ["approved"]]


# -- policy ----------------------------------------------------------------------------------------


def test_a_request_that_lowers_its_own_bar(running: World) -> None:
    where = running.branch("dana", "sneaky")
    running.edit(where, "policy.yaml", lambda p: p["rules"].__setitem__(0, {"approvals": {"platform": 1}}))
    running.edit(where, "models.yaml", lambda v: v["models"]["churn"].update(risk="low"))
    running.commit("dana", "Small clean-up")
    before = running.manifests()
    reasons = merged(running, running.push("dana"), "ada")
    assert reasons == {CHURN: "approvals-missing", "_policy/_policy": "approvals-missing"}
    assert running.manifests() == before


def test_an_unapproved_policy_judges_nothing_even_after_it_was_merged(running: World) -> None:
    lower = changed(running, "dana", "lower", lambda p: p.update(rules=[{"approvals": {"platform": 1}}]))
    assert merged(running, lower) == {"_policy/_policy": "approvals-missing"}
    assert refused(running, running.replicas("dana", 5), "ada") == Reason.APPROVALS_MISSING


def test_an_approved_policy_judges_from_the_next_step_on(running: World) -> None:
    lower = changed(running, "ada", "lower", lambda p: p.update(rules=[{"approvals": {"platform": 1}}]))
    assert merged(running, lower, "mei", "ravi") == {"_policy/_policy": "approved"}
    assert merged(running, running.replicas("dana", 5), "ada")[CHURN] == "approved"


def test_lowering_the_risk_is_judged_by_the_higher_one(world: World) -> None:
    def tiers(policy: dict[str, Any]) -> None:
        policy["rules"] = [
            {"risk": ["low", "medium"], "approvals": {"reviewer": 1}},
            {"risk": ["high"], "approvals": {"risk-officer": 2}},
        ]

    merged(world, changed(world, "ada", "tiers", tiers), "mei", "omar")
    assert merged(world, world.release("dana", "churn", 1), "mei", "omar")[CHURN] == "approved"
    where = world.branch("dana", "low")
    world.edit(where, "models.yaml", lambda v: v["models"]["churn"].update(risk="low"))
    world.commit("dana", "It is not so bad")
    assert refused(world, world.push("dana"), "ravi") == Reason.APPROVALS_MISSING
    world.branch("ada", "empty")
    world.commit("ada", "Again")
    assert verdicts(world.deploy(world.push("ada"), "mei", "omar"))[CHURN] == "approved"
    assert merged(world, world.replicas("dana", 5), "ravi")[CHURN] == "approved"


# -- evidence --------------------------------------------------------------------------------------

THIN = (Verdict(gate="quality.roc_auc", outcome="insufficient", bound=0.7), PARITY)


def waiver(expires: str) -> dict[str, str]:
    return {"model": "churn", "gate": "quality.roc_auc", "reason": "Known, and accepted.", "expires": expires}


@pytest.mark.parametrize(
    ("found", "reason"), [(FAILED, "gate-failed"), (THIN, "gate-insufficient"), ((), "gate-insufficient")]
)
def test_a_gate_that_did_not_pass_blocks(world: World, found: tuple[Verdict, ...], reason: str) -> None:
    branch = world.release("dana", "churn", 1, verdicts=found)
    assert refused(world, branch, "ravi", "mei") == reason


def with_waiver(world: World, expires: str) -> str:
    branch = world.release("dana", "churn", 1, verdicts=FAILED)
    world.edit(world.enter("dana"), "policy.yaml", lambda p: p.update(waivers=[waiver(expires)]))
    world.commit("dana", "Ask for a waiver")
    world.push("dana")
    return branch


def test_a_waiver_in_the_same_request_counts_when_it_is_approved_itself(world: World) -> None:
    decisions = by_target(world.deploy(with_waiver(world, "2026-12-31"), "ravi", "mei"))
    assert decisions["_policy/_policy"].approved
    assert decisions[CHURN].approved
    assert [each.gate for each in decisions[CHURN].waivers] == ["quality.roc_auc"]


def test_a_waiver_in_the_same_request_does_not_count_unapproved(world: World) -> None:
    """A reviewer suffices for staging; the policy needs a risk officer too."""
    assert refused(world, with_waiver(world, "2026-12-31"), "ravi") == Reason.WAIVER_UNAPPROVED


def test_an_expired_waiver_blocks_new_decisions_and_removes_nothing(world: World) -> None:
    world.deploy(with_waiver(world, "2026-12-31"), "ravi", "mei")
    world.now += dt.timedelta(days=60)
    assert world.reconcile() == Outcome()
    assert world.manifests("staging/churn")
    assert refused(world, world.replicas("dana", 5), "ravi", "mei") == Reason.WAIVER_EXPIRED


def test_a_clock_that_is_behind_makes_nothing_older_than_what_it_follows(world: World) -> None:
    """Else a waiver that had expired would count again, and `audit --at` tell of a time that never was."""
    world.now += dt.timedelta(days=60)
    world.deploy(world.release("dana", "upsell", 1), "ravi")
    world.now -= dt.timedelta(days=40)
    assert refused(world, with_waiver(world, "2026-12-31"), "ravi", "mei") == Reason.WAIVER_EXPIRED
    observed = [decode(data).observed for _, data in sorted(world.ledger().items())]
    assert observed == sorted(observed)


def test_an_artifact_that_was_not_published_blocks(running: World) -> None:
    branch = running.release("dana", "churn", 2)
    transitions = _previewed(running, branch)
    (ref,) = [each.release for each in transitions if each.release]
    running.absent.add(ref.artifact)
    assert refused(running, branch, "ravi") == Reason.ARTIFACT_ABSENT


def test_an_edited_release_record_blocks(running: World) -> None:
    where = running.enter("dana")
    branch = running.release("dana", "churn", 2)
    running.edit(where, "releases/churn/2.yaml", lambda value: value["metrics"].update(roc_auc=0.99))
    running.commit("dana", "Better")
    running.push("dana")
    before = running.manifests()
    with pytest.raises(UserError):
        running.approve(branch, "ravi")
    running.merge(branch)
    assert set(verdicts(running.reconcile())) == {"_state/_state"}
    assert running.manifests() == before


def test_production_cannot_be_pinned_past_staging(world: World) -> None:
    branch = world.release("dana", "churn", 1)
    world.pin(world.enter("dana"), "production", "churn", 1)
    world.commit("dana", "Straight to production")
    world.push("dana")
    reasons = merged(world, branch, "ravi", "mei")
    assert reasons["production/churn"] == Reason.NOT_PROMOTED
    assert reasons[CHURN] == "approved"


def test_a_change_cannot_lift_its_own_order_of_environments(world: World) -> None:
    branch = world.release("dana", "churn", 1)
    where = world.enter("dana")
    world.write(
        where,
        "environments/production.yaml",
        environment_file("production", {"churn": 1}, promotes_from=None),
    )
    world.edit(where, "environments/staging.yaml", lambda value: value.update(promotes_from="production"))
    world.commit("dana", "Production needs no staging")
    world.push("dana")
    assert merged(world, branch, "ravi", "mei")["production/churn"] == Reason.NOT_PROMOTED


# -- retiring, roll-back, promotion ------------------------------------------------------------------


def test_retiring_leaves_no_orphan_and_needs_approval(running: World) -> None:
    where = running.branch("dana", "retire")
    running.edit(where, "environments/staging.yaml", lambda value: value.update(models={}))
    running.commit("dana", "Retire churn")
    branch = running.push("dana")
    assert refused(running, branch) == Reason.APPROVALS_MISSING
    running.branch("ada", "again")
    running.commit("ada", "Again")
    decisions = by_target(running.deploy(running.push("ada"), "ravi"))
    assert decisions[CHURN].action == "retire"
    assert running.manifests() == {}


def test_a_git_revert_gives_the_earlier_bytes_once_approved(running: World) -> None:
    before = running.manifests()
    running.deploy(running.replicas("dana", 5), "ravi")
    assert running.manifests() != before
    running.branch("dana", "revert")
    merge = running.git("dana", "log", "--merges", "-1", "--format=%H")
    running.git("dana", "revert", "--no-edit", "-m", "1", merge)
    assert merged(running, running.push("dana"), "ravi")[CHURN] == "approved"
    assert running.manifests() == before


# -- hostile repositories ------------------------------------------------------------------------------


def test_a_symlink_or_submodule_in_the_state_is_refused(running: World) -> None:
    where = running.branch("dana", "link")
    (where / "environments/staging.yaml").unlink()
    (where / "environments/staging.yaml").symlink_to("/etc/passwd")
    running.commit("dana", "A link")
    before = running.manifests()
    outcome = running.deploy(running.push("dana"))
    assert verdicts(outcome) == {"_state/_state": "hostile-object"}
    assert running.manifests() == before


def test_a_symlink_is_refused_though_its_bytes_were_sound_as_a_file(running: World) -> None:
    running.branch("dana", "link")
    path = "models.yaml"
    blob = running.git("dana", "rev-parse", f"HEAD:{path}")
    running.git("dana", "update-index", "--cacheinfo", f"120000,{blob},{path}")
    running.git("dana", "commit", "-q", "-m", "A link of the same bytes")
    before = running.manifests()
    outcome = running.deploy(running.push("dana"))
    assert verdicts(outcome) == {"_state/_state": "hostile-object"}
    assert running.manifests() == before


def test_the_first_policy_cannot_be_replaced_by_breaking_it(running: World) -> None:
    """A revoked key does not come back because the policy can no longer be read."""
    branch = running.replicas("dana", 5)
    running.approve(branch, "ravi")
    revoked = [running.public("ravi")]
    running.merge(changed(running, "ada", "revoke", lambda p: p["people"]["ravi"].update(keys=[])))
    running.merge(changed(running, "ada", "revoke-too", lambda p: p.update(revoked=revoked)))
    running.merge(branch)
    where = running.branch("ada", "break")
    (where / "policy.yaml").write_text("people: [")
    running.commit("ada", "Break the policy")
    running.merge(running.push("ada"))
    assert verdicts(running.reconcile())[CHURN] == Reason.KEY_UNKNOWN


def test_another_key_than_a_collectors_is_refused(running: World) -> None:
    with pytest.raises(UserError) as caught:
        running.reconcile(collector=running.collector("stranger"))
    assert caught.value.reason == Reason.KEY_UNKNOWN


def test_another_branch_than_the_policys_is_refused(running: World) -> None:
    running.git("ada", "push", "-q", "origin", "HEAD:refs/heads/other")
    place = Place(str(running.origin), "other")
    with pytest.raises(UserError, match="governs the branch `main`"):
        running.reconcile(source=place, target=place)


def test_git_verifies_nothing_that_was_left_running(running: World) -> None:
    """Nothing of the reconciler's stays behind: no branch, no ref, no lock."""
    refs = running.run(running.origin, "git", "for-each-ref", "--format=%(refname)").split()
    assert {each for each in refs if not each.startswith("refs/ordain/approvals/")} == {
        "refs/heads/main", "refs/heads/churn-1",
    }  # fmt: skip
    subprocess.run(["git", "fsck", "--strict"], cwd=running.origin, check=True, capture_output=True)


@pytest.mark.parametrize("branch", ["refs/heads/live", "refs/x"])
def test_a_target_is_a_branch_by_its_short_name(running: World, branch: str) -> None:
    with pytest.raises(UserError, match="names a ref"):
        order(running.enter("ada"), running.keys / "collector", f"#{branch}")


def test_a_target_names_a_branch_here_or_another_repository(running: World) -> None:
    where, key = running.enter("ada"), running.keys / "collector"
    assert order(where, key, "#live").target == Place(str(running.origin), "live")
    assert order(where, key, str(running.root)).target == Place(str(running.root))
