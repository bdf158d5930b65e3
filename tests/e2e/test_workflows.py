"""Pull request, merge, reconcile, new data, retraining: with exactly the commands of the workflows."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from sklearn.datasets import load_breast_cancer

from ordain.core.setup.automation import WORKFLOWS
from tests.e2e.actions import Actions, load
from tests.registries import needs_registry, running_registry
from tests.services.world import keys_folder

pytestmark = [needs_registry, pytest.mark.slow, pytest.mark.timeout(900)]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Shop:
    """An origin, two people, a bot, a store of data, and GitHub's part."""

    forge = "github"

    def __init__(self, root: Path, url: str, registry: str) -> None:
        self.root, self.url, self.data = root, url, root / "www"
        self.keys = keys_folder()
        self.origin = root / "shop.git"
        (root / "home").mkdir()
        (root / "policy.yaml").write_text(json.dumps(self.policy()))
        self.person("ada", root)
        words = ("--policy", "policy.yaml", "--origin", str(self.origin), "--forge", self.forge)
        self.ordain("ada", root, "init", "ada", *words, "--remote", str(root / "dvc"),
                    "--registry", registry, "--yes")  # fmt: skip
        self.ada = root / "ada"
        secrets = {"ORDAIN_BOT_KEY": self.text("bot"), "ORDAIN_COLLECTOR_KEY": self.text("collector")}
        variables = {"ORDAIN_BOT_NAME": "Ordain Bot", "ORDAIN_BOT_EMAIL": "bot@x.example"}
        (root / "actions").mkdir()
        self.actions = Actions(root / "actions", self.origin, self.person("bot", None), secrets, variables)

    def text(self, name: str) -> str:
        return (self.keys / name).read_text()

    def policy(self) -> dict[str, Any]:
        def public(name: str) -> list[dict[str, str]]:
            return [{"key": " ".join((self.keys / f"{name}.pub").read_text().split()[:2])}]

        people: dict[str, Any] = {
            name: {"name": name.title(), "emails": [f"{name}@x.example"], "roles": ["reviewer"],
                   "keys": public(name)}
            for name in ("ada", "ravi")
        }  # fmt: skip
        people["bot"] = {
            "name": "Ordain Bot",
            "emails": ["bot@x.example"],
            "bot": True,
            "keys": public("bot"),
        }
        return {
            "version": 1, "repository": "local/shop", "branch": "main", "forge": "local", "people": people,
            "collectors": public("collector"), "rules": [{"approvals": {"reviewer": 1}}],
            "changes": {"reviewer": 1}, "waivers": [],
        }  # fmt: skip

    def person(self, who: str, clone: Path | None) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ORDAIN_"))}
        return {
            **kept, "HOME": str(self.root / "home"), "GIT_CONFIG_NOSYSTEM": "1", "PYTHONUNBUFFERED": "1",
            "GIT_AUTHOR_NAME": who, "GIT_AUTHOR_EMAIL": f"{who}@x.example",
            "GIT_COMMITTER_NAME": who, "GIT_COMMITTER_EMAIL": f"{who}@x.example",
            "ORDAIN_ARTIFACTS": "registry",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }  # fmt: skip

    def run(self, who: str, where: Path, *words: str, code: int = 0) -> str:
        done = subprocess.run(words, cwd=where, env=self.person(who, where), capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def ordain(self, who: str, where: Path, *words: str, code: int = 0) -> str:
        return self.run(who, where, "ordain", *words, code=code)

    def head(self, branch: str = "main") -> str:
        return self.run("ada", self.origin, "git", "rev-parse", branch)

    def commit(self, message: str) -> None:
        self.run("ada", self.ada, "git", "add", "--all")
        key = str(self.keys / "ada")
        signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}", "-c", "commit.gpgsign=true")
        self.run("ada", self.ada, "git", *signing, "commit", "-q", "-m", message)
        self.run("ada", self.ada, "git", "push", "-q", "origin", "HEAD")

    def workflow(self, name: str) -> Path:
        return self.ada / f".github/workflows/{name}.yml"

    def pull_request(self, branch: str, source: str = "acme/shop") -> list[str]:
        pull = {"number": 7, "head": {"sha": self.head(branch), "repo": {"full_name": source}}}
        event = {"name": "pull_request", "event": {"pull_request": pull}, "head_ref": branch}
        return self.actions.run(self.workflow("pull-request"), event)

    def merge(self, branch: str) -> None:
        for words in (
            ("fetch", "-q", "origin"), ("checkout", "-q", "-B", "main", "origin/main"),
            ("merge", "-q", "--no-ff", "-m", f"Merge {branch}", f"origin/{branch}"),
            ("push", "-q", "origin", "main"),
        ):  # fmt: skip
            self.run("ada", self.ada, "git", *words)

    def approve(self, who: str, branch: str, code: int = 0) -> str:
        self.run("ada", self.ada, "git", "fetch", "-q", "origin")
        words = ("approve", f"origin/{branch}", "--key", str(self.keys / who))
        return self.ordain(who, self.ada, *words, code=code)

    def reconcile(self) -> str:
        self.actions.run(self.workflow("reconcile"), {"name": "push"})
        return "".join(self.actions.answers)

    def put(self, name: str, rows: slice, frame: Any) -> None:
        frame.iloc[rows].to_csv(self.data / name, index=False)


