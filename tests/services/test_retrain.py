"""A retraining request whose training fails, and what stands in the way of one."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import yaml
from msgspec.structs import replace

from ordain.adapters import dvc_remote
from ordain.adapters.git import Repository
from ordain.adapters.requests_local import LocalRequests
from ordain.errors import UserError
from ordain.services.judging.ground import Ground
from ordain.services.judging.workspace import governed
from ordain.services.monitoring import retrain as service
from ordain.services.monitoring.retrain import Asked, Bench, Wish, retrain
from ordain.services.releases.release import Released
from ordain.services.requests.commit import Author
from tests.services.test_lean import REMOTE, changed
from tests.services.test_run import Repo, Watcher
from tests.services.world import keys_folder, record

NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
EVIDENCE = {"model": "churn", "findings": [{"kind": "new-data", "alarm": True, "detail": "rows.csv"}]}


@pytest.fixture(scope="module")
def original(ran: Repo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that ran, on main of an origin."""
    root = tmp_path_factory.mktemp("retrain")
    ran.copied(root / "clone").git("checkout", "-q", "-B", "main")
    return root


@pytest.fixture
def repo(original: Path, tmp_path: Path) -> Repo:
    shutil.copytree(original / "clone", tmp_path / "clone", symlinks=True)
    repo = Repo(tmp_path / "clone")
    repo.git("init", "-q", "--bare", "-b", "main", str(tmp_path / "origin.git"))
    repo.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    repo.git("push", "-q", "-u", "origin", "main")
    for key, value in (("gpg.format", "ssh"), ("user.signingkey", str(keys_folder() / "bot"))):
        repo.git("config", key, value)
    return repo


def ask(
    repo: Repo,
    now: dt.datetime = NOW,
    publish: Callable[..., object] = lambda *_: (),
    ground: Ground | None = None,
    **changes: object,
) -> Asked:
    clone = Repository(repo.root)
    bench = Bench(
        clone=clone, ground=ground or governed(clone),
        requests=LocalRequests(clone, clone.remote(), lambda: now), author=Author(None, now),
        watcher=Watcher(), baselines=lambda *_: (), publish=publish,
    )  # fmt: skip
    evidence = json.dumps({**EVIDENCE, **changes}).encode()
    return retrain(bench, Wish(model="churn", evidence=evidence, where="evidence.json"))


def new_data(repo: Repo, text: str = "left,age\nYes,1\nNo,3\n") -> None:
    (repo.root / "data/rows.csv").write_text(text)


def killed(*_: object) -> str:
    raise KeyboardInterrupt


def body(repo: Repo, number: int = 1) -> str:
    clone = Repository(repo.root)
    found = LocalRequests(clone, clone.remote(), lambda: NOW).record(number)
    assert found is not None
    return found.body


def test_training_that_fails_is_told_in_the_request(repo: Repo) -> None:
    repo.tell("boosted", fail="error")
    repo.git("commit", "-qam", "A candidate that fails")
    changed(repo)
    repo.git("push", "-q", "origin", "HEAD:main")
    new_data(repo)
    asked = ask(repo)
    assert (asked.answer, asked.request) == ("ask", "refs/ordain/requests/1")
    assert "**Training on it failed**" in body(repo)
    assert "it failed" in body(repo)
    listed = repo.git("diff", "--name-only", "origin/main", "HEAD").splitlines()
    assert listed == ["data/rows.csv", "pipelines/churn/retraining.json"]
    assert repo.git("branch", "--show-current") == "retrain/churn-1"
    assert repo.git("status", "--porcelain", "--untracked-files=no") == ""


def test_a_request_that_nobody_could_approve_is_not_made(repo: Repo) -> None:
    repo.git("config", "--unset", "user.signingkey")
    new_data(repo)
    before = repo.git("status", "--porcelain")
    with pytest.raises(UserError, match="would be unsigned"):
        ask(repo)
    assert (repo.git("branch", "--show-current"), repo.git("status", "--porcelain")) == ("main", before)
    calm = [{"kind": "new-data", "alarm": False, "detail": "rows.csv"}]
    assert ask(repo, findings=calm).answer == "calm"


