"""The plan of an open request: its reviews count as they will when it is merged, and nobody signs that."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from ordain.core.people.request import Request, Review
from ordain.core.plans.plan import Item, Plan
from ordain.core.reasons import Reason
from ordain.ports import Requests
from ordain.services.reading.plan import plan
from ordain.services.reading.report import plan_request
from tests.services.test_requests import Hosted


class Open(Hosted):
    """Requests that are open, as a forge tells of them."""

    def __init__(self, root: Path, **policy: Any) -> None:
        super().__init__(root, **policy)
        self.open: dict[int, Request] = {}

    def merged_as(self, commit: str) -> Request | None:
        return self.forge.merged_as(commit)

    def under_review(self, number: int) -> Request | None:
        return self.open.get(number)

    def propose(self, branch: str, *reviews: Review, **told: Any) -> None:
        head = self.world.run(self.world.origin, "git", "rev-parse", branch)
        request = Request(
            forge="github", repository="local/test", number=12, title="A change", url="https://forge.example/12",
            base="main", head=head, merged="", merged_by=None, merged_at="", author="dana-gh",
            pushers=("dana-gh",), reviews=reviews,
        )  # fmt: skip
        self.open[12] = replace(request, **told)

    def look(self, who: str = "dana") -> Plan:
        return plan_request(self.world.setting(who), cast("Requests", self), 12)

    def churn(self) -> Item:
        (found,) = [each for each in self.look().items if each.target.label == "staging/churn"]
        return found


@pytest.fixture
def hosted(tmp_path: Path) -> Open:
    return Open(tmp_path)


def approvers(item: Item) -> list[str]:
    return [each.person for each in item.approvals]


def test_a_review_is_told_with_its_role_and_what_is_missing_without_it(hosted: Open) -> None:
    hosted.unsigned("dana")
    branch = hosted.world.release("dana", "churn", 1)
    hosted.propose(branch)
    before = hosted.churn()
    assert (before.approved, before.missing, approvers(before)) == (False, {"reviewer": 1}, [])
    assert before.contributors == ("ada", "dana"), "the founder, and who made it by the forge's word"
    hosted.propose(branch, *hosted.reviews(branch, "ravi"))
    after = hosted.churn()
    assert (after.approved, after.missing) == (True, {})
    assert [(each.person, each.roles) for each in after.approvals] == [("ravi", ("reviewer",))]
    assert any("as they stand now" in each for each in hosted.look().notes)


def test_what_is_shown_is_what_reconciling_then_decides(hosted: Open) -> None:
    hosted.unsigned("dana")
    branch = hosted.world.release("dana", "churn", 1)
    reviews = hosted.reviews(branch, "ravi")
    hosted.propose(branch, *reviews)
    shown = hosted.look()
    hosted.merge(branch, reviews)
    (entry,) = hosted.reconcile().entries
    assert {each.transition: (each.approved, approvers(each)) for each in shown.changes} == {
        each.transition.id: (each.approved, [one.person for one in each.approvals])
        for each in entry.decisions
    }


@pytest.mark.parametrize(
    ("reviewer", "changed", "reason"),
    [
        ("ravi", {"state": "changes_requested"}, Reason.APPROVALS_MISSING),
        ("ravi", {"state": "dismissed"}, Reason.APPROVALS_MISSING),
        ("ravi", {"commit": None}, Reason.APPROVALS_MISSING),
        ("ravi", {"bot": True}, Reason.APPROVALS_MISSING),
        ("dana", {}, Reason.SELF_APPROVAL),
        ("nobody", {}, Reason.ACCOUNT_UNKNOWN),
    ],
)
def test_reviews_that_will_not_count_are_not_shown_as_if(
    hosted: Open, reviewer: str, changed: dict[str, Any], reason: Reason
) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    hosted.propose(branch, *hosted.reviews(branch, reviewer, **changed))
    found = hosted.churn()
    assert (found.approved, found.reason, approvers(found)) == (False, reason, [])


def test_a_review_of_an_earlier_push_is_stale(hosted: Open) -> None:
    world = hosted.world
    branch = world.release("dana", "churn", 1)
    early = hosted.reviews(branch, "ravi")
    world.edit(world.enter("dana"), "models.yaml",
               lambda value: value["models"]["churn"].update({"owner": "platform"}))  # fmt: skip
    world.commit("dana", "Another owner")
    world.push("dana")
    hosted.propose(branch, *early)
    assert hosted.churn().reason == Reason.STALE_APPROVAL


@pytest.mark.parametrize("told", [{}, {"head": "f" * 40}])
def test_a_request_that_is_closed_or_elsewhere_counts_no_review_and_says_so(
    hosted: Open, told: dict[str, Any]
) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    if told:
        hosted.propose(branch, *hosted.reviews(branch, "ravi"), **told)
    assert not hosted.churn().approved
    assert any("reviews are not counted" in each for each in hosted.look().notes)


def test_what_the_reports_token_may_not_see_blocks_nothing_and_is_said(hosted: Open) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    reviews = hosted.reviews(branch, "ravi")
    hosted.propose(branch, *reviews, unsafe=("approval-settings-not-readable",))
    assert hosted.churn().approved
    assert "this token can't tell: approval-settings-not-readable" in hosted.look().notes
    hosted.propose(branch, *reviews, unsafe=("reset_approvals_on_push",))
    assert hosted.churn().reason == Reason.FORGE_UNSAFE


def test_what_was_merged_and_not_reconciled_yet_counts_by_its_own_reviews(hosted: Open) -> None:
    hosted.unsigned("dana")
    first = hosted.world.release("dana", "churn", 1)
    hosted.merge(first, hosted.reviews(first, "ravi"))
    second = hosted.world.release("dana", "upsell", 1)
    hosted.propose(second, *hosted.reviews(second, "ravi"))
    found = {each.target.label: each for each in hosted.look().changes}
    assert found["staging/churn"].approved
    assert found["staging/upsell"].approved
    alone = {each.target.label: each for each in plan(hosted.world.setting("dana"), None, None).changes}
    assert not alone["staging/upsell"].approved, "a plan without the forge has only signatures"


def test_a_plan_writes_nothing_anywhere(hosted: Open) -> None:
    branch = hosted.world.release("dana", "churn", 1)
    hosted.propose(branch, *hosted.reviews(branch, "ravi"))
    before = hosted.world.run(hosted.world.origin, "git", "for-each-ref")
    hosted.look()
    assert hosted.world.run(hosted.world.origin, "git", "for-each-ref") == before