def cancer() -> Any:
    frame = load_breast_cancer(as_frame=True).frame
    frame.columns = [each.replace(" ", "_") for each in frame.columns]
    frame["diagnosis"] = frame.pop("target").map({0: "malignant", 1: "benign"})
    return frame


@contextmanager
def data_behind(root: Path) -> Iterator[str]:
    """The address at which what lies in `www` is served."""
    (root / "www").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root / "www")))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("shop")
    with data_behind(root) as url, running_registry(root) as registry:
        yield Shop(root, url, f"{registry.host}/models")


def watched(shop: Shop) -> dict[str, Any]:
    """A monitor whose prediction log holds one prediction, from which nothing can be told."""
    name, frame = "predictions-pod-1-1700000000001-1.jsonl", cancer()
    inputs = frame.drop(columns="diagnosis").iloc[0].to_dict()
    outputs = {"label": "benign", "probabilities": [0.9, 0.1]}
    when = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    record = {"id": "1", "time": when.strftime("%Y-%m-%dT%H:%M:%SZ"), "model": "cancer", "version": "1",
              "latency": 0.001, "inputs": [inputs], "outputs": [outputs]}  # fmt: skip
    (shop.data / name).write_text(json.dumps(record) + "\n")
    where = {"log": f"{shop.url}/{name}", "allow_to": ["127.0.0.0/8"]}
    return {"watch": {"schedule": "27 5 * * *", **where}}