def test_nothing_new_to_learn_from_leaves_everything_as_it_was(repo: Repo) -> None:
    before = repo.git("rev-parse", "HEAD")
    asked = ask(repo)
    assert (asked.answer, asked.request, asked.branch) == ("same", "", "")
    assert "nothing new" in asked.told
    assert (repo.git("branch", "--show-current"), repo.git("rev-parse", "HEAD")) == ("main", before)
    assert repo.git("branch", "--list", "retrain/*") == ""
    assert repo.git("status", "--porcelain") == ""
    repo.git("checkout", "-q", "--detach")
    assert ask(repo).answer == "same"
    assert repo.git("rev-parse", "HEAD") == before


def test_a_clone_with_changes_of_its_own_is_left_alone(repo: Repo) -> None:
    new_data(repo)
    path = repo.root / "pipelines/churn/gates.json"
    path.write_text("{}")
    with pytest.raises(UserError, match="changes of its own") as caught:
        ask(repo)
    assert caught.value.where == "pipelines/churn/gates.json"
    assert path.read_text() == "{}"


def test_a_killed_run_of_a_model_whose_name_goes_on_is_left_alone(repo: Repo) -> None:
    """What lies on `retrain/churn-eu-1` is of `churn-eu`, and not for a request of `churn`."""
    repo.git("checkout", "-q", "-b", "retrain/churn-eu-1")
    new_data(repo)
    (repo.root / "pipelines/churn/gates.json").write_text("{}")
    with pytest.raises(UserError, match="changes of its own"):
        ask(repo)
    assert repo.git("branch", "--show-current") == "retrain/churn-eu-1"


def test_evidence_without_an_alarm_or_of_another_model(repo: Repo) -> None:
    assert ask(repo, findings=[]).answer == "calm"
    with pytest.raises(UserError, match="not of churn"):
        ask(repo, model="fraud")


