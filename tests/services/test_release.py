"""Champions become records: real stages, a real dvc.lock, real Git, and everything that may go wrong."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from ordain._version import __version__
from ordain.adapters import files as disk
from ordain.adapters.artifacts import STORE, Store
from ordain.adapters.stage import run as run_stage
from ordain.core.artifacts.artifact import blob_path
from ordain.core.decisions import Deployed, LedgerState
from ordain.core.gating.release import Release, encode
from ordain.core.pipelines.pipeline import CODE_TOPS, context_of, is_code_path, pipeline_files
from ordain.core.releasing.refused import NotReleasedError, decode
from ordain.core.specs.identity import Target
from ordain.core.state.instance import Instance, is_state_path, read_instance
from ordain.errors import UserError
from ordain.services.releases import release as service
from ordain.services.releases.release import History, Released, release
from ordain.services.training.regenerate import regenerate

SOURCE = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODELS = """\
version: 1
renderer: 1
models:
  churn:
    owner: retention
    description: Who is about to leave.
    task: binary
    risk: high
    data:
      source: {path: data/rows.csv}
      target: left
      positive: "Yes"
      columns:
        left: {type: string, categories: ["No", "Yes"]}
        plan: {type: string, categories: [basic, full]}
        tenure: {type: integer, min: 0, max: 99}
        noise: {type: number}
    selection: {metric: roc_auc, folds: 2}
    gates:
      quality: [{metric: roc_auc, min: 0.3}]
      non_inferiority: {metric: roc_auc, margin: 0.02}
"""
PARAMS = """\
version: 1
candidates:
  churn:
    logistic:
      estimator: sklearn.linear_model.LogisticRegression
      parameters: {C: 1.0}
"""
P = "pipelines/churn/"
SPLIT = ("ingest", "contract", "split")
TRAINED = ("train", "evaluate", "select", "export", "package", "gate")


def git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=Dana", "-c", "user.email=dana@example.org")
    return subprocess.run(["git", *who, *words], cwd=root, capture_output=True, text=True, check=True).stdout


def declare(root: Path, files: dict[str, bytes]) -> Instance:
    for path, data in files.items():
        disk.write_atomic(root / path, data)
    instance = read_instance(disk.read_state(root, is_state_path))
    context = context_of(disk.read_state(root, is_code_path, tops=CODE_TOPS), __version__)
    regenerate(root, pipeline_files(instance, context), lambda _: None)
    return instance


def script(name: str) -> Any:
    found = importlib.util.spec_from_file_location(f"stage_{name}", SOURCE / f"stages/{name}.py")
    assert found
    assert found.loader
    module = sys.modules.setdefault(found.name, importlib.util.module_from_spec(found))
    found.loader.exec_module(module)
    return module


def run_stages(root: Path, names: tuple[str, ...]) -> None:
    """The stages' scripts in this process, then the lock by DVC itself."""
    for name in names:
        work = script(name).main
        words = ["--root", "../..", *(["--candidate", "logistic"] if name in {"train", "evaluate"} else [])]
        with contextlib.chdir(root / "pipelines/churn"), pytest.raises(SystemExit) as left:
            run_stage(name, work, words)
        assert left.value.code == 0
    subprocess.run([sys.executable, "-m", "dvc", "commit", "-f", "-q"], cwd=root, check=True)


def rows() -> bytes:
    draw = random.Random(5)
    lines = ["left,plan,tenure,noise"]
    for number in range(900):
        tenure, plan = draw.randrange(99), draw.choice(["basic", "full"])
        left = draw.random() < (0.8 - 0.007 * tenure) * (1.1 if plan == "full" else 0.9)
        lines.append(f"{'Yes' if left else 'No'},{plan},{tenure},{number + draw.random():.4f}")
    return ("\n".join(lines) + "\n").encode()


