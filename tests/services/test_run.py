"""`ordain run` on real DVC and real Git, with stages that write their outputs at once instead of learning."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ordain.adapters import dvc
from ordain.core.pipelines import durations, looks
from ordain.errors import RetryLater, UserError
from ordain.services.training.run import LOG, Ran, expected, parts_of, run

ROOT = Path(__file__).parents[2]

# Writes what dvc.yaml declares for its stage. `parameters` of a candidate tell it to misbehave.
STAGE = """
import hashlib, json, os, pathlib, sys, time
import yaml
name = pathlib.Path(sys.argv[0]).stem + ("-" + sys.argv[2] if sys.argv[1:] else "")
stage = yaml.safe_load(open("dvc.yaml"))["stages"][name]
params = yaml.safe_load(open("params.yaml"))
told = params["candidates"].get(sys.argv[2], {}).get("parameters", {}) if sys.argv[1:] else {}
if name.startswith("train") or name in ("ingest", "gate"):
    if pathlib.Path("../../slow").exists():
        pathlib.Path("../../at-" + name).touch()
        time.sleep(float(pathlib.Path("../../slow").read_text()))
if told.get("fail") == "error" and name.startswith("train"):
    print(f"error: {params['model']} / train / {sys.argv[2]} / params.yaml: it failed", file=sys.stderr)
    sys.exit("  fix: mend it")
if told.get("fail") == "crash" and name.startswith("train"):
    raise ZeroDivisionError("by zero")
if told.get("fail") == "later" and name.startswith("train"):
    print("later: the host did not answer", file=sys.stderr)
    sys.exit(75)
inputs = [pathlib.Path(each).read_bytes() for each in stage["deps"] if not each.startswith("../")]
if name == "export":
    inputs.append(json.dumps(json.load(open("champion.json"))["recipe"]))
digest = hashlib.sha256(repr((inputs, told.get("score"))).encode()).hexdigest()
score = told.get("score", 0.5)
def write(path, data):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.parent / f".{path.name}.1.ordain-tmp"
    aside.write_bytes(data)
    os.replace(aside, path)
score_of = lambda c: json.load(open(f"candidates/{c}/metrics.json"))["score"]
best = lambda: max(params["candidates"], key=score_of)
for each in stage.get("outs", []) + stage.get("metrics", []):
    path = each if isinstance(each, str) else next(iter(each))
    value = {"digest": digest}
    if path == "artifact":
        write("artifact/blob", digest.encode())
        continue
    if path.endswith(("oof.parquet", "metrics.json")):
        value["score"] = score if path.endswith("oof.parquet") else json.loads(inputs[0])["score"]
    if path.endswith("metrics.json"):
        value["metrics"] = {"roc_auc": value["score"]}
    if path == "champion.json":
        value = {"candidate": best(), "recipe": params["candidates"][best()], "digest": digest}
    if path == "package.json":
        value = {"artifact": "sha256:" + digest}
    if path == "gates.json":
        value = {"metrics": {"auc": 0.5}, "holdout": {"digest": "sha256:" + "0" * 64}}
    if path.endswith("roc.csv"):
        write(path, b"label,false_positive_rate,true_positive_rate\\nYes,0,0\\nYes,1,1\\n")
    elif path.endswith("calibration.csv"):
        write(path, b"predicted,observed,rows\\n0.1,0.2,3\\n0.8,0.9,3\\n")
    else:
        filler = b" " * 3_000_000 * path.endswith("rows.parquet")
        write(path, json.dumps(value, sort_keys=True).encode() + filler)
