"""Fetching no more than is needed, never retraining for want of a download, and joining what jobs made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ordain._version import __version__
from ordain.adapters import files as disk
from ordain.adapters.git import Repository
from ordain.core.pipelines.pipeline import CODE_TOPS, context_of, is_code_path, pipeline_files
from ordain.core.state.instance import is_state_path, read_instance
from ordain.errors import UserError
from ordain.services.training.affected import affected, append_lines
from ordain.services.training.data_pull import Purpose, pull
from ordain.services.training.fragments import join, pack
from ordain.services.training.regenerate import regenerate
from ordain.services.training.stopped import stopped
from tests.services.test_run import MODEL, Repo, make

pytestmark = pytest.mark.slow  # real trainings by real DVC, in clones

REMOTE = "[core]\n    remote = r\n    analytics = false\n['remote \"r\"']\n    url = {}\n"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Two models, run, committed, and their outputs in a remote."""
    folder = tmp_path_factory.mktemp("lean")
    repo = make(folder / "origin")
    repo.declare({"churn": MODEL, "upsell": MODEL})
    repo.run()
    (repo.root / ".dvc/config").write_text(REMOTE.format(folder / "remote"))
    assert repo.dvc("push").returncode == 0
    repo.commit()
    return repo


@pytest.fixture
def clone(origin: Repo, tmp_path: Path) -> Repo:
    """A fresh clone, as CI has it, with a remote of its own to damage."""
    shutil.copytree(origin.root.parent / "remote", tmp_path / "remote")
    origin.git("clone", "-q", str(origin.root), str(tmp_path / "clone"))
    repo = Repo(tmp_path / "clone")
    for key, value in (("user.email", "a@example.org"), ("user.name", "A")):
        repo.git("config", key, value)
    (repo.root / ".dvc/config").write_text(REMOTE.format(tmp_path / "remote"))
    repo.git("commit", "-qam", "remote")
    return repo


def changed(repo: Repo) -> Repo:
    """One candidate of one model has another parameter, committed."""
    for key, value in (("user.email", "a@example.org"), ("user.name", "A")):
        repo.git("config", key, value)
    repo.tell("boosted", score=0.9)
    instance = read_instance(disk.read_state(repo.root, is_state_path))
    context = context_of(disk.read_state(repo.root, is_code_path, tops=CODE_TOPS), __version__)
    regenerate(repo.root, pipeline_files(instance, context), lambda _: None)
    repo.commit()
    return repo


def behind(repo: Repo) -> list[str]:
    """Models with stages to run; none of them was ever released here."""
    return [each.model for each in affected(repo.root) if each.stages]


def fetch(repo: Repo, *models: str, purpose: Purpose = "run") -> tuple[str, ...]:
    return pull(repo.root, models, purpose, lambda _: None).fetched


def test_a_fresh_clone_needs_nothing_while_nothing_changed(clone: Repo) -> None:
    assert behind(clone) == []
    assert fetch(clone) == ()


def test_only_what_changed_stages_read_is_fetched_and_only_they_run(clone: Repo) -> None:
    changed(clone)
    assert behind(clone) == ["churn"]
    assert fetch(clone) == ("pipelines/churn/data/holdout.parquet", "pipelines/churn/data/train.parquet")
    ran = clone.dvc("repro", "--allow-missing", "churn")
    assert ran.returncode == 0, ran.stdout
    assert "ingest" not in ran.stdout.replace("Stage 'pipelines/churn/dvc.yaml:ingest' didn't change", "")
    assert not (clone.root / "pipelines/churn/data/rows.parquet").exists()
    assert not (clone.root / "pipelines/upsell/data").joinpath("train.parquet").exists()
    assert clone.dvc("push", "--run-cache", "pipelines/churn/dvc.yaml").returncode == 0
    assert behind(clone) == []