Trees = dict[str, Path]


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Trees:
    """Three repositories whose pipelines have run: the first, another champion, and a much worse one."""
    base = tmp_path_factory.mktemp("trees")
    first = base / "first"
    shutil.copytree(SOURCE / "stages", first / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    git(first, "init", "-q", "-b", "main")
    files = {"models.yaml": MODELS, "params.yaml": PARAMS, "policy.yaml": POLICY}
    files["environments/staging.yaml"] = ENVIRONMENT
    files["environments/production.yaml"] = (
        ENVIRONMENT.replace("staging", "production") + "promotes_from: staging\n"
    )
    state = {path: text.encode() for path, text in files.items()}
    declare(first, {**state, "data/rows.csv": rows(), ".gitignore": b"/.ordain/local/\n"})
    run_stages(first, (*SPLIT, *TRAINED))
    git(first, "add", "-A")
    git(first, "commit", "-q", "-m", "Declare churn")
    made = {"first": first}
    changes = {
        "other": {"params.yaml": PARAMS.replace("1.0", "0.001").encode()},
        "worse": {"models.yaml": MODELS.replace("max: 99}", "max: 99, feature: false}").encode()},
    }
    for name, change in changes.items():
        made[name] = base / name
        shutil.copytree(first, made[name], symlinks=True)
        declare(made[name], change)
        run_stages(made[name], (*(SPLIT if name == "worse" else ()), *TRAINED))
    return made


ENVIRONMENT = """\
version: 1
namespace: ml-staging
registry: registry.example/models
runtime:
  image: registry.example/runtime@sha256:0000000000000000000000000000000000000000000000000000000000000000
models: {}  # none yet
"""
POLICY = """\
version: 1
repository: local/example
people:
  dana:
    name: Dana
    emails: [dana@example.org]
    roles: [reviewer]
collectors:
  - {key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC"}
rules:
  - approvals: {reviewer: 1}
changes: {reviewer: 1}
waivers: []
"""


@pytest.fixture
def work(trees: Trees, tmp_path: Path) -> Callable[[str], Path]:
    """A working copy of one of the trees."""

    def copy(name: str = "first") -> Path:
        shutil.copytree(trees[name], tmp_path / "work", symlinks=True, dirs_exist_ok=True)
        return tmp_path / "work"

    return copy


def go(root: Path, now: datetime = NOW) -> Released:
    (done,) = release(root, [], now, lambda _: None)
    return done


def refused(root: Path, now: datetime = NOW) -> UserError:
    before = snapshot(root)
    with pytest.raises(UserError) as caught:
        go(root, now)
    assert snapshot(root) == before, "a refusal writes nothing"
    return caught.value


def snapshot(root: Path) -> dict[str, bytes]:
    tops = ("models.yaml", "params.yaml", "policy.yaml", "environments", "releases", "pipelines/churn")
    found = disk.read_state(root, lambda _: True, tops=tops)
    store = disk.read_state(root, lambda path: not path.endswith(".lock"), tops=(STORE,))
    return found | store


def record(root: Path, number: int) -> Release:
    return read_instance(disk.read_state(root, is_state_path)).releases["churn"][number]


def switch(root: Path, tree: Path) -> None:
    """The working tree of another champion, with releases, pins, policy and store kept."""
    for part in ("models.yaml", "params.yaml", "pipelines", ".dvc"):
        if (root / part).is_dir():
            shutil.rmtree(root / part)
        else:
            (root / part).unlink()
        (shutil.copytree if (tree / part).is_dir() else shutil.copy)(tree / part, root / part)


def deploy(root: Path, monkeypatch: pytest.MonkeyPatch, number: int, environment: str = "production") -> None:
    """A ledger by which a recorded release runs."""
    target = Target(environment=environment, model="churn")
    found = record(root, number)
    running = Deployed(
        target=target, subject="s", intent="i", files="f", release=found.ref, since=1, source="c"
    )
    state = LedgerState(deployed={target: running}, ran={target: {number: found.digest}})
    monkeypatch.setattr(service, "fold", lambda _: state)


def test_the_first_champion_is_recorded_and_pinned(work: Callable[[], Path]) -> None:
    root = work()
    done = go(root)
    assert (done.release, done.recorded, done.pinned, done.baseline) == ("churn@1", True, "staging", None)
    assert done.written == (
        "pipelines/churn/holdout-looks.yaml",
        "releases/churn/1.yaml",
        "environments/staging.yaml",
    )
    assert "no baseline yet" in done.notes[0]
    found = record(root, 1)
    assert found.digest == found.computed_digest()
    assert found.notes == done.notes
    assert not [each for each in found.verdicts if each.gate.startswith("non_inferiority")]
    assert {"quality.roc_auc", "parity"} <= {each.gate for each in found.verdicts}
    assert found.looks == 1
    assert (found.data.row_count, found.metrics["roc_auc"] > 0.6) == (900, True)
    assert Store(root / STORE).get(found.artifact).size == found.artifact_bytes
    text = (root / "environments/staging.yaml").read_text()
    pin = "models:  # none yet\n  churn:\n    release: 1"
    assert text == ENVIRONMENT.replace("models: {}  # none yet", pin)
    assert (root / "releases/churn/1.yaml").read_bytes() == encode(found)


def test_a_second_run_changes_nothing(work: Callable[[], Path]) -> None:
    root = work()
    go(root)
    before = snapshot(root)
    again = go(root)
    assert (again.release, again.recorded, again.pinned, again.written) == ("churn@1", False, None, ())
    assert snapshot(root) == before


def test_a_record_that_was_compared_with_nothing_is_made_again_once_another_runs(
    work: Callable[[], Path], trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = work()
    go(root)
    switch(root, trees["other"])
    go(root)
    deploy(root, monkeypatch, 1)
    done = go(root)
    assert (done.release, done.recorded, done.baseline) == ("churn@3", True, "churn@1")
    old, new = record(root, 2), record(root, 3)
    assert (old.artifact, old.baseline) == (new.artifact, None)
    assert [each.gate for each in set(new.verdicts) - set(old.verdicts)] == ["non_inferiority.roc_auc"]
    assert go(root).written == ()


def test_two_people_get_the_same_record(work: Callable[[], Path], trees: Trees, tmp_path: Path) -> None:
    root = work()
    go(root)
    shutil.copytree(trees["first"], tmp_path / "there", symlinks=True)
    go(tmp_path / "there")
    assert snapshot(root) == snapshot(tmp_path / "there")


def test_another_champion_is_judged_against_the_deployed_one(
    work: Callable[[], Path], trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = work()
    go(root)
    switch(root, trees["other"])
    deploy(root, monkeypatch, 1)
    done = go(root)
    assert (done.release, done.baseline, done.notes) == ("churn@2", "churn@1", ())
    old, new = record(root, 1), record(root, 2)
    assert new.baseline is not None
    assert new.baseline.artifact == old.artifact != new.artifact
    assert new.baseline.difference == pytest.approx(new.metrics["roc_auc"] - old.metrics["roc_auc"], abs=2e-6)
    (verdict,) = [each for each in new.verdicts if each.gate == "non_inferiority.roc_auc"]
    assert (verdict.outcome, verdict.interval) == ("pass", new.baseline.interval)
    assert yaml.safe_load((root / "environments/staging.yaml").read_text())["models"] == {
        "churn": {"release": 2}
    }


def test_a_worse_champion_is_refused_until_a_waiver_covers_it(
    work: Callable[[], Path], trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = work()
    go(root)
    switch(root, trees["worse"])
    deploy(root, monkeypatch, 1)
    error = refused(root)
    assert error.reason == "gate-failed"
    assert isinstance(error, NotReleasedError)
    ((told,), gate) = error.refused, "non_inferiority.roc_auc"
    assert {each.outcome for each in told.verdicts if each.gate == gate} == {"fail"}
    assert "pass" in {each.outcome for each in told.verdicts}
    assert "non_inferiority.roc_auc: fail (value -" in error.what
    assert "bound 0.02, interval" in error.what
    assert "ordain run churn" in error.fix
    # The suggestion is valid as it stands, up to and including its last day.
    pasted = error.fix[error.fix.index("waivers:") :]
    (root / "policy.yaml").write_text(POLICY.replace("waivers: []", pasted))
    last = datetime(2026, 12, 20, 23, 59, tzinfo=UTC)
    late = refused(root, datetime(2026, 12, 21, tzinfo=UTC))
    assert late.reason == "waiver-expired"
    assert "its waiver ended on 2026-12-20" in late.what
    done = go(root, last)
    assert (done.recorded, done.waived) == (True, ("non_inferiority.roc_auc",))
    (verdict,) = [each for each in record(root, 2).verdicts if each.gate == "non_inferiority.roc_auc"]
    assert verdict.outcome == "fail"


@pytest.mark.parametrize("damage", ["absent", "flipped"])
def test_a_baseline_that_cannot_be_had_blocks(
    work: Callable[[], Path], trees: Trees, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    root = work()
    go(root)
    blob = root / STORE / blob_path(record(root, 1).artifact)
    switch(root, trees["other"])
    deploy(root, monkeypatch, 1)
    if damage == "absent":
        blob.unlink()
    else:
        blob.write_bytes(blob.read_bytes().replace(b'"size"', b'"sizE"'))
    error = refused(root)
    assert error.reason == "gate-insufficient"
    assert "non_inferiority.roc_auc: insufficient" in error.what
    assert "churn@1 cannot be had" in error.what


def test_without_git_the_pins_say_what_is_deployed(work: Callable[[], Path], trees: Trees) -> None:
    root = work()
    shutil.rmtree(root / ".git")
    (root / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    go(root)
    switch(root, trees["other"])
    assert go(root).baseline == "churn@1"


def test_numbers_are_never_used_again(
    work: Callable[[], Path], trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = work()
    go(root)
    git(root, "checkout", "-q", "-b", "elsewhere")
    shutil.copy(root / "releases/churn/1.yaml", root / "releases/churn/4.yaml")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Another branch has come to number 4")
    git(root, "checkout", "-q", "main")
    assert not (root / "releases").exists()
    switch(root, trees["first"])
    assert go(root).release == "churn@5"
    target = Target(environment="staging", model="churn")
    monkeypatch.setattr(service, "fold", lambda _: LedgerState(ran={target: {7: "r"}}))
    (root / "releases/churn/5.yaml").unlink()
    (root / "environments/staging.yaml").write_text(ENVIRONMENT)
    assert go(root).release == "churn@8"


def test_a_release_that_people_pinned_back_stays_so(work: Callable[[], Path], trees: Trees) -> None:
    root = work()
    go(root)
    switch(root, trees["other"])
    go(root)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Release churn@2")
    place = root / "environments/staging.yaml"
    rolled_back = place.read_text().replace("release: 2", "release: 1")
    place.write_text(rolled_back)
    done = go(root)
    assert (done.release, done.written) == ("churn@2", ())
    assert place.read_text() == rolled_back


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_run_killed_between_two_writes_is_completed(
    work: Callable[[], Path], trees: Trees, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    root = work()
    shutil.copytree(trees["first"], tmp_path / "whole", symlinks=True)
    go(tmp_path / "whole")
    writes = []
    original = disk.write_atomic

    def until(path: Path, data: bytes) -> None:
        if STORE not in str(path):
            writes.append(path)
            if len(writes) == step:
                raise KeyboardInterrupt
        original(path, data)

    monkeypatch.setattr(disk, "write_atomic", until)
    with pytest.raises(KeyboardInterrupt):
        go(root)
    monkeypatch.undo()
    done = go(root)
    assert done.release == "churn@1"
    assert done.pinned == "staging"
    assert snapshot(root) == snapshot(tmp_path / "whole")


RELEASE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ordain.services.releases.release import release
print(release(Path(sys.argv[1]), [], datetime(2026, 11, 20, tzinfo=UTC), lambda _: None)[0].recorded)
"""


def test_runs_at_once_record_one_release(work: Callable[[], Path]) -> None:
    root = work()
    words = [sys.executable, "-c", RELEASE, str(root)]
    runs = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sorted(run.communicate()[0] for run in runs) == ["False\n", "False\n", "True\n"]
    assert [path.name for path in (root / "releases/churn").iterdir()] == ["1.yaml"]


def test_a_run_killed_for_real_is_completed(work: Callable[[], Path], trees: Trees, tmp_path: Path) -> None:
    root = work()
    shutil.copytree(trees["first"], tmp_path / "whole", symlinks=True)
    go(tmp_path / "whole")
    for marker in (
        f"{STORE}/blobs",
        f"{STORE}/index.json",
        f"{P}holdout-looks.yaml",
        "releases/churn/1.yaml",
    ):
        run = subprocess.Popen([sys.executable, "-c", RELEASE, str(root)], stdout=subprocess.PIPE)
        while run.poll() is None and not (root / marker).exists():
            time.sleep(0.0005)
        run.send_signal(signal.SIGKILL)
        run.communicate()
    go(root)
    assert snapshot(root) == snapshot(tmp_path / "whole")


def edit_json(path: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def lock_again(root: Path) -> None:
    """What somebody may do who means it: DVC's lock agrees with the edit."""
    subprocess.run([sys.executable, "-m", "dvc", "commit", "-f", "-q"], cwd=root, check=True)


def unlink(relative: str) -> Callable[[Path], None]:
    return lambda root: (root / relative).unlink()


def put(relative: str, data: bytes) -> Callable[[Path], None]:
    return lambda root: disk.write_atomic(root / relative, data)


def replace(relative: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        data = (root / relative).read_bytes()
        assert old in data
        (root / relative).write_bytes(data.replace(old, new))

    return change


def better(root: Path) -> None:
    def change(content: Any) -> None:
        content["metrics"]["roc_auc"] = 0.999

    edit_json(root / "pipelines/churn/gates.json", change)


def as_link(relative: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / relative).rename(root / "elsewhere")
        (root / relative).symlink_to(root / "elsewhere")

    return change


def as_pipe(relative: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / relative).unlink()
        os.mkfifo(root / relative)

    return change


BAD = {
    "never ran": (unlink(P + "dvc.lock"), "never ran"),
    "lock is no YAML": (put(P + "dvc.lock", b"{"), "damaged"),
    "lock is a list": (put(P + "dvc.lock", b"[]"), "damaged"),
    "lock with markers": (put(P + "dvc.lock", b"<<<<<<< ours\n"), "damaged"),
    "no gates": (unlink(P + "gates.json"), "not here"),
    "no holdout": (unlink(P + "data/holdout.parquet"), "not here"),
    "no champion": (unlink(P + "champion.json"), "not here"),
    "no artifact": (lambda root: shutil.rmtree(root / P / "artifact"), "no artifact here"),
    "edited gates": (better, "not what its stage wrote"),
    "edited rows": (replace(P + "data/train.parquet", b"PAR1", b"PAR2"), "data/train.parquet"),
    "edited parameters": (replace("params.yaml", b"1.0", b"2.0"), "params.yaml"),
    "edited pipeline": (replace(P + "dvc.yaml", b"python -P", b"python -p"), "dvc.yaml"),
    "edited lock": (replace(P + "dvc.lock", b"C: 1.0", b"C: 3.0"), "parameter candidates.logistic"),
    "changed data": (replace("data/rows.csv", b"basic", b"full"), "file data/rows.csv changed"),
    "changed code": (replace("stages/train.py", b"import", b"import "), "file stages/train.py changed"),
    "edited artifact": (replace(P + "artifact/index.json", b'"size"', b'"sizE"'), "index.json"),
    "linked record": (as_link(P + "gates.json"), "symlink"),
    "pipe": (as_pipe(P + "gates.json"), "special file"),
    "looks": (put(P + "holdout-looks.yaml", b"looks: many"), "looks"),
    "no environment": (lambda root: shutil.rmtree(root / "environments"), "no environment"),
    "invalid state": (put("models.yaml", b"version: 1\n"), "models.yaml"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named_and_nothing_is_written(
    work: Callable[[], Path], case: tuple[Callable[[Path], Any], str]
) -> None:
    root = work()
    damage, said = case
    damage(root)
    before = sorted(path for path in root.rglob("*") if ".git/" not in str(path) and "local" not in str(path))
    with pytest.raises(UserError) as caught:
        go(root)
    assert said in f"{caught.value}"
    assert caught.value.fix
    after = sorted(path for path in root.rglob("*") if ".git/" not in str(path) and "local" not in str(path))
    assert after == before
    assert not (root / "releases").exists()


def nan_metric(content: Any) -> None:
    content["metrics"]["roc_auc"] = float("nan")


def no_verdict(content: Any) -> None:
    content["verdicts"] = [each for each in content["verdicts"] if each["gate"] != "parity"]


def other_holdout(content: Any) -> None:
    content["holdout"]["digest"] = "sha256:" + "0" * 64


def text_metric(content: Any) -> None:
    content["metrics"]["roc_auc"] = "0.9"


def odd_outcome(content: Any) -> None:
    content["verdicts"][0]["outcome"] = "passed"


FORGED = {
    "NaN": (nan_metric, "not the record"),
    "missing verdict": (no_verdict, "parity: insufficient the gate is declared and gave no verdict"),
    "other holdout": (other_holdout, "another holdout"),
    "text for a number": (text_metric, "not the record"),
    "unknown outcome": (odd_outcome, "not the record"),
}


@pytest.mark.parametrize("case", FORGED.values(), ids=FORGED.keys())
def test_records_that_fit_the_lock_and_make_no_sense_are_refused(
    work: Callable[[], Path], case: tuple[Callable[[Any], None], str]
) -> None:
    root = work()
    change, said = case
    edit_json(root / "pipelines/churn/gates.json", change)
    lock_again(root)
    assert said in refused(root).what


def test_an_artifact_that_fits_nothing_is_refused(work: Callable[[], Path], trees: Trees) -> None:
    root = work()
    shutil.rmtree(root / P / "artifact")
    shutil.copytree(trees["other"] / P / "artifact", root / P / "artifact")
    assert "not the artifact that package.json names" in refused(root).what


def test_an_undefined_metric_is_left_out_of_the_record(work: Callable[[], Path]) -> None:
    root = work()
    edit_json(root / P / "gates.json", lambda content: content["metrics"].update(log_loss=None))
    lock_again(root)
    go(root)
    assert "log_loss" not in record(root, 1).metrics


def test_one_refused_model_does_not_stop_the_others(work: Callable[[], Path]) -> None:
    root = work()
    for path, at in (("models.yaml", "  churn:\n"), ("params.yaml", "  churn:\n")):
        text = (root / path).read_text()
        body = text[text.index(at) + len(at) :]
        (root / path).write_text(f"{text}  also:\n{body}")
    declare(root, {})
    with pytest.raises(UserError) as caught:
        release(root, [], NOW, lambda _: None)
    assert "also cannot be released: the pipeline never ran" in caught.value.what
    assert "the others are done: churn@1" in caught.value.what
    assert record(root, 1).model == "churn"
    with pytest.raises(UserError, match="no model `chrun`") as caught:
        release(root, ["chrun"], NOW, lambda _: None)
    assert "did you mean `churn`" in caught.value.fix
    (done,) = release(root, ["churn"], NOW, lambda _: None)
    assert done.written == ()


def test_the_ledger_of_the_base_branch_is_read(work: Callable[[], Path]) -> None:
    root = work()
    assert History.around(root).ledger == LedgerState()
    assert History.around(root / "pipelines").ledger is None
    disk.write_atomic(root / "manifests/ledger/00000001.json", b"{}")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "A ledger that is none")
    assert refused(root).reason == "ledger-broken"


def ordain(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from ordain.cli.main import main; main()", *words, "-C", str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_line(work: Callable[[], Path]) -> None:
    root = work()
    done = ordain(root, "release")
    assert done.returncode == 0, done.stderr
    for said in ("churn@1 recorded, pinned in staging", "no baseline yet", "next: ordain plan"):
        assert said in done.stdout
    again = ordain(root, "release", "--json")
    (answer,) = json.loads(again.stdout)["models"]
    assert answer == msgspec.to_builtins(
        Released(model="churn", release="churn@1", artifact=answer["artifact"], notes=answer["notes"])
    ) | {"notes": answer["notes"], "waived": [], "written": []}
    assert "nothing to do" in ordain(root, "release").stdout
    (root / P / "gates.json").unlink()
    told = root.parent / "refused.json"
    wrong = ordain(root, "release", "--refused", str(told))
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr
    assert "next: ordain run churn" in wrong.stderr
    assert [(each.model, each.verdicts) for each in decode(told.read_bytes(), "")] == [("churn", ())]
