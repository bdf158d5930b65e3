"""The demo's own parts that can go wrong before a minute of training; the whole of it is `make demo`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from ordain.adapters.package import EXAMPLE, example
from ordain.cli.main import main
from ordain.core.drift.retraining import Because
from ordain.errors import UserError
from ordain.services.demo import play, pod, scenes
from ordain.services.demo.play import Stage, approve_staging, free_port, same, told
from ordain.services.demo.theatre import Ran, Theatre
from ordain.services.monitoring import retrain
from tests.services.world import World


@pytest.fixture
def theatre(tmp_path: Path) -> Theatre:
    said: list[str] = []
    return Theatre(tmp_path, example() / "examples/insecure-identities", said.append)


def test_the_example_is_whole() -> None:
    assert [path for path in EXAMPLE if not (example() / path).exists()] == []


def test_a_command_that_ends_otherwise_stops_the_story(theatre: Theatre) -> None:
    with pytest.raises(UserError, match="ended with 128, the story needs 0"):
        theatre.run("dana", "git", "rev-parse", "--verify", "--quiet", "HEAD")


def test_nobody_reads_the_configuration_of_whoever_runs_it(theatre: Theatre) -> None:
    (theatre.root / "home").mkdir()
    listed = theatre.run("dana", "git", "config", "--global", "--list", expect=None)
    assert "user" not in listed.output
    assert theatre.run("dana", "git", "var", "GIT_AUTHOR_IDENT").output.startswith("Dana Reyes")


def test_a_parameter_that_is_not_there_once_is_named(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("C: 1.0\nC: 1.0\n")
    with pytest.raises(UserError, match="2 times"):
        scenes.set_parameter(path, r"C: 1\.0", "C: 2.0")


def test_every_candidate_of_the_example_has_a_change(tmp_path: Path) -> None:
    text = (example() / "params.yaml").read_text("utf-8")
    for name in (
        "logistic-regression",
        "random-forest",
        "hist-gradient-boosting",
        "xgboost",
        "neural-network",
    ):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        scenes.change_candidate(path, name)
        assert path.read_text() != text


def test_the_demo_begins_without_waivers(tmp_path: Path) -> None:
    policy = scenes.policy_without_waivers(example(), tmp_path)
    assert policy.read_text().endswith("\nwaivers: []\n")


def test_a_broken_promise_is_an_error() -> None:
    with pytest.raises(UserError, match="broken promise"):
        same("a", "b", "production stays as it was")
    with pytest.raises(UserError, match="broken promise"):
        told("approved", "stale-approval", "a stale approval is refused as such")


def test_the_words_for_a_self_approval_are_those_of_the_verb(
    theatre: Theatre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dana approves her own change as in the story; with any other words the story stops."""
    (tmp_path / "world").mkdir()
    world = World(tmp_path / "world")
    world.release("dana", "churn", 1)
    for key, value in world.environment("dana").items():
        monkeypatch.setenv(key, value)
    with pytest.raises(SystemExit) as ended:
        main(["approve", "HEAD", "--key", str(world.keys / "dana"), "-C", str(world.enter("dana"))])
    assert ended.value.code == 1
    refused = capsys.readouterr().err
    assert "dana contributed to this change, and whoever contributed can't approve it" in refused
    acts: list[str] = []
    for name in ("approve", "merge", "reconcile"):
        monkeypatch.setattr(scenes, name, lambda *_, name=name: acts.append(name))
    stops: AbstractContextManager[object] = pytest.raises(UserError, match="broken promise: a self-approval")
    for said, ends in ((refused, nullcontext()), ("no such file", stops)):
        monkeypatch.setattr(Theatre, "show", lambda *_, said=said, **__: Ran(code=1, output=said))
        with ends:
            approve_staging(Stage(theatre=theatre, example=example(), port=1))
    assert acts == ["approve", "merge", "reconcile"]


