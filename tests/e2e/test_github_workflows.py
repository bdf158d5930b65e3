"""The whole flow on GitHub: every job's lines as the workflow files have them, its API over HTTP.

From a pull request by way of review, merge and reconciling to new data and its own request. The origin is a
bare repository, the registry a real one; GitHub's stand-in answers by its published description.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ordain.core.setup.automation import WORKFLOWS
from tests.adapters.forges.github_world import PULLS
from tests.adapters.forges.standin import TOKEN, StandIn, standing_in
from tests.e2e.actions import load
from tests.e2e.hub import BOT, Hub
from tests.e2e.test_workflows import (
    Shop,
    ask_for_other_data,
    ask_for_too_much,
    cancer,
    data_behind,
    declare,
    watched,
)
from tests.registries import needs_registry, running_registry

pytestmark = [needs_registry, pytest.mark.slow, pytest.mark.timeout(900)]
LOGINS = {"ada@x.example": "ada-gh", "ravi@x.example": "ravi-gh", "bot@x.example": BOT}


class GitHubShop(Shop):
    """The shop, on GitHub: what is approved is what was reviewed there."""

    def __init__(self, root: Path, url: str, registry: str, server: StandIn) -> None:
        self.server = server
        super().__init__(root, url, registry)
        self.hub = Hub(server, self.origin, "acme/shop", LOGINS)
        tokens = dict.fromkeys(("ORDAIN_TOKEN", "ORDAIN_LIVE_TOKEN"), TOKEN)
        self.actions.secrets = {**self.actions.secrets, **tokens}
        self.actions.token = TOKEN
        # Where artifacts count from is for the workflows to say.
        kept = {name: text for name, text in self.person("bot", None).items() if name != "ORDAIN_ARTIFACTS"}
        self.actions.environment = kept

    def policy(self) -> dict[str, Any]:
        told = super().policy()
        for person in told["people"].values():
            person["logins"] = {"github": LOGINS[person["emails"][0]]}
        return told | {"forge": "github", "repository": "acme/shop"}

    def person(self, who: str, clone: Path | None) -> dict[str, str]:
        return {**super().person(who, clone), "ORDAIN_FORGE_URL": f"{self.server.origin}/acme/shop"}

    def event(self, workflow: str, number: int, source: str = "acme/shop") -> list[str]:
        """Something happened to a pull request."""
        pull = self.hub.pull_of(number)
        told = {"number": number, "head": {"sha": pull["head"]["sha"], "repo": {"full_name": source}}}
        event = {"name": workflow, "event": {"pull_request": told}, "head_ref": pull["head"]["ref"]}
        return self.actions.run(self.workflow(workflow), event)

    def review(self, number: int, login: str) -> str:
        """Somebody approves, which renews the comment; what it says then."""
        self.hub.approve(number, login)
        assert self.event("review", number) == ["report"]
        return self.comment(number)

    def comment(self, number: int) -> str:
        """The one comment on a request."""
        (found,) = self.hub.said[number]
        body: str = found["body"]
        return body

    def accept(self, number: int) -> None:
        """Press the button."""
        self.merge(self.hub.pull_of(number)["head"]["ref"])
        self.hub.merge(number, self.head())

    def statuses(self, commit: str) -> dict[str, str]:
        return {each["context"]: each["state"] for each in reversed(self.hub.states.get(commit, []))}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubShop]:
    root = tmp_path_factory.mktemp("github-shop")
    with (
        data_behind(root) as url,
        running_registry(root) as registry,
        standing_in("github", "/api/v3") as server,
    ):
        yield GitHubShop(root, url, f"{registry.host}/models", server)


def test_a_pull_request_is_generated_trained_recorded_and_reported_once(shop: GitHubShop) -> None:
    declare(shop, monitoring=watched(shop))
    number = shop.hub.propose("declare-cancer", "ada-gh")
    assert shop.event("pull-request", number) == ["generate", "verdict"]
    assert shop.event("pull-request", number) == ["generate", "check", "train", "report", "record", "verdict"]
    assert "1 pipeline would run&#58; cancer" in shop.comment(number), "no older verdict stands meanwhile"
    assert shop.event("pull-request", number) == ["generate", "check", "report", "verdict"]
    said, head = shop.comment(number), shop.head("declare-cancer")
    assert "cancer@1" in said
    assert "1 reviewer" in said
    assert shop.statuses(head) == {"ordain/plan": "pending", "ordain/cancer": "pending",
                                   "ordain/environments": "pending"}  # fmt: skip
    assert {each.name for each in (shop.actions.artifacts / "report").iterdir()} == {"plan.html", "plan.json"}
    assert "cancer@1" in shop.actions.summary
    assert shop.head("declare-cancer") == head


def test_a_review_renews_the_comment_in_place_with_who_accepted(shop: GitHubShop) -> None:
    (number,) = shop.hub.pulls
    before = shop.comment(number)
    assert "1 reviewer" in shop.review(number, "ada-gh"), "whoever made it can't accept it"
    assert "1 reviewer" in shop.review(number, BOT)
    after = shop.review(number, "ravi-gh")
    assert "ravi" in after
    assert "ravi" not in before
    assert "1 reviewer" not in after.partition("<details>")[0]
    head = shop.head("declare-cancer")
    assert set(shop.statuses(head).values()) == {"success"}
    written = len(shop.hub.states[head])
    assert shop.event("review", number) == ["report"]
    assert shop.comment(number) == after
    assert len(shop.hub.states[head]) == written, "nothing is said twice"


def test_a_merge_is_reconciled_to_the_branch_that_clusters_follow(shop: GitHubShop) -> None:
    (number,) = shop.hub.pulls
    shop.accept(number)
    main = shop.head()
    assert "cancer@1 approved" in shop.reconcile()
    assert shop.head() == main, "main is what people want"
    live = shop.run("ada", shop.origin, "git", "ls-tree", "-r", "--name-only", "live").splitlines()
    assert {"manifests/ledger/00000001.json", "manifests/staging/cancer/deployment.yaml"} <= set(live)
    recorded = shop.head("live")
    shop.reconcile()
    assert shop.head("live") == recorded
    assert shop.actions.run(shop.workflow("audit"), {"name": "schedule"}) == ["audit"]
    assert shop.actions.run(shop.workflow("monitor"), {"name": "schedule"}) == ["targets", "monitor"]
    assert "insufficient" in "".join(shop.actions.answers), "nobody has asked it anything yet"
    assert "nothing in this evidence calls for retraining" in shop.actions.answers[-1]


def test_new_data_becomes_one_request_with_everything_it_pins_in_place(shop: GitHubShop) -> None:
    retrain = shop.workflow("retrain")
    shop.put("2.csv", slice(450, None), cancer())
    assert shop.actions.run(retrain, {"name": "schedule"}) == ["look", "new-data"]
    first, second = sorted(shop.hub.pulls)
    pull = shop.hub.pulls[second]
    assert (pull["head"]["ref"], pull["user"]["login"]) == ("retrain/cancer-1", BOT)
    assert [each["name"] for each in pull["labels"]] == ["retrain:cancer"]
    assert "cancer@2" in pull["body"]

    assert shop.actions.run(retrain, {"name": "schedule"}) == ["look", "new-data"]
    assert any("open already" in each for each in shop.actions.answers)
    assert sorted(shop.hub.pulls) == [first, second]

    # Nothing has to be trained or published again: what it pins was there before it was opened.
    assert shop.event("pull-request", second) == ["generate", "check", "report", "verdict"]
    assert "artifact-absent" not in shop.comment(second)
    assert "1 reviewer" in shop.review(second, BOT), "its author can't approve it"
    shop.review(second, "ravi-gh")
    assert set(shop.statuses(shop.head("retrain/cancer-1")).values()) == {"success"}
    shop.accept(second)
    assert "cancer@2 approved" in shop.reconcile()

    # Its branch still stands; that is no open request, and the pause after it holds.
    shop.put("3.csv", slice(0, 20), cancer())
    assert shop.actions.run(retrain, {"name": "schedule"}) == ["look", "new-data"]
    assert any("too recent" in each for each in shop.actions.answers)
    assert sorted(shop.hub.pulls) == [first, second]
    assert shop.server.count("POST", PULLS) == 1


def test_a_gate_that_blocks_takes_the_place_of_the_verdict_before(shop: GitHubShop) -> None:
    ask_for_too_much(shop)
    number = shop.hub.propose("too-much", "ada-gh")
    assert shop.event("pull-request", number) == ["generate", "verdict"]
    with pytest.raises(AssertionError, match="cancer is not released"):
        shop.event("pull-request", number)
    results = shop.actions.results
    assert (results["record"], results["failed"], results["verdict"]) == ("failure", "success", "failure")
    said, head = shop.comment(number), shop.head("too-much")
    assert f"**Failed at {head[:7]}&#58; not released&#58; cancer.**" in said
    assert "| fail | <code>quality.roc_auc</code>" in said
    assert said.partition("### ")[2] in shop.actions.summary
    found = shop.statuses(head)
    assert (found["ordain/plan"], found["ordain/cancer"]) == ("failure", "failure")


def test_data_outside_its_contract_is_told_by_column_and_row(shop: GitHubShop) -> None:
    ask_for_other_data(shop)
    number = shop.hub.propose("other-data", "ada-gh")
    assert shop.event("pull-request", number) == ["generate", "verdict"]
    with pytest.raises(AssertionError, match="mean_radius"):
        shop.event("pull-request", number)
    assert (shop.actions.results["train"], shop.actions.results["failed"]) == ("failure", "success")
    assert "<code>mean_radius</code>" in shop.comment(number)


def test_a_finding_of_a_monitor_elsewhere_with_nothing_new_to_learn_from_opens_nothing(
    shop: GitHubShop,
) -> None:
    (shop.data / "3.csv").unlink()
    evidence = json.dumps({"model": "cancer", "findings": [{"kind": "drift", "alarm": True, "detail": "x"}]})
    told = {"client_payload": {"model": "cancer", "evidence": evidence}}
    event = {"name": "repository_dispatch", "event": told}
    assert shop.actions.run(shop.workflow("retrain"), event) == ["finding"]
    assert any("too recent" in each for each in shop.actions.answers)


def test_every_line_of_the_workflows_was_run_and_none_told_a_token(shop: GitHubShop) -> None:
    lines = {step["run"] for name in WORKFLOWS for job in load(shop.workflow(name))["jobs"].values()
             for step in job["steps"] if "run" in step}  # fmt: skip
    assert lines - set(shop.actions.commands) == set()
    assert TOKEN not in "".join([*shop.actions.told, *(each["body"] for said in shop.hub.said.values()
                                                       for each in said)])  # fmt: skip