"""
SCRIPTS = ("ingest", "contract", "split", "train", "evaluate", "select", "export", "package", "gate")
ALL = [
    *("ingest", "contract", "split"),
    *("train-boosted", "evaluate-boosted", "train-linear", "evaluate-linear"),
    *("select", "export", "package", "gate"),
]
MODEL: dict[str, Any] = {
    "owner": "retention",
    "description": "Who leaves.",
    "task": "binary",
    "risk": "low",
    "data": {
        "source": {"path": "data/rows.csv"},
        "target": "left",
        "positive": "Yes",
        "columns": {
            "left": {"type": "string", "categories": ["No", "Yes"]},
            "age": {"type": "integer"},
        },
    },
    "selection": {"metric": "roc_auc"},
    "gates": {"quality": [{"metric": "roc_auc", "min": 0.6}]},
}
CANDIDATES: dict[str, Any] = {
    "linear": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"score": 0.8}},
    "boosted": {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier", "parameters": {"score": 0.7}},
}


class Watcher:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.stages: list[tuple[str, str, str]] = []
        self.expected = 0

    def note(self, text: str) -> None:
        self.notes.append(text)

    def total(self, stages: int) -> None:
        self.expected = stages

    def stage(self, model: str, stage: str, state: dvc.State) -> None:
        self.stages.append((model, stage, state))


class Repo:
    """A repository in a scratch folder, and what is done to it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def copied(self, root: Path) -> Repo:
        """A repository that stands where this one does, and goes its own way from there."""
        shutil.copytree(self.root, root, symlinks=True)
        return Repo(root)

    def git(self, *words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=self.root, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "change")

    def declare(self, models: dict[str, Any], candidates: dict[str, Any] | None = None) -> None:
        chosen = dict.fromkeys(models, CANDIDATES) | (candidates or {})
        (self.root / "models.yaml").write_text(
            json.dumps({"version": 1, "renderer": 1, "models": models}), encoding="utf-8"
        )
        (self.root / "params.yaml").write_text(
            json.dumps({"version": 1, "seed": 1, "candidates": chosen}), encoding="utf-8"
        )

    def tell(self, candidate: str, model: str = "churn", **parameters: Any) -> None:
        """Change one candidate's parameters."""
        path = self.root / "params.yaml"
        content = json.loads(path.read_text())
        content["candidates"][model][candidate]["parameters"] = parameters
        path.write_text(json.dumps(content))

    def run(self, *wanted: str, jobs: int = 1, watcher: Watcher | None = None) -> Ran:
        return run(self.root, wanted, jobs, watcher or Watcher())

    def ordain(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        program = "from ordain.cli.main import main; main()"
        command = [sys.executable, "-c", program, *words]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False, **options)

    def dvc(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = dvc.stage_environment(self.root)
        return subprocess.run(
            dvc.command(*words), cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )

    def read(self, path: str) -> Any:
        return yaml.safe_load((self.root / path).read_bytes())

    def outputs(self, model: str = "churn") -> dict[str, bytes]:
        """Every file below the model's folder but the count of looks and the times."""
        folder = self.root / "pipelines" / model
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name not in {looks.FILE, durations.FILE}
        }


def make(root: Path) -> Repo:
    repo = Repo(root)
    for folder in ("stages", "data"):
        (root / folder).mkdir(parents=True)
    for name in SCRIPTS:
        (root / "stages" / f"{name}.py").write_text(STAGE, encoding="utf-8")
    (root / "data/rows.csv").write_text("left,age\nYes,1\nNo,2\n")
    (root / ".gitignore").write_text(".ordain/local/\n/slow\n/at-*\n__pycache__/\n")
    policy = {**yaml.safe_load((ROOT / "policy.yaml").read_bytes()), "waivers": []}
    (root / "policy.yaml").write_text(json.dumps(policy))
    shutil.copytree(ROOT / "environments", root / "environments")
    for path in (root / "environments").iterdir():
        content = yaml.safe_load(path.read_bytes())
        path.write_text(json.dumps({**content, "models": {}}))
    repo.declare({"churn": MODEL})
    repo.git("init", "-q")
    repo.git("config", "user.email", "a@example.org")
    repo.git("config", "user.name", "A")
    repo.commit()
    return repo


@pytest.fixture
def repo(ran: Repo, tmp_path: Path) -> Repo:
    return ran.copied(tmp_path / "repo")


@pytest.fixture
def fresh(tmp_path: Path) -> Repo:
    """One model that never ran."""
    return make(tmp_path / "fresh")


def stages_run(answer: Ran) -> list[str]:
    return answer.models[0].ran


