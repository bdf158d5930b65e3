"""What the verbs of CI hand on from job to job, and where a retraining publishes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from ordain.adapters.git import Repository
from ordain.cli import wiring
from ordain.cli.main import ordain
from ordain.cli.retrain import publisher
from ordain.core.releasing.refused import Refused, encode
from ordain.errors import UserError
from tests.services.world import IMAGE, World

WATCH = {"watch": {"schedule": "27 5 * * *", "log": "s3://logs/churn", "allow_to": ["10.0.0.0/8"]}}


def call(where: Path, *words: str) -> Result:
    done = CliRunner().invoke(ordain, [*words, "-C", str(where)])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def watched(world: World) -> World:
    """churn@1 runs in staging, and its log is declared."""
    branch = world.release("dana", "churn", 1)
    where = world.enter("dana")
    world.edit(where, "models.yaml", lambda value: value["models"]["churn"].update(monitoring=WATCH))
    world.edit(where, "environments/staging.yaml", lambda value: value["runtime"].update(jobs_image=IMAGE))
    world.commit("dana", "Watch it")
    world.push("dana")
    world.deploy(branch, "ravi")
    return world


def test_what_runs_and_is_watched_becomes_the_jobs_of_both_forges(watched: World, tmp_path: Path) -> None:
    where = watched.branch("mei", "looking")
    told, jobs = tmp_path / "output", tmp_path / "monitor.yml"
    call(where, "status", "--output", str(told), "--gitlab", str(jobs))
    assert told.read_text() == 'targets=[{"model": "churn", "name": "churn@staging"}]\n'
    found = yaml.safe_load(jobs.read_text())
    assert found["monitor-churn-in-staging"]["variables"] == {"MODEL": "churn", "TARGET": "churn@staging"}


def test_whoever_may_not_train_hears_that_something_has_to_be(world: World) -> None:
    where = world.branch("dana", "work")
    assert CliRunner().invoke(ordain, ["affected", "--exit-code", "-C", str(where)]).exit_code == 0
    world.release("dana", "churn", 1)
    done = CliRunner().invoke(ordain, ["affected", "--exit-code", "-C", str(where)], standalone_mode=False)
    assert (done.return_value, "churn" in done.output) == (2, True)


def test_a_job_hears_whether_anything_was_pushed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{part}_NAME", "Bot")
        monkeypatch.setenv(f"GIT_{part}_EMAIL", "bot@x.example")
    where, told = world.branch("dana", "work"), tmp_path / "output"
    words = ("commit", "--push", "work", "--output", str(told), "--key", str(world.keys / "bot"))
    call(where, *words)
    assert told.read_text() == "pushed=\n"
    world.write(where, "releases/churn/1.yaml", "{}")
    call(where, *words)
    commit = world.run(world.origin, "git", "rev-parse", "work")
    assert told.read_text().splitlines()[1:] == [f"pushed={commit}"]


def test_a_report_without_a_forge_writes_its_files_and_prints_itself(world: World, tmp_path: Path) -> None:
    world.release("dana", "churn", 1)
    words = [f"--report={tmp_path / each}" for each in ("report/plan.html", "report/plan.json")]
    done = call(world.enter("dana"), "report", "--request", "7", "--out", str(tmp_path / "plan.md"), *words)
    assert "churn@1" in done.output
    assert "churn@1" in (tmp_path / "plan.md").read_text()
    assert json.loads((tmp_path / "report/plan.json").read_text())["version"] == 1
    assert "<html" in (tmp_path / "report/plan.html").read_text()


def test_a_report_of_a_failure_says_what_the_jobs_left(world: World, tmp_path: Path) -> None:
    world.release("dana", "churn", 1)
    where, out, told = world.enter("dana"), tmp_path / "plan.md", tmp_path / "refused.json"
    html = tmp_path / "plan.html"
    words = ("report", "--failed", str(told), "--request", "7", "--out", str(out), "--report", str(html))
    done = call(where, *words)
    head = world.git("dana", "rev-parse", "--short=7", "HEAD")
    assert f"**Failed at {head}&#58; " in done.output
    assert "By what is committed: " in done.output
    assert "churn@1" in out.read_text()
    assert html.is_file()
    told.write_bytes(encode((Refused(model="churn", what="churn is not released", fix="x"),)))
    assert "not released&#58; churn" in call(where, *words).output
    world.write(where, "policy.yaml", "version: 2\n")
    html.unlink()
    done = call(where, *words)
    assert "problem in the declared state" in done.output or "problems in the declared state" in done.output
    assert "What merging would change can't be said" in done.output
    assert not html.exists()
    told.write_text("[")
    done = CliRunner().invoke(ordain, [*words, "-C", str(where)])
    assert isinstance(done.exception, UserError)


def test_a_retraining_publishes_where_others_look_for_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("ordain.services.releases.publish.publish", lambda *given: asked.append(given[1]))
    monkeypatch.delenv("ORDAIN_ARTIFACTS", raising=False)
    clone = Repository(world.branch("dana", "work"))
    publisher(clone, None)(tmp_path, ("churn",))
    assert asked == [], "the store of this machine has it already"
    monkeypatch.setenv("ORDAIN_ARTIFACTS", "registry")
    publisher(clone, None)(tmp_path, ("churn",))
    assert [each.models for each in asked] == [("churn",)]  # type: ignore[attr-defined]
    # On a forge, others have to have it, whatever this machine is set up for.
    monkeypatch.delenv("ORDAIN_ARTIFACTS")
    world.edit(clone.folder, "policy.yaml", lambda value: value.update(forge="github"))
    world.commit("dana", "On a forge")
    publisher(clone, None)(tmp_path, ("churn",))
    assert len(asked) == 2
    monkeypatch.setenv("ORDAIN_ARTIFACTS", "cellar")
    with pytest.raises(UserError, match="no place for artifacts"):
        wiring.artifact_place()
