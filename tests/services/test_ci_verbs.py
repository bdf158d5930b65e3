"""What the verbs of CI hand on from job to job, and where a retraining publishes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from ordain.adapters.git import Repository
from ordain.cli import wiring
from ordain.cli.main import ordain
from ordain.cli.retrain import publisher
from ordain.core.people.request import Request, Status
from ordain.core.releasing.refused import Refused, encode
from ordain.errors import RetryLater, UserError
from ordain.services.judging.workspace import governed
from tests.services.test_requests import Hosted
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


def test_a_failure_is_told_while_the_registry_is_away(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may be why the jobs failed."""

    def away(_: object) -> bool:
        raise RetryLater("the registry at r.example does not answer")

    world.release("dana", "churn", 1)
    where, out = world.enter("dana"), tmp_path / "plan.md"
    monkeypatch.setattr(wiring, "published", lambda _: away)
    forge = Spoken(world.git("dana", "rev-parse", "HEAD"))
    monkeypatch.setattr(wiring, "forge", lambda _: forge)
    call(where, "report", "--failed", "nothing.json", "--request", "7", "--out", str(out))
    for said in (out.read_text(), *forge.said):
        assert "can't be said: the registry at r.example does not answer" in said
    assert {each.partition(" ")[2] for each in forge.states} == {"failure"}
    with pytest.raises(RetryLater):  # without a failure to tell of, later is soon enough
        ordain.main(["report", "-C", str(where)], standalone_mode=False)


class Spoken:
    """A forge on which a request has a newest commit, and what it was told."""

    def __init__(self, head: str) -> None:
        self.newest, self.said, self.states = head, list[str](), list[str]()
        self.asked = 0

    def merged_as(self, _: str) -> Request | None:
        return None  # nothing that came to the base branch here came by a request

    def head(self, _: int) -> str:
        return self.newest

    def under_review(self, _: int) -> Request:
        self.asked += 1
        return Request(
            forge="github", repository="local/test", number=7, title="A change", url="", base="main",
            head=self.newest, merged="", merged_by=None, merged_at="", author="dana-gh", pushers=("dana-gh",),
        )  # fmt: skip

    def comment(self, _: int, marker: str, body: str) -> None:
        assert f"ordain:{marker}" not in body, "the forge's own door writes it, once"
        self.said.append(body)

    def status(self, commit: str, statuses: Sequence[Status]) -> None:
        self.states += [f"{commit} {each.state}" for each in statuses]


@pytest.mark.parametrize("failed", [(), ("--failed", "nothing.json")], ids=["plan", "failure"])
def test_a_commit_that_was_outrun_does_not_write_over_the_comment(
    world: World, monkeypatch: pytest.MonkeyPatch, failed: tuple[str, ...]
) -> None:
    world.release("dana", "churn", 1)
    where = world.enter("dana")
    head = world.git("dana", "rev-parse", "HEAD")
    for newest, comments in ((head, 1), ("f" * 40, 0)):
        forge = Spoken(newest)
        monkeypatch.setattr(wiring, "forge", lambda _, forge=forge: forge)
        done = call(where, "report", "--request", "7", "--json", *failed)
        assert (len(forge.said), forge.asked) == (comments, 1), "reviews and commits are read once"
        assert json.loads(done.stdout)["commented"] is bool(comments)
        done = call(where, "report", "--request", "7", *failed)
        assert ("told request 7" in done.output, "newer commit" in done.output) == (
            bool(comments),
            not comments,
        )
        assert forge.states, "its own commit has its status all the same"
        assert all(each.startswith(head) for each in forge.states)


def test_a_retraining_publishes_where_others_look_for_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("ordain.services.releases.publish.publish", lambda *given: asked.append(given[1]))
    monkeypatch.delenv("ORDAIN_ARTIFACTS", raising=False)
    clone = Repository(world.branch("dana", "work"))
    publisher(governed(clone).policy, None)(tmp_path, ("churn",))
    assert asked == [], "the store of this machine has it already"
    monkeypatch.setenv("ORDAIN_ARTIFACTS", "registry")
    publisher(governed(clone).policy, None)(tmp_path, ("churn",))
    assert [each.models for each in asked] == [("churn",)]  # type: ignore[attr-defined]
    monkeypatch.delenv("ORDAIN_ARTIFACTS")
    world.edit(clone.folder, "policy.yaml", lambda value: value.update(forge="github"))
    world.commit("dana", "On a forge, says this branch")
    publisher(governed(clone).policy, None)(tmp_path, ("churn",))
    assert len(asked) == 1, "what nobody approved says nothing of it"
    # On a forge, others have to have it, whatever this machine is set up for.
    (tmp_path / "hosted").mkdir()
    hosted = Hosted(tmp_path / "hosted").world
    publisher(governed(Repository(hosted.branch("dana", "work"))).policy, None)(tmp_path, ("churn",))
    assert len(asked) == 2
    monkeypatch.setenv("ORDAIN_ARTIFACTS", "cellar")
    with pytest.raises(UserError, match="no place for artifacts"):
        wiring.artifact_place()