def test_data_that_only_dvc_holds_is_seen_fetched_and_trained_on(clone: Repo, tmp_path: Path) -> None:
    rows = clone.root / "data/rows.csv"
    rows.write_text("left,age\nYes,7\nNo,8\n")
    clone.git("rm", "-q", "--cached", "data/rows.csv")
    assert clone.dvc("add", "data/rows.csv").returncode == 0
    assert clone.dvc("push", "data/rows.csv.dvc").returncode == 0
    clone.commit()
    clone.git("clone", "-q", str(clone.root), str(tmp_path / "job"))
    job = Repo(tmp_path / "job")
    assert not (job.root / "data/rows.csv").exists()
    assert affected(job.root)[0].why == ("file data/rows.csv changed",)
    assert fetch(job, "churn") == ("data/rows.csv",)
    assert job.dvc("repro", "--allow-missing", "churn").returncode == 0
    assert "pipelines/churn/dvc.lock" in pack(job.root, "churn", tmp_path / "fragment").files


def test_what_lies_here_already_is_not_fetched_again(clone: Repo) -> None:
    changed(clone)
    fetch(clone)
    assert pull(clone.root, ["churn"], "run", lambda _: None).present == (
        "pipelines/churn/data/holdout.parquet",
        "pipelines/churn/data/train.parquet",
    )
    (clone.root / "pipelines/churn/data/train.parquet").write_bytes(b"damaged")
    assert fetch(clone) == ("pipelines/churn/data/train.parquet",)


def forget(repo: Repo, path: str) -> None:
    """Take one output out of the remote."""
    lock = repo.read("pipelines/churn/dvc.lock")["stages"]
    outs = {out["path"]: out["md5"] for stage in lock.values() for out in stage["outs"]}
    stored = repo.root.parent / "remote/files/md5" / outs[path][:2] / outs[path][2:]
    stored.unlink()


@pytest.mark.slow
def test_dvc_itself_retrains_what_it_fails_to_fetch(clone: Repo) -> None:
    """The premise, with the pinned DVC: should it fail one day, DVC has been mended."""
    forget(changed(clone), "data/train.parquet")
    ran = clone.dvc("repro", "--pull", "churn")
    assert (ran.returncode, "Unable to pull data" in ran.stdout) == (0, True)
    assert "Running stage 'pipelines/churn/dvc.yaml:split'" in ran.stdout


def test_what_cannot_be_fetched_stops_before_anything_runs(clone: Repo) -> None:
    forget(changed(clone), "data/train.parquet")
    done = clone.ordain("data", "pull", "churn")
    assert (done.returncode, "pipelines/churn/data/train.parquet" in done.stderr) == (1, True)
    # And were it run all the same, the stage that has no input fails instead of making one.
    ran = clone.dvc("repro", "--allow-missing", "churn")
    assert ran.returncode != 0
    assert "ingest'" not in "".join(each for each in ran.stdout.splitlines() if "Running" in each)


