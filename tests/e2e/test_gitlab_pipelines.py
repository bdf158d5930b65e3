"""The whole flow on GitLab: every job's lines as `ordain init` writes them, child pipelines included."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ordain.adapters.forges.place import Token, place_of
from ordain.adapters.forges.telling import Teller
from ordain.services.monitoring.receive import Receiver
from tests.adapters.forges.standin import TOKEN, StandIn, standing_in
from tests.core.test_alerts import alert, message
from tests.e2e.lab import BOT, Lab
from tests.e2e.pipelines import Pipelines, parts
from tests.e2e.test_workflows import Shop, ask_for_too_much, cancer, data_behind, declare, watched
from tests.registries import needs_registry, running_registry

pytestmark = [needs_registry, pytest.mark.slow, pytest.mark.timeout(900)]
LOGINS = {"ada@x.example": "ada-gl", "ravi@x.example": "ravi-gl", "bot@x.example": BOT}


class GitLabShop(Shop):
    """The shop, on GitLab."""

    forge = "gitlab"

    def __init__(self, root: Path, url: str, registry: str, server: StandIn) -> None:
        self.server = server
        super().__init__(root, url, registry)
        self.lab = Lab(server, self.origin, "acme/shop", LOGINS)
        (root / "pipelines").mkdir()
        kept = {name: text for name, text in self.person("bot", None).items()
                if name != "ORDAIN_ARTIFACTS" and not name.startswith("GIT_")}  # fmt: skip
        variables = {**self.actions.variables, "GITLAB_TOKEN": TOKEN, "ORDAIN_BOT_KEY": self.text("bot")}
        self.pipelines = Pipelines(
            root / "pipelines", self.origin, kept, variables,
            {"ORDAIN_COLLECTOR_KEY": self.text("collector"), "GITLAB_TOKEN": TOKEN},
        )  # fmt: skip

    def policy(self) -> dict[str, Any]:
        told = super().policy()
        for person in told["people"].values():
            person["logins"] = {"gitlab": LOGINS[person["emails"][0]]}
        return told | {"forge": "gitlab", "repository": "acme/shop"}

    def person(self, who: str, clone: Path | None) -> dict[str, str]:
        return {**super().person(who, clone), "ORDAIN_FORGE_URL": f"{self.server.origin}/acme/shop"}

    def request(self, number: int, source: str = "1", *, merged: bool = False) -> dict[str, str]:
        """Somebody pushed to a merge request; `merged`: of a project with merged results pipelines."""
        found = self.lab.request_of(number)
        told = {
            "CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": str(number),
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": found["source_branch"],
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": source, "CI_MERGE_REQUEST_PROJECT_ID": "1",
        }  # fmt: skip
        if not merged:
            return self.pipelines.run(found["sha"], told)
        tree = self.lab.git("merge-tree", "--write-tree", "main", found["sha"])
        author = ("-c", "user.name=GitLab", "-c", "user.email=gitlab@example.org")
        made = self.lab.git(*author, "commit-tree", tree, "-p", "main", "-p", found["sha"], "-m", "Merged")
        return self.pipelines.run(made, {**told, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": found["sha"]})

    def scheduled(self, job: str) -> dict[str, str]:
        told = {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main", "ORDAIN_JOB": job}
        return self.done(self.pipelines.run(self.head(), told))

    def done(self, results: dict[str, str]) -> dict[str, str]:
        assert self.pipelines.failures == []
        return results

    def comment(self, number: int) -> str:
        (found,) = self.lab.said[number]
        body: str = found["body"]
        return body

    def accept(self, number: int) -> str:
        """Press the button; what reconciling says of it."""
        self.merge(self.lab.request_of(number)["source_branch"])
        self.lab.merge(number, self.head())
        told = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
        assert self.done(self.pipelines.run(self.head(), told)) == {"reconcile": "success"}
        return "".join(self.pipelines.answers)

    def statuses(self, commit: str) -> dict[str, str]:
        return {each["name"]: each["status"] for each in self.lab.states.get(commit, [])}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitLabShop]:
    root = tmp_path_factory.mktemp("gitlab-shop")
    with (
        data_behind(root) as url,
        running_registry(root) as registry,
        standing_in("gitlab", "/api/v4") as server,
    ):
        yield GitLabShop(root, url, f"{registry.host}/models", server)


def test_a_merge_request_is_generated_trained_recorded_reported_and_reconciled(shop: GitLabShop) -> None:
    declare(shop, monitoring=watched(shop))
    number = shop.lab.propose("declare-cancer", "ada-gl")
    shop.request(number)
    generated = shop.head("declare-cancer")
    assert shop.request(number, source="2") == {"check": "success", "fork": "failed"}, (
        "nothing of a fork runs"
    )
    assert shop.done(shop.request(number)) == {
        "generate": "success", "check": "success", "affected": "success",
        "affected/report": "success", "affected/train-cancer": "success", "affected/record": "success",
    }  # fmt: skip
    assert shop.head("declare-cancer") != generated
    assert "1 pipeline would run&#58; cancer" in shop.comment(number), "no older verdict stands meanwhile"
    assert shop.done(shop.request(number))["affected/report"] == "success"
    assert "1 reviewer" in shop.comment(number)

    shop.lab.approve(number, "ravi-gl")
    before = len(shop.lab.said[number])
    assert shop.done(shop.request(number, merged=True))["affected/report"] == "success"
    assert (len(shop.lab.said[number]), before) == (1, 1)
    assert "ravi" in shop.comment(number)
    assert set(shop.statuses(shop.head("declare-cancer")).values()) == {"success"}
    assert "cancer@1 approved" in shop.accept(number)
    assert shop.scheduled("audit") == {"audit": "success"}
    assert shop.scheduled("monitor") == {
        "targets": "success", "monitor": "success", "monitor/monitor-cancer-in-staging": "success",
    }  # fmt: skip


def told_by_the_cluster(shop: GitLabShop, name: str, summary: str) -> dict[str, str]:
    """Alertmanager, `ordain receive`, a trigger token, and the pipeline that GitLab starts for it."""
    place = place_of("gitlab", f"{shop.server.origin}/acme/shop", "main")
    receiver = Receiver(Teller(place, Token(TOKEN)), lambda: dt.datetime.now(dt.UTC))
    found = alert(
        retrain="open",
        alertname=name,
        model="cancer",
        environment="staging",
        annotations={"summary": summary},
    )
    assert receiver.receive(message(found)).status == 200
    asked = shop.server.asked[-1]
    assert (asked.path.rpartition("/")[2], set(asked.body)) == ("pipeline", {"token", "ref", "inputs"})
    told = {"CI_PIPELINE_SOURCE": "trigger", "CI_COMMIT_BRANCH": asked.body["ref"]}
    return shop.done(shop.pipelines.run(shop.head(), told, asked.body["inputs"]))


def test_a_finding_and_new_data_become_one_merge_request(shop: GitLabShop) -> None:
    assert shop.scheduled("retrain")["retrain/nothing"] == "success"
    shop.put("2.csv", slice(450, None), cancer())
    odd = 'a `$HOME` "odd" $(touch x) $CI_PIPELINE_SOURCE summary'
    assert told_by_the_cluster(shop, "Odd", odd) == {"finding": "success"}
    assert shop.scheduled("retrain")["retrain/retrain-cancer"] == "success"
    first, second = sorted(shop.lab.merges)
    made = shop.lab.merges[second]
    assert (made["source_branch"], made["labels"]) == ("retrain/cancer-1", ["retrain:cancer"])
    assert any("open already" in each for each in shop.pipelines.answers)
    record = json.loads(shop.lab.git("show", "retrain/cancer-1:pipelines/cancer/retraining.json"))
    assert record["evidence"]["findings"] == [{"kind": "Odd", "alarm": True, "detail": odd}]
    assert told_by_the_cluster(shop, "Odder", odd) == {"finding": "success"}
    assert any("open already" in each for each in shop.pipelines.answers)
    assert sorted(shop.lab.merges) == [first, second]
    assert shop.done(shop.request(second))["affected/report"] == "success"
    shop.lab.approve(second, BOT)
    shop.request(second)
    assert "1 reviewer" in shop.comment(second), "its author can't approve it"
    shop.lab.approve(second, "ravi-gl")
    assert "cancer@2 approved" in shop.accept(second)


def test_a_gate_that_blocks_takes_the_place_of_the_verdict_before(shop: GitLabShop) -> None:
    ask_for_too_much(shop)
    number = shop.lab.propose("too-much", "ada-gl")
    shop.request(number)  # generates, on a commit that has been outrun since
    assert number not in shop.lab.said
    results = shop.request(number)
    assert (results["affected"], results["affected/record"]) == ("failed", "failed")
    assert results["affected/failed"] == "success"
    said, head = shop.comment(number), shop.head("too-much")
    assert f"**Failed at {head[:7]}&#58; not released&#58; cancer.**" in said
    assert "| fail | <code>quality.roc_auc</code>" in said
    assert shop.statuses(head)["ordain/cancer"] == "failed"


def test_a_declaration_that_is_wrong_takes_it_too(shop: GitLabShop) -> None:
    (number,) = [each for each in shop.lab.merges if shop.lab.request_of(each)["source_branch"] == "too-much"]
    for words in (("fetch", "-q"), ("checkout", "-q", "-B", "too-much", "origin/too-much")):
        shop.run("ada", shop.ada, "git", *words)
    models = (shop.ada / "models.yaml").read_text()
    (shop.ada / "models.yaml").write_text(models.replace("quality:", "qualities:"))
    shop.commit("Misspell a key")
    results = shop.request(number)
    assert (results["generate"], results["failed"]) == ("failed", "success")
    assert "problem in the declared state" in shop.comment(number)
    assert "did you mean" in shop.comment(number)


def test_every_line_of_every_job_was_run(shop: GitLabShop) -> None:
    paths = (shop.ada / ".gitlab-ci.yml", shop.ada / ".gitlab/ordain-jobs.yml")
    jobs = [job for path in paths for job in parts(path.read_text())[1].values() if isinstance(job, dict)]
    lines = {line for job in jobs for line in [
        *job.get("before_script", []), *job.get("script", []), *job.get("after_script", [])
    ]}  # fmt: skip
    assert lines - set(shop.pipelines.commands) == set()
    assert not [each for each in shop.pipelines.answers if TOKEN in each]