def test_an_interrupted_request_is_taken_up_once_and_a_dropped_one_never(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_data(repo)
    with monkeypatch.context() as patch:
        patch.setattr(LocalRequests, "open_request", killed)
        with pytest.raises(KeyboardInterrupt):
            ask(repo)
    assert repo.git("ls-remote", "origin", "refs/heads/retrain/churn-1")
    repo.git("checkout", "-q", "main")
    asked = ask(repo, NOW + dt.timedelta(days=1))  # by the next night's job
    assert (asked.answer, asked.request, asked.branch) == (
        "resume",
        "refs/ordain/requests/1",
        "retrain/churn-1",
    )
    assert ask(repo, NOW + dt.timedelta(days=2)).answer == "open"
    repo.git("push", "-q", "origin", "retrain/churn-1:main")  # merged, its branch left standing
    assert ask(repo, NOW + dt.timedelta(days=9)).answer == "known"
    assert ask(repo, NOW + dt.timedelta(days=1), observed="later").answer == "cooling"


def test_an_interrupted_request_is_taken_up_however_late(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    new_data(repo)
    with monkeypatch.context() as patch:
        patch.setattr(LocalRequests, "open_request", killed)
        with pytest.raises(KeyboardInterrupt):
            ask(repo)
    repo.git("checkout", "-q", "main")
    assert ask(repo, NOW + dt.timedelta(days=5)).answer == "resume"
    repo.git("push", "-q", "origin", ":retrain/churn-1")  # turned down
    repo.git("fetch", "-q", "--prune")
    assert ask(repo, NOW + dt.timedelta(days=30)).answer == "known"


@pytest.mark.parametrize("request_", ["draft", "open"])
def test_a_breach_without_anything_new_to_learn_from_brings_its_evidence(repo: Repo, request_: str) -> None:
    asked = ask(repo, request=request_, environment="production")
    assert (asked.answer, asked.request) == ("ask", "refs/ordain/requests/1")
    listed = repo.git("diff", "--name-only", "origin/main", "HEAD").splitlines()
    assert listed == ["pipelines/churn/retraining.json"]
    assert "**Nothing was trained**" in body(repo)
    assert "ordain rollback churn --env production" in body(repo)
    clone = Repository(repo.root)
    (opened,) = LocalRequests(clone, clone.remote(), lambda: NOW).open_requests("retrain:churn")
    assert opened.draft == (request_ == "draft")


def test_a_breach_lets_the_draft_ask_for_review(repo: Repo) -> None:
    key = "sha256:" + "a" * 64
    ask(repo, request="draft", key=key)
    assert ask(repo, request="draft", key=key).answer == "open"
    asked = ask(repo, NOW + dt.timedelta(days=9), request="open", key=key)
    assert (asked.answer, asked.request) == ("ready", "refs/ordain/requests/1")
    clone = Repository(repo.root)
    (opened,) = LocalRequests(clone, clone.remote(), lambda: NOW).open_requests("retrain:churn")
    assert not opened.draft
    assert ask(repo, NOW + dt.timedelta(days=9), request="open", key=key).answer == "open"
    repo.git("push", "-q", "origin", ":retrain/churn-1")  # turned down
    for level in ("draft", "open"):
        assert ask(repo, NOW + dt.timedelta(days=60), request=level, key=key).answer == "known"


def test_drift_that_was_turned_down_silences_no_breach(repo: Repo) -> None:
    key = "sha256:" + "a" * 64
    ask(repo, request="draft", key=key)
    repo.git("checkout", "-q", "main")
    repo.git("push", "-q", "origin", ":retrain/churn-1")
    assert ask(repo, NOW + dt.timedelta(days=1), request="open", key=key).answer == "cooling"
    assert ask(repo, NOW + dt.timedelta(days=5), request="draft", key=key).answer == "known"
    assert ask(repo, NOW + dt.timedelta(days=5), request="open", key=key).answer == "ask"


def test_drift_that_was_turned_down_silences_no_other_column(repo: Repo) -> None:
    key, told = "sha256:" + "a" * 64, {"alarm": True, "detail": "it moved"}
    charges = {**told, "kind": "drift", "columns": ["charges"]}
    plan = {**told, "kind": "schema-change", "columns": ["plan"]}
    ask(repo, request="draft", key=key, findings=[charges])
    repo.git("checkout", "-q", "main")
    repo.git("push", "-q", "origin", ":retrain/churn-1")
    later = NOW + dt.timedelta(days=9)
    known = ask(repo, later, request="draft", key=key, findings=[{**charges, "detail": "it moved on"}])
    assert known.answer == "known"
    assert "2026-11-27T12:00:00Z" in known.told
    asked = ask(repo, later, request="draft", key=key, findings=[charges, plan])
    assert asked.answer == "ask"
    repo.git("checkout", "-q", "main")
    repo.git("push", "-q", "origin", f":{asked.branch}")
    assert ask(repo, NOW + dt.timedelta(days=90), request="draft", key=key, findings=[plan]).answer == "known"


def test_what_else_is_found_while_a_request_is_open_is_told_there(repo: Repo) -> None:
    key, told = "sha256:" + "a" * 64, {"alarm": True, "detail": "it moved"}
    charges = {**told, "kind": "drift", "columns": ["charges"]}
    plan = {**told, "kind": "schema-change", "columns": ["plan"], "detail": "plan is gone"}
    ask(repo, request="draft", key=key, findings=[charges])
    rate = {**told, "kind": "drift", "columns": ["rate"]}
    for findings in ([charges], [charges, plan], [plan]):
        assert ask(repo, request="draft", key=key, findings=findings).answer == "open"
    (line,) = repo.git("ls-remote", "origin", "refs/ordain/comments/1/*").splitlines()
    for findings in (
        [plan, rate],
        [charges, rate],
        [rate],
        [charges, plan, rate],
    ):  # what is new is told once
        assert ask(repo, request="draft", key=key, findings=findings).answer == "open"
    assert len(repo.git("ls-remote", "origin", "refs/ordain/comments/1/*").splitlines()) == 2
    repo.git("fetch", "-q", "origin", line.split()[1])
    said = repo.git("cat-file", "blob", line.split()[0])
    assert "Found since this was opened" in said
    assert "plan is gone" in said
    repo.git("checkout", "-q", "main")
    repo.git("push", "-q", "origin", ":retrain/churn-1")
    assert ask(repo, NOW + dt.timedelta(days=9), request="draft", key=key, findings=[plan]).answer == "ask"


def test_a_mark_that_was_not_left_is_left_the_next_time(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ordain.services.monitoring.retrain.remember", killed)
        with pytest.raises(KeyboardInterrupt):
            ask(repo, request="draft")
    assert repo.git("ls-remote", "origin", "refs/ordain/asked/*") == ""
    assert ask(repo, NOW + dt.timedelta(days=1), request="draft").answer == "resume"
    repo.git("push", "-q", "origin", ":retrain/churn-1")
    assert ask(repo, NOW + dt.timedelta(days=9), request="draft").answer == "known"


def test_a_request_that_was_turned_down_is_not_opened_again(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_data(repo)
    assert ask(repo).answer == "ask"
    repo.git("checkout", "-q", "main")
    # As a forge has it: closed, and its branch left standing.
    monkeypatch.setattr(LocalRequests, "open_requests", lambda *_: ())
    assert ask(repo, NOW + dt.timedelta(days=9)).answer == "known"


def test_a_branch_that_was_merged_is_not_gone_on_with(repo: Repo) -> None:
    new_data(repo)
    assert ask(repo).branch == "retrain/churn-1"
    repo.git("push", "-q", "origin", "retrain/churn-1:main")  # and is still checked out here
    new_data(repo, "left,age\nYes,1\nNo,4\n")
    (repo.root / "pipelines/churn/gates.json").write_text("{}")
    with pytest.raises(UserError, match="changes of its own"):
        ask(repo, NOW + dt.timedelta(days=9), observed="later")
    repo.git("checkout", "-q", "pipelines/churn/gates.json")
    assert ask(repo, NOW + dt.timedelta(days=9), observed="later").branch == "retrain/churn-2"


def test_whoever_commits_names_nobody_else(repo: Repo) -> None:
    new_data(repo)
    ask(repo)
    kept = yaml.safe_load(repo.git("show", "HEAD:pipelines/churn/retraining.json"))
    assert (kept["asked"], kept["evidence"]) == ("2026-11-27T12:00:00Z", EVIDENCE)
    assert repo.git("log", "-1", "--format=%an %ae") == "A a@example.org"


class Trace:
    """The steps of a retraining that trains well, as they happen, and where it is killed."""

    def __init__(self, repo: Repo, monkeypatch: pytest.MonkeyPatch, kill: str = "") -> None:
        self.repo, self.kill, self.steps = repo, kill, list[str]()
        self.patch = monkeypatch
        self.keep(dvc_remote, "push", "keep")
        self.keep(service, "push", "branch")
        self.keep(LocalRequests, "open_request", "open")
        # The stages of these tests write no artifact that could be released.
        monkeypatch.setattr(service, "release", self.release)

    def keep(self, owner: object, name: str, step: str) -> None:
        real = getattr(owner, name)

        def traced(*given: object) -> object:
            self.note(step)
            return real(*given)

        self.patch.setattr(owner, name, traced)

    def note(self, step: str) -> None:
        self.steps.append(step)
        if step == self.kill:
            raise KeyboardInterrupt

    def release(self, root: Path, *_: object) -> tuple[Released, ...]:
        self.note("release")
        (root / "releases/churn").mkdir(parents=True, exist_ok=True)
        made = record("churn", 1)
        (root / "releases/churn/1.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(made)))
        return (Released(model="churn", release="churn@1", artifact=made.artifact),)

    def ask(self, now: dt.datetime = NOW, ground: Ground | None = None) -> Asked:
        return ask(self.repo, now, publish=lambda *_: self.note("publish"), ground=ground)


@pytest.fixture
def kept(repo: Repo, tmp_path: Path) -> Repo:
    """With a DVC remote, and new data."""
    (repo.root / ".dvc/config").write_text(REMOTE.format(tmp_path / "remote"))
    repo.git("commit", "-qam", "A remote")
    repo.git("push", "-q", "origin", "HEAD:main")
    new_data(repo)
    return repo


STEPS = ["release", "publish", "keep", "branch", "open"]


def test_what_is_pinned_is_published_and_kept_before_anybody_can_see_the_pin(
    kept: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = Trace(kept, monkeypatch)
    assert trace.ask().request == "refs/ordain/requests/1"
    assert trace.steps == STEPS
    # Whoever clones the branch can have everything that its lock names.
    kept.git("clone", "-q", "-b", "retrain/churn-1", str(tmp_path / "origin.git"), str(tmp_path / "other"))
    other = Repo(tmp_path / "other")
    assert other.dvc("pull").returncode == 0
    assert (other.root / "pipelines/churn/artifact/blob").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("outright", [False, True])
def test_killed_at_any_step_it_points_at_nothing_that_is_not_there_and_goes_on(
    kept: Repo, monkeypatch: pytest.MonkeyPatch, step: str, outright: bool
) -> None:
    with monkeypatch.context() as patch:
        if outright:  # the process has no time to clear up
            patch.setattr(service, "_undo", lambda *_: None)
        trace = Trace(kept, patch, step)
        with pytest.raises(KeyboardInterrupt):
            trace.ask()
    assert trace.steps == STEPS[: STEPS.index(step) + 1]
    pushed = kept.git("ls-remote", "origin", "refs/heads/retrain/*")
    assert bool(pushed) == (step == "open")
    if not outright and step in {"publish", "keep", "release"}:
        assert kept.git("status", "--porcelain") == "M data/rows.csv"
        assert kept.git("branch", "--show-current") == "main"
    again = Trace(kept, monkeypatch)
    asked = again.ask(NOW + dt.timedelta(minutes=5))
    assert asked.request == "refs/ordain/requests/1"
    assert again.steps == (STEPS[3:] if step in {"branch", "open"} else STEPS)


def test_a_remote_that_takes_nothing_opens_nothing(kept: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    (kept.root / ".dvc/config.local").write_text(REMOTE.format("/proc/none"))
    trace = Trace(kept, monkeypatch)
    with pytest.raises(UserError, match="DVC could not run"):
        trace.ask()
    assert trace.steps == STEPS[:3]
    assert kept.git("ls-remote", "origin", "refs/heads/retrain/*") == ""
    assert kept.git("branch", "--show-current") == "main"


def test_without_a_remote_another_forge_than_the_local_one_asks_for_nothing(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_data(repo)
    trace = Trace(repo, monkeypatch)
    found = governed(Repository(repo.root))
    hosted = replace(found, policy=replace(found.policy, forge="github"))
    with pytest.raises(UserError, match="no remote"):
        trace.ask(ground=hosted)
    assert trace.steps == STEPS[:3]


def last_line(forge: str) -> str:
    """The command that ends the job in which a forge monitors, as it is written there."""
    root = Path(__file__).parents[2]
    if forge == "github":
        job = yaml.safe_load((root / ".github/workflows/monitor.yml").read_text())["jobs"]["monitor"]
        return str(job["steps"][-1]["run"])
    jobs = yaml.safe_load((root / "src/ordain/automation/ordain-jobs.yml").read_text())
    return str(jobs[".monitor"]["script"][-1])


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_stale_log_fails_the_job_of_the_forge_that_monitors(forge: str, repo: Repo) -> None:
    """Nothing opens a request for it, so nobody would hear of a job that is green."""

    def ended(*kinds: str) -> int:
        findings = [{"kind": each, "alarm": True, "detail": "x"} for each in kinds]
        evidence = {"model": "churn", "request": "none", "findings": findings}
        (repo.root / "evidence.json").write_text(json.dumps(evidence))
        return subprocess.run(
            ["bash", "-c", last_line(forge)], cwd=repo.root, check=False, env={**os.environ, "MODEL": "churn"}
        ).returncode

    assert ended() == 0
    assert ended("log-absent") == 2
    assert ended("labels-stale") == 2


def test_an_alarm_of_the_log_is_told_beside_a_request_for_drift(repo: Repo) -> None:
    findings = [{"kind": each, "alarm": True, "detail": "x"} for each in ("drift", "log-stale")]
    assert ask(repo, findings=findings, request="draft").unmended == ("log-stale",)
    assert ask(repo).unmended == (), "new data is no monitor's finding"