@pytest.mark.slow
def test_dvc_itself_runs_a_stage_on_an_empty_folder(tmp_path: Path) -> None:
    """The premise of naming files one by one: a folder as a dependency is empty in a fresh clone."""
    repo = Repo(tmp_path / "repo")
    repo.root.mkdir()
    repo.git("init", "-q")
    repo.git("config", "user.email", "a@example.org")
    repo.git("config", "user.name", "A")
    repo.dvc("init", "-q")
    (repo.root / ".dvc/config").write_text(REMOTE.format(tmp_path / "remote"))
    count = "ls parts | wc -l > n.txt"  # its .gitignore is committed, so the folder itself is there
    stages = {f"make-{c}": {"cmd": f"echo {c} > parts/{c}", "outs": [f"parts/{c}"]} for c in "abc"}
    last = {"cmd": count, "deps": ["parts"], "params": ["k"], "outs": [{"n.txt": {"cache": False}}]}
    (repo.root / "parts").mkdir()
    (repo.root / ".dvcignore").write_text(".gitignore\n")
    (repo.root / "dvc.yaml").write_text(json.dumps({"stages": {**stages, "count": last}}))
    (repo.root / "params.yaml").write_text("k: 1\n")
    assert repo.dvc("repro").returncode == 0
    assert (repo.root / "n.txt").read_text().strip() == "3"
    assert repo.dvc("push").returncode == 0
    repo.commit()
    repo.git("clone", "-q", str(repo.root), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    (clone.root / "params.yaml").write_text("k: 2\n")
    ran = clone.dvc("repro", "--pull", "--allow-missing")
    assert ran.returncode == 0
    assert (clone.root / "n.txt").read_text().strip() == "0"


@pytest.fixture(scope="module")
def trained(origin: Repo, tmp_path_factory: pytest.TempPathFactory) -> tuple[Repo, Repo]:
    """A clone with both models changed, and one beside it in which a job has trained churn."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(origin.root.parent / "remote", folder / "remote")
    shutil.copytree(origin.root, folder / "home")
    home = Repo(folder / "home")
    (home.root / ".dvc/config").write_text(REMOTE.format(folder / "remote"))
    home.tell("boosted", "upsell", score=0.95)
    changed(home)
    for name in ("churn", "upsell"):
        home.git("clone", "-q", str(home.root), str(folder / f"job-{name}"))
        job = Repo(folder / f"job-{name}")
        fetch(job, name)
        assert job.dvc("repro", "--allow-missing", name).returncode == 0
        assert job.dvc("push", f"pipelines/{name}/dvc.yaml").returncode == 0
        pack(job.root, name, folder / f"fragments/fragment-{name}")
    home.git("clone", "-q", str(home.root), str(folder / "recording"))
    return Repo(folder / "job-churn"), Repo(folder / "recording")


@pytest.fixture
def recording(trained: tuple[Repo, Repo], tmp_path: Path) -> tuple[Repo, Path]:
    """The clone of the job that records, and the fragments."""
    shutil.copytree(trained[1].root, tmp_path / "recording")
    shutil.copytree(trained[1].root.parent / "fragments", tmp_path / "fragments")
    return Repo(tmp_path / "recording"), tmp_path / "fragments"


def test_fragments_of_parallel_jobs_add_up_to_one_run(recording: tuple[Repo, Path], tmp_path: Path) -> None:
    repo, fragments = recording
    joined = join(repo.root, fragments)
    assert [each.model for each in joined] == ["churn", "upsell"]
    assert behind(repo) == []
    assert repo.read("pipelines/churn/holdout-looks.yaml")
    assert fetch(repo, "churn", purpose="release")[0] == "pipelines/churn/artifact"
    lock = (repo.root / "dvc.lock").read_bytes()
    assert fetch(repo, "upsell", purpose="release")
    shutil.copytree(repo.root, tmp_path / "whole")
    whole = Repo(tmp_path / "whole")
    assert whole.dvc("pull").returncode == 0
    whole.run()
    assert (whole.root / "dvc.lock").read_bytes() == lock
    assert whole.git("status", "--porcelain") == repo.git("status", "--porcelain")


@pytest.mark.parametrize("harm", ["edit", "remove", "add", "link"])
def test_a_damaged_folder_is_not_taken_as_present(clone: Repo, harm: str) -> None:
    folder, path = clone.root / "pipelines/churn/artifact", "pipelines/churn/artifact"
    assert path in fetch(clone, "churn", purpose="release")
    assert fetch(clone, "churn", purpose="release") == ()
    (blob,) = folder.iterdir()
    whole = blob.read_bytes()
    if harm == "edit":
        blob.chmod(0o644)
        blob.write_bytes(b"x" * len(whole))
    elif harm == "add":
        (folder / "more").write_text("x")
    else:
        blob.unlink()
        (folder / ("other" if harm == "remove" else blob.name)).symlink_to("/etc/hostname")
    assert fetch(clone, "churn", purpose="release") == (path,)
    assert [each.name for each in folder.iterdir()] == [blob.name]
    assert blob.read_bytes() == whole


def test_where_training_stopped_is_read_from_the_lock(clone: Repo) -> None:
    changed(clone)
    clone.tell("boosted", fail="error")
    assert clone.ordain("generate").returncode == 0
    clone.git("commit", "-qam", "Declare it")
    repository = Repository(clone.root)
    (found,) = stopped(repository)
    assert (found.at, found.ended) == (("train-boosted",), False), "nothing has run"
    fetch(clone)
    assert clone.dvc("repro", "--allow-missing", "churn").returncode != 0
    (found,) = stopped(repository)
    assert (found.model, found.at) == ("churn", ("train-boosted",))
    assert (found.left > 1, found.ended) == (True, False), "a first stage that fails leaves no trace"
    lock = clone.root / "pipelines/churn/dvc.lock"
    lock.write_text(f"{lock.read_text()}# a stage that ran\n")
    assert stopped(repository)[0].ended
    lock.unlink()
    clone.git("commit", "-qam", "None at all")
    assert not stopped(repository)[0].ended


def test_joining_twice_changes_nothing(recording: tuple[Repo, Path]) -> None:
    repo, fragments = recording
    assert repo.ordain("fragment", "join", str(fragments)).returncode == 0
    before = repo.git("status", "--porcelain")
    join(repo.root, fragments / "fragment-churn")
    assert repo.git("status", "--porcelain") == before


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "pipelines/churn/extra.sh").write_text("x"), "not an output"),
        (lambda folder: (folder / "pipelines/churn/gates.json").write_text("{}"), "not what its stage wrote"),
        (lambda folder: (folder / "pipelines/churn/package.json").unlink(), "not here"),
        (lambda folder: (folder / "dvc.lock").write_text("schema: '2.0'\nstages:\n"), "no stage `churn`"),
        (lambda folder: (folder / "pipelines/churn/dvc.lock").write_text("- x"), "no lock"),
        (lambda folder: (folder / "pipelines/churn").rename(folder / "pipelines/other"), "no model `other`"),
        (lambda folder: shutil.copytree(folder / "pipelines/churn", folder / "pipelines/two"), "one model"),
        (lambda folder: (folder / "pipelines/churn/x").symlink_to("/etc/passwd"), "symlink"),
    ],
)
def test_a_fragment_that_is_none_is_refused(recording: tuple[Repo, Path], damage: object, words: str) -> None:
    repo, fragments = recording
    damage(fragments / "fragment-churn")  # type: ignore[operator]
    before = repo.git("status", "--porcelain")
    with pytest.raises(UserError, match=words):
        join(repo.root, fragments / "fragment-churn")
    assert repo.git("status", "--porcelain") == before


def test_a_fragment_of_another_declaration_is_refused(recording: tuple[Repo, Path]) -> None:
    repo, fragments = recording
    repo.tell("linear", score=0.99)
    changed(repo)
    with pytest.raises(UserError, match="have yet to run"):
        join(repo.root, fragments)


def test_no_fragment_is_an_error(clone: Repo, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no fragment"):
        join(clone.root, tmp_path / "nowhere")


def test_a_stage_that_ran_for_no_reason_is_found(trained: tuple[Repo, Repo], tmp_path: Path) -> None:
    shutil.copytree(trained[0].root, tmp_path / "job")
    job = Repo(tmp_path / "job")
    lock = job.root / "pipelines/churn/dvc.lock"
    text = lock.read_text()
    start = text.index("path: data/train.parquet")
    lock.write_text(text[:start] + text[start:].replace("hash: md5", "hash:  md5", 1))
    with pytest.raises(UserError, match="stage split gave other outputs"):
        pack(job.root, "churn", tmp_path / "out")


def test_a_model_that_has_yet_to_run_is_no_fragment(clone: Repo, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="have yet to run"):
        pack(changed(clone).root, "churn", tmp_path / "out")


def test_the_step_output_is_one_json_line(clone: Repo, tmp_path: Path) -> None:
    changed(clone)
    out = tmp_path / "github-output"
    out.write_text("before=1\n")
    assert clone.ordain("affected", "--output", str(out)).returncode == 0
    assert out.read_text() == 'before=1\nmodels=["churn", "upsell"]\n'
    told = json.loads(clone.ordain("affected", "--json").stdout)
    assert [each["why"] for each in told["models"]][1] == ["its champion is in no release"]
    with pytest.raises(UserError, match="cannot write"):
        append_lines(tmp_path / "no/such/file", ["x=1"])


def test_a_clone_without_a_remote_is_told_so(clone: Repo) -> None:
    changed(clone)
    (clone.root / ".dvc/config").write_text("[core]\n    analytics = false\n")
    done = clone.ordain("data", "pull", "churn")
    assert (done.returncode, "remote" in done.stderr) == (1, True)