DRIFTED = {"kind": "drift", "alarm": True, "columns": ["monthly_charges"]}
OPENED, AGAIN = "refs/ordain/requests/1", "a request is open already: refs/ordain/requests/1"


def act(patch: pytest.MonkeyPatch, theatre: Theatre, changes: Mapping[str, object]) -> None:
    """The act on drift, with made-up answers of its commands; what happens in a month is left out."""
    evidence = theatre.root / "evidence.json"
    evidence.write_text(json.dumps({"findings": [changes.get("finding", DRIFTED)]}))
    said = iter(["", str(changes.get("first", OPENED)), str(changes.get("second", AGAIN))])
    places = ("staging", "production")
    standings = [{"environment": each, "running": changes.get(each, "churn@3")} for each in places]
    status = f"a note\n{json.dumps({'standings': standings})}"
    patch.setattr(Theatre, "show", lambda *_, **__: Ran(code=0, output=next(said, "")))
    patch.setattr(Theatre, "run", lambda *_, **__: Ran(code=0, output=status))
    for name in ("approve", "merge", "reconcile", "manifests_of"):
        patch.setattr(scenes, name, lambda *_: "")
    patch.setattr(scenes, "fresh_branch", lambda *_: theatre.root)
    month = SimpleNamespace(
        pass_by=lambda *_: None, bring_outcomes=lambda _: 9, log="log", until="now", evidence=evidence
    )
    patch.setattr(play, "Month", lambda *_: month)
    play.watch(Stage(theatre=theatre, example=example(), port=1))


@pytest.mark.parametrize(
    ("changes", "promise"),
    [
        ({}, None),
        ({"finding": {**DRIFTED, "alarm": False}}, "the alarm names the column"),
        ({"finding": {**DRIFTED, "columns": ["tenure"]}}, "the alarm names the column"),
        ({"finding": {**DRIFTED, "kind": "missingness"}}, "the alarm names the column"),
        ({"first": "nothing in this evidence calls for retraining"}, "drift opens a request"),
        ({"second": "refs/ordain/requests/2"}, "one finding is one request"),
        ({"second": "nothing new"}, "one finding is one request"),
        ({"staging": "churn@2"}, "the retrained release runs in staging"),
        ({"production": "churn@1"}, "what was approved runs in production"),
    ],
)
def test_the_act_on_drift_ends_where_a_promise_is_broken(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], promise: str | None
) -> None:
    ends: AbstractContextManager[object] = (
        pytest.raises(UserError, match=f"broken promise: {promise}") if promise else nullcontext()
    )
    with ends:
        act(monkeypatch, theatre, changes)


def test_the_words_of_a_request_that_is_open_are_those_of_the_verb() -> None:
    found = Because(model="churn", findings=())
    assert retrain._told("open", OPENED, found) == AGAIN


def test_the_pod_is_what_the_deployment_says() -> None:
    manifest = b"""
spec:
  template:
    metadata: {annotations: {ordain.dev/release: churn@1}}
    spec:
      containers:
        - command: [ordain, serve]
          args: [models/churn, --port, "8080"]
          workingDir: /srv
          env: [{name: A, value: b}]
          ports: [{containerPort: 8080}]
          startupProbe: {httpGet: {path: /v2/health/ready, port: http}}
          readinessProbe: {httpGet: {path: /v2/health/ready, port: http}}
          livenessProbe: {httpGet: {path: /v2/health/live, port: http}}
"""
    found = pod.read_pod(manifest)
    assert found.words == ("ordain", "serve", "models/churn", "--port", "8080")
    assert (found.environment, found.working_directory, found.port) == ({"A": "b"}, "srv", 8080)
    assert found.probes["livenessProbe"] == "/v2/health/live"


def test_a_server_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    broken = pod.Pod(
        words=("false",), environment={}, working_directory="srv", port=free_port(),
        probes={"startupProbe": "/"}, annotations={},
    )  # fmt: skip
    with pytest.raises(UserError, match="did not become ready"), pod.running(broken, tmp_path, {}):
        pass