def declare(shop: Shop, **more: Any) -> None:
    """Ada declares a model on a branch: drafted by `init`, one candidate, data in partitions behind a URL."""
    frame = cancer()
    shop.put("1.csv", slice(0, 450), frame)
    frame.to_csv(shop.root / "cancer.csv", index=False)
    shop.run("ada", shop.ada, "git", "checkout", "-q", "-b", "declare-cancer")
    words = ("--name", "cancer", "--data", str(shop.root / "cancer.csv"), "--target", "diagnosis", "--yes")
    shop.ordain("ada", shop.ada, "init", ".", *words)
    (shop.ada / "data/cancer.csv").unlink()
    models = yaml.safe_load((shop.ada / "models.yaml").read_text())
    models["models"]["cancer"]["data"]["source"] = {"url": f"{shop.url}/*.csv"}
    models["models"]["cancer"].update(more)
    (shop.ada / "models.yaml").write_text(yaml.safe_dump(models, sort_keys=False))
    for place in (shop.ada / "environments").glob("*.yaml"):
        environment = yaml.safe_load(place.read_text())
        environment["runtime"]["jobs_image"] = environment["runtime"]["image"]
        place.write_text(yaml.safe_dump(environment, sort_keys=False))
    params = yaml.safe_load((shop.ada / "params.yaml").read_text())
    del (
        params["candidates"]["cancer"]["random-forest"],
        params["candidates"]["cancer"]["hist-gradient-boosting"],
    )
    (shop.ada / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    shop.ordain("ada", shop.ada, "data", "pin", "cancer")
    shop.commit("Declare cancer")  # what follows from params.yaml is left to the workflow


@contextmanager
def branching(shop: Shop, branch: str) -> Iterator[dict[str, Any]]:
    """What Ada declares of the model on a branch from main, to be changed and committed."""
    for words in (("fetch", "-q"), ("checkout", "-q", "-B", branch, "origin/main")):
        shop.run("ada", shop.ada, "git", *words)
    models = yaml.safe_load((shop.ada / "models.yaml").read_text())
    yield models["models"]["cancer"]
    (shop.ada / "models.yaml").write_text(yaml.safe_dump(models, sort_keys=False))
    shop.commit(branch)


def ask_for_too_much(shop: Shop) -> None:
    """Ada asks, on a branch, for a quality that no champion has."""
    with branching(shop, "too-much") as model:
        model["gates"]["quality"] = [{"metric": "roc_auc", "min": 1.0}]


def ask_for_other_data(shop: Shop) -> None:
    """Ada declares, on a branch, a bound that the data does not keep."""
    with branching(shop, "other-data") as model:
        model["data"]["columns"]["mean_radius"]["max"] = 28.0


def test_pull_request_merge_reconcile(shop: Shop) -> None:
    declare(shop)
    edited = shop.head("declare-cancer")
    with pytest.raises(AssertionError, match="ordain generate"):
        shop.pull_request("declare-cancer", source="mallory/shop")
    assert shop.actions.results["check"] == shop.actions.results["verdict"] == "failure"
    assert shop.head("declare-cancer") == edited

    assert shop.pull_request("declare-cancer") == ["generate", "verdict"]
    before = shop.head("declare-cancer")
    changed = shop.run("ada", shop.origin, "git", "diff", "--name-only", edited, before).splitlines()
    assert {each.split("/")[0] for each in changed} == {"pipelines"}
    with pytest.raises(AssertionError, match="GOOD"):  # in order, and untrained
        shop.pull_request("declare-cancer", source="mallory/shop")
    assert shop.actions.results["check"] == "success"

    assert shop.pull_request("declare-cancer") == [
        "generate",
        "check",
        "train",
        "report",
        "record",
        "verdict",
    ]
    after = shop.head("declare-cancer")
    assert after != before
    changed = shop.run("ada", shop.origin, "git", "diff", "--name-only", before, after).splitlines()
    assert {"releases/cancer/1.yaml", "environments/staging.yaml", "pipelines/cancer/dvc.lock"} < set(changed)
    assert {each.split("/")[0] for each in changed} == {"dvc.lock", "environments", "pipelines", "releases"}

    # What was recorded is a push, so all of it runs again on the head that will merge, with nothing to do.
    assert shop.pull_request("declare-cancer") == ["generate", "check", "report", "verdict"]
    assert shop.head("declare-cancer") == after
    assert "cancer@1" in shop.actions.summary

    shop.approve("ada", "declare-cancer", code=1)
    shop.approve("ravi", "declare-cancer")
    shop.merge("declare-cancer")
    assert "approved" in shop.reconcile()
    assert "manifests/staging/cancer/deployment.yaml" in shop.run(
        "ada", shop.origin, "git", "ls-tree", "-r", "--name-only", "main"
    )
    reconciled = shop.head()
    shop.reconcile()
    assert shop.head() == reconciled
    assert shop.actions.run(shop.workflow("audit"), {"name": "schedule"}) == ["audit"]
    assert shop.actions.run(shop.workflow("monitor"), {"name": "schedule"}) == ["targets"]


def test_new_data_becomes_one_request_whose_checks_run(shop: Shop) -> None:
    retrain = shop.workflow("retrain")
    assert shop.actions.run(retrain, {"name": "schedule"}) == ["look"]
    shop.put("2.csv", slice(450, None), cancer())
    assert shop.actions.run(retrain, {"name": "schedule"}) == ["look", "new-data"]
    assert any("refs/ordain/requests/1" in each for each in shop.actions.answers)
    head = shop.head("retrain/cancer-1")
    tree = shop.run("ada", shop.origin, "git", "ls-tree", "-r", "--name-only", head)
    assert {"releases/cancer/2.yaml", "pipelines/cancer/retraining.json"} <= set(tree.splitlines())

    # A second look, before anybody did anything, opens nothing.
    assert shop.actions.run(retrain, {"name": "schedule"}) == ["look", "new-data"]
    assert any("open already" in each for each in shop.actions.answers)
    assert shop.head("retrain/cancer-1") == head

    assert shop.pull_request("retrain/cancer-1") == ["generate", "check", "report", "verdict"]
    assert "cancer@2" in shop.actions.summary
    shop.approve("bot", "retrain/cancer-1", code=1)
    shop.approve("ravi", "retrain/cancer-1")
    shop.merge("retrain/cancer-1")
    assert "cancer@2 approved" in shop.reconcile()

    # Its branch still stands; that is no open request, and the pause after it holds.
    shop.put("3.csv", slice(0, 20), cancer())
    assert shop.actions.run(retrain, {"name": "schedule"}) == ["look", "new-data"]
    assert any("too recent" in each for each in shop.actions.answers)


def test_data_that_breaks_the_contract_fails_the_request_by_row_and_column(shop: Shop) -> None:
    frame = cancer().iloc[:30].astype(object)
    frame.iloc[4, 0] = "wide"
    frame.to_csv(shop.data / "3.csv", index=False)
    evidence = shop.root / "evidence"
    for words in (("fetch", "-q"), ("checkout", "-q", "-B", "main", "origin/main")):
        shop.run("ada", shop.ada, "git", *words)
    shop.ordain("ada", shop.ada, "data", "check", "--evidence", str(evidence))
    told = ("--because", str(evidence / "cancer.json"), "--cooldown", "0", "--key", str(shop.keys / "bot"))
    shop.ordain("bot", shop.ada, "retrain", "cancer", *told)
    body = shop.run("ada", shop.origin, "git", "cat-file", "blob", "refs/ordain/requests/2")
    assert "Training on it failed" in body
    with pytest.raises(AssertionError, match=r"`mean_radius`: 1 values are not finite numbers: row .*wide"):
        shop.pull_request("retrain/cancer-2")
    assert shop.actions.results["failed"] == "success"
    assert "training of cancer stopped at ingest&#58; its data breaks the contract" in shop.actions.summary
    assert "| <code>mean_radius</code> | 1 values are not finite numbers&#58; row " in shop.actions.summary
    shop.run("ada", shop.origin, "git", "update-ref", "-d", "refs/heads/retrain/cancer-2")  # turned down


def test_a_finding_without_anything_new_to_learn_from_opens_nothing(shop: Shop) -> None:
    (shop.data / "3.csv").unlink(missing_ok=True)
    evidence = json.dumps({"model": "cancer", "findings": [{"kind": "drift", "alarm": True, "detail": "x"}]})
    event = {"name": "repository_dispatch",
             "event": {"client_payload": {"model": "cancer", "evidence": evidence}}}  # fmt: skip
    assert shop.actions.run(shop.workflow("retrain"), event) == ["finding"]
    assert any("too recent" in each for each in shop.actions.answers)


def test_the_workflows_of_an_instance_are_our_own(shop: Shop) -> None:
    root = Path(__file__).parents[2]
    for name in WORKFLOWS:
        assert shop.workflow(name).read_bytes() == (root / f".github/workflows/{name}.yml").read_bytes()


def test_every_line_of_the_workflows_was_run(shop: Shop) -> None:
    """But those of the job that watches, for which nothing here declares a prediction log."""
    jobs = {
        (name, job): content
        for name in WORKFLOWS
        for job, content in load(shop.workflow(name))["jobs"].items()
    }
    lines = {step["run"] for key, job in jobs.items() if key != ("monitor", "monitor")
             for step in job["steps"] if "run" in step}  # fmt: skip
    assert lines - set(shop.actions.commands) == set()