def test_a_first_run_runs_everything_and_a_second_nothing(fresh: Repo) -> None:
    watcher = Watcher()
    answer = fresh.run(watcher=watcher)
    assert stages_run(answer) == ALL
    assert watcher.expected == len(ALL) + 1
    assert [each for each in watcher.stages if each[2] == "done"][-1] == ("churn", "", "done")
    model = answer.models[0]
    assert (model.champion, model.looks, model.skipped) == ("linear", 1, [])
    assert "pipelines/churn/dvc.yaml" in answer.files.written
    fresh.commit()
    before = fresh.git("rev-parse", "HEAD^{tree}")
    again = fresh.run()
    assert (stages_run(again), again.models[0].skipped) == ([], ALL)
    assert again.files.written == ()
    assert fresh.git("status", "--porcelain") == ""
    assert fresh.git("rev-parse", "HEAD^{tree}") == before
    tracked = fresh.git("ls-files", "pipelines").splitlines()
    assert not [path for path in tracked if path.endswith((".parquet", ".onnx")) or "artifact" in path]
    assert "pipelines/churn/gates.json" in tracked


def test_dvc_agrees_that_nothing_is_left_to_do(repo: Repo) -> None:
    assert "up to date" in repo.dvc("status").stdout
    assert "Running" not in repo.dvc("repro").stdout
    assert repo.git("status", "--porcelain") == ""


def test_the_times_of_what_ran_are_kept_and_tell_how_long_the_next_run_takes(repo: Repo) -> None:
    kept = durations.decode((repo.root / "pipelines/churn/durations.yaml").read_bytes())
    assert set(kept.stages) == set(ALL)
    assert expected(repo.root, ()) == {}
    repo.tell("linear", score=0.81)
    behind = ("train-linear", "evaluate-linear", "select", "export", "package", "gate")
    assert expected(repo.root, ()) == {("churn", name): kept.stages[name] for name in behind}
    assert expected(repo.root, ("other",)) == {}
    repo.run()
    after = durations.decode((repo.root / "pipelines/churn/durations.yaml").read_bytes())
    assert after.lock != kept.lock
    assert after.stages["train-boosted"] == kept.stages["train-boosted"]
    (repo.root / "pipelines/churn/dvc.lock").write_text("{")
    assert expected(repo.root, ()) == {}


def test_a_losing_candidate_reruns_itself_and_the_selection_only(repo: Repo) -> None:
    repo.tell("boosted", score=0.71)
    answer = repo.run()
    assert stages_run(answer) == ["train-boosted", "evaluate-boosted", "select"]
    assert answer.models[0].looks == 1


@pytest.mark.slow
def test_a_new_champion_reruns_all_that_follows_it(repo: Repo) -> None:
    repo.tell("boosted", score=0.9)
    answer = repo.run()
    assert stages_run(answer) == [
        *("train-boosted", "evaluate-boosted", "select", "export", "package", "gate")
    ]
    assert (answer.models[0].champion, answer.models[0].looks) == ("boosted", 2)
    repo.tell("boosted", score=0.7)
    assert repo.run().models[0].looks == 2, "judging the first artifact again shows nothing new"
    assert len(repo.read("pipelines/churn/holdout-looks.yaml")["holdouts"]) == 1


def test_a_gate_reruns_the_gate_only(repo: Repo) -> None:
    model = json.loads(json.dumps(MODEL))
    model["gates"]["quality"][0]["min"] = 0.7
    repo.declare({"churn": model})
    assert stages_run(repo.run()) == ["gate"]


@pytest.mark.slow
def test_a_new_model_needs_no_hand_edit(repo: Repo) -> None:
    repo.declare({"churn": MODEL, "fraud": MODEL})
    answer = repo.run(jobs=2)
    assert [each.model for each in answer.models] == ["churn", "fraud"]
    assert answer.models[0].ran == []
    assert sorted(answer.models[1].ran + answer.models[1].restored) == sorted(ALL)
    assert answer.models[1].champion == "linear"
    assert set(repo.read("dvc.yaml")["stages"]) == {"churn", "fraud"}
    assert "Running" not in repo.dvc("repro").stdout


@pytest.mark.slow
def test_models_at_once_give_what_one_after_another_gives(tmp_path: Path) -> None:
    results = []
    for jobs in (1, 2):
        repo = make(tmp_path / str(jobs))
        repo.declare(dict.fromkeys("ab", MODEL))
        repo.run(jobs=jobs)
        results.append({name: repo.outputs(name) for name in "ab"} | {"": repo.read("dvc.lock")})
    assert results[0] == results[1]


def test_only_wanted_models_run(repo: Repo) -> None:
    repo.declare({"churn": MODEL, "fraud": MODEL})
    assert [each.model for each in repo.run("churn").models] == ["churn"]
    assert not (repo.root / "pipelines/fraud/gates.json").exists()
    with pytest.raises(UserError, match="no model `chrun`") as caught:
        repo.run("chrun")
    assert "churn" in caught.value.fix


