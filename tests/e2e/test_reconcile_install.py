"""What the reconcile job installs beside the collector's key, by the very lines of its workflow.

The current folder is as hostile as a merged and unapproved commit can make it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ordain import dependencies
from ordain._version import __version__
from ordain.adapters import package
from tests.e2e.actions import INSTALLS, load
from tests.services.world import World

ROOT = Path(__file__).parents[2]
MARK = "import pathlib, os\npathlib.Path(os.environ['MARK']).write_text('ran')\n"
HOSTILE = {
    "pip/__init__.py": MARK, "pip/__main__.py": MARK, "ordain/__init__.py": MARK, "ordain/__main__.py": MARK,
    "ordain/dependencies.py": MARK, "sitecustomize.py": MARK, "usercustomize.py": MARK, "click.py": MARK,
    "subprocess.py": MARK, "conftest.py": MARK, "setup.py": MARK,
    "pip.conf": "[global]\nindex-url = /nowhere\n",
    "requirements/reconcile.txt": "evil==1.0\n", "src/ordain/__init__.py": MARK,
}  # fmt: skip


def lines() -> list[str]:
    """What the job runs."""
    (job,) = load(ROOT / ".github/workflows/reconcile.yml")["jobs"].values()
    assert job["env"] == {"PYTHONSAFEPATH": "1"}
    return [step["run"] for step in job["steps"] if "run" in step]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as the release workflow builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


class Runner:
    """A machine with Python and nothing else, in a folder that somebody else filled."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.mark = root, root / "hostile", root / "mark"
        for path, text in HOSTILE.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        subprocess.run([sys.executable, "-m", "venv", str(root / "venv")], check=True)

    def run(self, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "ORDAIN_"))}
        path = os.pathsep.join([str(self.root / "venv/bin"), os.environ["PATH"]])
        environment = {**kept, "PYTHONSAFEPATH": "1", "PATH": path, "MARK": str(self.mark), **variables}
        return subprocess.run(
            ["bash", "-e", "-c", line], cwd=self.folder, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """On which nothing has been installed until the last test does."""
    return Runner(tmp_path_factory.mktemp("runner"))


def test_the_list_is_of_what_the_package_needs_and_of_nothing_that_trains() -> None:
    mine, tested = (versions(ROOT / f"requirements/{name}.txt") for name in ("reconcile", "run"))
    assert dependencies.listed("reconcile") == ROOT / "requirements/reconcile.txt"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {each.partition(">")[0].lower().replace(".", "-") for each in project["dependencies"]}
    assert wanted <= set(mine)
    assert not {"dvc", "scikit-learn", "pandas", "onnxruntime"} & set(mine)
    assert mine.items() <= tested.items(), "in the versions that are tested"


def test_the_list_of_the_other_jobs_has_what_trains_and_what_any_remote_needs() -> None:
    mine, tested = (versions(ROOT / f"requirements/{name}.txt") for name in ("training", "run"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(each for name in ("train", "report", "s3", "azure", "gs", "ssh")
                                         for each in extras[name])]  # fmt: skip
    names = {re.split(r"[=<>\[]", each)[0].lower().replace(".", "-") for each in asked}
    assert names <= set(mine)
    shared = mine.keys() & tested.keys()
    assert {name: mine[name] for name in shared} == {name: tested[name] for name in shared}
    said = package.jobs_lock().decode()
    assert f"scikit-learn=={mine['scikit-learn']}\n" in said
    assert {each for each in package.TRAINING if f"\n{each}==" in said} == set(package.TRAINING) - {"xgboost"}


def test_what_trains_is_held_to_what_the_repository_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "--constraint" not in dependencies.wanted(["training"])
    (tmp_path / "requirements-training.txt").write_text("numpy==2.0.0\n")
    words = dependencies.wanted(["training"])
    assert words[-2:] == ["--constraint", "requirements-training.txt"]
    for flag in ("--require-hashes", "--no-deps", "--only-binary"):
        assert flag in words
    assert "--constraint" not in dependencies.wanted([]), "nothing of the folder beside the collector's key"
    for wrong in (["trainning"], ["training", "more"]):
        with pytest.raises(SystemExit, match="usage"):
            dependencies.wanted(wrong)


def versions(path: Path) -> dict[str, str]:
    """What a list of requirements fixes, by name."""
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z, ]+\])?==(\S+)", path.read_text(), re.MULTILINE))


@pytest.mark.slow
@pytest.mark.parametrize(
    "pin", ["{url}", "{url}#sha256=" + "0" * 64, "ordain", "ordain==" + __version__, "./src", ""]
)
def test_what_is_not_pinned_by_its_own_digest_is_not_installed(pin: str, wheel: Path, runner: Runner) -> None:
    done = runner.run(lines()[0], ORDAIN_PACKAGE=pin.format(url=wheel.as_uri()))
    assert done.returncode != 0
    assert not (runner.root / "venv/bin/ordain").exists()
    assert not runner.mark.exists(), "nothing of the folder ran"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_pinned_package_reconciles_and_nothing_of_the_repository_runs(
    wheel: Path, runner: Runner, tmp_path: Path
) -> None:
    install, dependent, reconcile = lines()
    assert (install.startswith(INSTALLS[0]), dependent) == (True, INSTALLS[1])
    pin = f"{wheel.as_uri()}#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}"
    for line in (install, dependent):
        done = runner.run(line, ORDAIN_PACKAGE=pin)
        assert done.returncode == 0, done.stdout + done.stderr
    world = World(tmp_path)
    branch = world.release("dana", "churn", 1)
    world.approve(branch, "ravi")
    world.merge(branch)
    for path, text in HOSTILE.items():  # merged too, and approved by nobody
        world.write(world.enter("ada"), path, text)
    world.commit("ada", "Something in the way")
    world.push("ada")
    world.run(tmp_path, "git", "clone", "-q", str(world.origin), str(runner.folder / "state"))
    done = runner.run(reconcile, ORDAIN_COLLECTOR_KEY=(world.keys / "collector").read_text())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "entry 1" in done.stdout
    assert world.run(world.origin, "git", "cat-file", "-t", "main:manifests/ledger/00000001.json") == "blob"
    assert not runner.mark.exists(), "nothing of the folder ran"