@pytest.mark.slow
def test_a_fresh_clone_runs_again_and_ends_where_it_began(repo: Repo, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", repo.root, tmp_path / "clone"], check=True)
    clone = Repo(tmp_path / "clone")
    dry = clone.dvc("repro", "--dry", "--allow-missing")
    assert (dry.returncode, "Running" in dry.stdout) == (0, False)
    cached = {"ingest", "split", "export", "package", *(each for each in ALL if each.startswith("train"))}
    assert set(stages_run(clone.run())) == cached, "what Git holds is still right when its inputs come back"
    assert clone.git("status", "--porcelain") == ""
    assert clone.outputs() == repo.outputs()


def test_what_changed_is_not_run_on_data_that_is_not_there(repo: Repo, tmp_path: Path) -> None:
    """Dependencies are files: with the data absent, DVC refuses where a folder would have been empty."""
    subprocess.run(["git", "clone", "-q", repo.root, tmp_path / "clone"], check=True)
    clone = Repo(tmp_path / "clone")
    (clone.root / "stages/gate.py").write_text(STAGE + "# changed\n")
    done = clone.dvc("repro", "--allow-missing", "pipelines/churn/dvc.yaml:gate")
    assert done.returncode != 0
    assert "No such file" in done.stdout + done.stderr


@pytest.mark.slow
def test_metrics_plots_and_experiments_work_from_the_top(repo: Repo) -> None:
    name = "pipelines/churn/params.yaml:candidates.boosted.parameters.score"
    done = repo.dvc("exp", "run", "-S", f"{name}=0.72")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Running stage") == 3
    difference = json.loads(repo.dvc("metrics", "diff", "--json").stdout)
    change = difference["pipelines/churn/candidates/boosted/metrics.json"]["score"]
    assert (change["old"], change["new"]) == (0.7, 0.72)
    for words in (("show",), ("diff", "HEAD")):
        plots = json.loads(repo.dvc("plots", *words, "--json").stdout)
        assert "errors" not in plots
        assert {each.split("::")[-1] for each in plots["data"]} == {
            *("roc-candidates", "roc-holdout", "calibration-candidates", "calibration-holdout")
        }
    shown = repo.dvc("plots", "show", "-o", "plots")
    assert shown.returncode == 0


@pytest.mark.slow
def test_a_failing_stage_is_named_and_stops_no_other_model(repo: Repo) -> None:
    repo.declare({"churn": MODEL, "fraud": MODEL})
    repo.tell("boosted", fail="error")
    with pytest.raises(UserError) as caught:
        repo.run()
    assert str(caught.value) == "churn / train / boosted / params.yaml: it failed"
    assert caught.value.fix == "mend it"
    assert (repo.root / "pipelines/fraud/holdout-looks.yaml").is_file()
    repo.tell("boosted", score=0.7)
    assert [each.champion for each in repo.run().models] == ["linear", "linear"]


def test_a_stage_that_crashes_is_named_by_its_script_and_last_words(repo: Repo) -> None:
    repo.tell("boosted", fail="crash")
    with pytest.raises(UserError) as caught:
        repo.run()
    assert caught.value.where == "churn / train-boosted / stages/train.py"
    assert caught.value.what == "the stage ended with exit code 1: ZeroDivisionError: by zero"
    assert LOG in caught.value.fix
    assert "Traceback" in (repo.root / LOG).read_text()


def test_a_host_that_did_not_answer_is_worth_another_try(repo: Repo) -> None:
    repo.tell("boosted", fail="later")
    with pytest.raises(RetryLater, match="the host did not answer"):
        repo.run()


def wait_for(found: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def start(repo: Repo) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", "from ordain.cli.main import main; main()", "run", "--quiet"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(words, cwd=repo.root, start_new_session=True, stdout=quiet, stderr=quiet)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["train-linear", "gate"])
def test_a_run_killed_at_a_stage_is_healed_by_the_next(fresh: Repo, ran: Repo, stage: str) -> None:
    (fresh.root / "slow").write_text("0.3")
    process = start(fresh)
    wait_for((fresh.root / f"at-{stage}").exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (fresh.root / "slow").unlink()
    answer = fresh.run()
    assert answer.models[0].champion == "linear"
    assert stage in answer.models[0].ran
    assert fresh.outputs() == ran.outputs()


@pytest.mark.slow
def test_a_killed_runs_last_stage_is_waited_for(fresh: Repo, ran: Repo) -> None:
    """The lock is held until the orphaned stage has ended, so two stages never write the same outputs."""
    (fresh.root / "slow").write_text("1.5")
    process = start(fresh)
    wait_for((fresh.root / "at-train-boosted").exists)
    process.kill()
    process.wait()
    (fresh.root / "slow").unlink()
    watcher = Watcher()
    answer = fresh.run(watcher=watcher)
    assert watcher.notes[0] == "waiting for an earlier run here to end"
    assert answer.models[0].champion == "linear"
    assert fresh.outputs() == ran.outputs()


@pytest.mark.slow
def test_two_runs_at_once_take_turns(fresh: Repo, ran: Repo) -> None:
    (fresh.root / "slow").write_text("0.2")
    processes = [start(fresh), start(fresh)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert fresh.outputs() == ran.outputs()


def test_path_locks_of_a_dead_dvc_block_nothing(repo: Repo) -> None:
    """Not even when the dead process's number is now another's (here: this test's parent)."""
    info = {"pid": os.getppid(), "cmd": "/usr/bin/dvc repro"}
    place = str(repo.root / "pipelines/churn/gates.json")
    text = json.dumps({"write": {place: info}, "read": {place: [info]}})
    (repo.root / ".dvc/tmp/rwlock").write_text(text)
    repo.tell("boosted", score=0.9)
    assert "gate" in stages_run(repo.run())


@pytest.mark.parametrize("damage", ["truncated", "conflict"])
def test_a_broken_lock_file_is_named_and_started_anew(repo: Repo, ran: Repo, damage: str) -> None:
    path = repo.root / "pipelines/churn/dvc.lock"
    text = path.read_text()
    path.write_text(
        {"truncated": text[:90], "conflict": "<<<<<<< ours\n" + text + ">>>>>>> theirs\n"}[damage]
    )
    watcher = Watcher()
    answer = repo.run(watcher=watcher)
    assert "pipelines/churn/dvc.lock" in watcher.notes[0]
    assert set(answer.models[0].ran) | set(answer.models[0].restored) == set(ALL)
    assert repo.outputs() == ran.outputs()


def limited(size: int) -> Callable[[], None]:
    """Files cannot grow beyond a size: what a full disk is to whoever writes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.slow
def test_on_a_full_disk_nothing_half_written_is_taken_for_whole(fresh: Repo, ran: Repo) -> None:
    done = fresh.ordain("run", preexec_fn=limited(2_000_000))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "the disk is full" in done.stderr
    assert not (fresh.root / "pipelines/churn/data/rows.parquet").exists()
    fresh.run()
    assert fresh.outputs() == ran.outputs()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here; the limit on file size stands in for it")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.slow
def test_a_disk_that_fills_up_is_said_to_be_full_and_mended_by_space(small_disk: Path, ran: Repo) -> None:
    repo = make(small_disk / "repo")
    (repo.root / "filler").write_bytes(b"x" * 4_000_000)
    done = repo.ordain("run")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (repo.root / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    assert repo.ordain("run", "-q").returncode == 0
    assert repo.outputs() == ran.outputs()


def test_a_removed_candidate_leaves_nothing_behind(repo: Repo) -> None:
    repo.declare({"churn": MODEL}, {"churn": {"linear": CANDIDATES["linear"]}})
    watcher = Watcher()
    answer = repo.run(watcher=watcher)
    assert stages_run(answer) == ["select"]
    assert "pipelines/churn/candidates/boosted/oof.parquet" in watcher.notes[0]
    assert not (repo.root / "pipelines/churn/candidates/boosted").exists()
    assert "train-boosted" not in repo.read("pipelines/churn/dvc.lock")["stages"]


def test_a_removed_model_leaves_what_people_and_the_count_of_looks_put_there(repo: Repo) -> None:
    mine = repo.root / "pipelines/churn/notes.md"
    mine.write_text("mine")
    repo.declare({})
    watcher = Watcher()
    answer = repo.run(watcher=watcher)
    assert answer.models == ()
    assert "pipelines/churn/dvc.yaml" in answer.files.removed
    assert "pipelines/churn/dvc.lock" in watcher.notes[0]
    assert sorted(each.name for each in mine.parent.iterdir()) == ["holdout-looks.yaml", "notes.md"]
    assert repo.read("dvc.lock")["stages"] in (None, {})
    assert repo.run().files.removed == ()


def test_a_hostile_leftover_cannot_name_what_to_remove(repo: Repo) -> None:
    from ordain.core.pipelines.pipeline import HEADER

    evil = repo.root / "pipelines/evil"
    evil.mkdir()
    (evil / "dvc.yaml").write_text(HEADER + "stages: {a: {outs: [../../models.yaml, holdout-looks.yaml]}}")
    with pytest.raises(UserError) as caught:
        repo.run()
    assert caught.value.reason == "hostile-object"
    assert (repo.root / "models.yaml").is_file()


def test_a_persons_own_dvc_yaml_is_not_replaced(fresh: Repo) -> None:
    own = fresh.root / "dvc.yaml"
    own.write_text("stages: {mine: {cmd: echo}}\n")
    with pytest.raises(UserError, match="not generated") as caught:
        fresh.run()
    assert (caught.value.where, own.read_text()) == ("dvc.yaml", "stages: {mine: {cmd: echo}}\n")


def test_a_missing_stage_script_is_named(fresh: Repo) -> None:
    (fresh.root / "stages/gate.py").unlink()
    with pytest.raises(UserError) as caught:
        fresh.run()
    assert caught.value.where == "stages/gate.py"


def test_a_record_that_is_none_is_named(repo: Repo) -> None:
    repo.run()
    (repo.root / "stages/package.py").write_text(STAGE.replace('"artifact": "sha256:" + digest', '"a": 1'))
    with pytest.raises(UserError) as caught:
        repo.run()
    assert caught.value.where == "pipelines/churn/package.json"


def test_declared_text_is_never_interpolated_by_dvc(repo: Repo) -> None:
    evil = ["${x}", "${seed}", '"; touch pwned; "', "'$(touch pwned)'", "a: b", "#", "\\${x}"]
    model = json.loads(json.dumps(MODEL))
    model["description"] = "${x} `touch pwned`"
    model["data"]["columns"]["city"] = {"type": "string", "categories": evil}
    repo.declare({"churn": model})
    repo.tell("linear", score=0.8, solver="${candidates}; touch pwned")
    answer = repo.run()
    assert answer.models[0].champion == "linear"
    params = repo.read("pipelines/churn/dvc.lock")["stages"]["ingest"]["params"]["params.yaml"]
    assert params["data.columns"]["city"]["categories"] == evil
    assert not list(repo.root.rglob("pwned"))


def test_variables_of_a_surrounding_git_or_dvc_do_not_leak(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere")
    monkeypatch.setenv("DVC_STAGE", "outer")
    monkeypatch.setenv("DVC_ROOT", "/nowhere")
    monkeypatch.setenv("SHELL", "/nowhere/fish")
    repo.tell("boosted", score=0.72)
    assert stages_run(repo.run()) == ["train-boosted", "evaluate-boosted", "select"]


@pytest.mark.slow
def test_the_command_answers_in_json_and_in_lines(repo: Repo) -> None:
    repo.tell("boosted", score=0.73)
    lines = repo.ordain("run")
    assert lines.stdout.splitlines()[:3] == [
        *("churn: train-boosted", "churn: evaluate-boosted", "churn: select")
    ]
    assert "3 stages ran, 8 unchanged" in lines.stdout
    answer = json.loads(repo.ordain("run", "churn", "--json").stdout)
    assert answer["models"][0]["skipped"] == ALL
    assert repo.ordain("run", "--quiet").stdout == ""
    repo.tell("boosted", fail="error")
    failed = repo.ordain("run", "--quiet")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "error: churn / train / boosted / params.yaml: it failed\n  next: mend it\n"
    assert repo.ordain("run", "--jobs", "0").returncode == 64


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("pipelines/churn/dvc.yaml:train-a", ("churn", "train-a")),
        ("churn", ("churn", "")),
        ("pipelines/churn/dvc.yaml", ("pipelines/churn/dvc.yaml", "")),
        ("x:y", ("x:y", "")),
    ],
)
def test_addresses(address: str, parts: tuple[str, str]) -> None:
    assert parts_of(address) == parts
