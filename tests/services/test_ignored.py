"""A `.gitignore` that names what Ordain needs: said by `init` and by `check`, and mended as they say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from ordain.services.checking.check import check
from ordain.services.setup.init import Request, initialise

pytestmark = pytest.mark.usefixtures("somebody")
DATA = Path(__file__).parents[2] / "data/telco_churn.csv"
CHURN = Request(name="churn", data=DATA, target="churn")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def project(folder: Path, ignore: str) -> Path:
    """A data scientist's repository, as a template gives it."""
    git(folder.parent, "init", "-qb", "main", str(folder))
    (folder / ".gitignore").write_text(ignore)
    git(folder, "add", "--force", ".gitignore")
    git(folder, "commit", "-qm", "Begin")
    return folder


def problems(folder: Path) -> list[tuple[str, str, str]]:
    return [(each.file, each.code, each.suggestion) for each in check(folder).problems]


@pytest.mark.parametrize("ignore", ["data/\n", "*.csv\n", "*\n!*.yaml\n!*/\n"])
def test_data_that_git_ignores_is_told_and_comes_along_once_it_is_added(tmp_path: Path, ignore: str) -> None:
    shop = project(tmp_path / "shop", ignore)
    notes = "\n".join(initialise(shop, CHURN).notes)
    assert "Git ignores what every clone needs: " in notes
    assert "data/telco_churn.csv (.gitignore:1: " in notes
    assert ("models.yaml", "ignored", "git add --force data/telco_churn.csv") in problems(shop)
    command = notes.partition("; `")[2].partition("`")[0]
    git(shop, *command.split()[1:])
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "Declare churn")
    assert [each for each in problems(shop) if each[0] == "models.yaml"] == []
    git(tmp_path, "clone", "-q", str(shop), "other")
    assert [each for each in problems(tmp_path / "other") if each[1] != "ignored"] == []


def test_locks_that_git_ignores_are_told_before_dvc_stumbles(tmp_path: Path) -> None:
    shop = project(tmp_path / "shop", "*.lock\n")
    initialise(shop, CHURN)
    told = {file: fix for file, code, fix in problems(shop) if code == "ignored"}
    assert told["dvc.lock"] == "change that line of .gitignore, or add below it: !/dvc.lock"
    assert set(told) == {"dvc.lock", "pipelines/churn/dvc.lock"}
    with (shop / ".gitignore").open("a") as stream:
        stream.writelines(f"!/{each}\n" for each in told)
    assert problems(shop) == []


def test_data_of_dvc_is_ignored_as_it_should_be(tmp_path: Path) -> None:
    shop = project(tmp_path / "shop", "/data/telco_churn.csv\n")
    initialise(shop, CHURN)
    (shop / "data/telco_churn.csv.dvc").write_text(f"outs:\n- md5: {'ab' * 16}\n  path: telco_churn.csv\n")
    assert problems(shop) == []


def test_where_nothing_is_ignored_nothing_is_said(tmp_path: Path) -> None:
    shop = project(tmp_path / "shop", "*.pyc\n")
    assert "ignores" not in "".join(initialise(shop, CHURN).notes)
    assert problems(shop) == []
    assert "ignores" not in "".join(initialise(tmp_path / "new", CHURN).notes)


def test_folders_that_lead_elsewhere_are_a_problem_and_no_end(tmp_path: Path) -> None:
    """Git does not look behind a symlink; that it is one is told already."""
    shop = project(tmp_path / "shop", "*.pyc\n")
    initialise(shop, CHURN)
    (shop / "pipelines").rename(tmp_path / "pipelines")
    (shop / "pipelines").symlink_to(tmp_path / "pipelines")
    assert ("pipelines", "hostile-object") in {(file, code) for file, code, _ in problems(shop)}


def dvc_project(folder: Path) -> Path:
    """Data that DVC tracks, as `dvc add` leaves it."""
    git(folder.parent, "init", "-qb", "main", str(folder))
    (folder / "data").mkdir()
    (folder / "data/telco_churn.csv").write_bytes(DATA.read_bytes())
    (folder / "data/telco_churn.csv.dvc").write_text(f"outs:\n- md5: {'ab' * 16}\n  path: telco_churn.csv\n")
    (folder / "data/.gitignore").write_text("/telco_churn.csv\n")
    return folder


@pytest.mark.parametrize("begun", [True, False])
def test_data_that_dvc_tracks_already_stays_out_of_git(tmp_path: Path, begun: bool) -> None:
    shop = dvc_project(tmp_path / "shop")
    if begun:
        git(shop, "add", "-A")
        git(shop, "commit", "-qm", "Begin")
    wanted = structs.replace(CHURN, data=shop / "data/telco_churn.csv")
    assert "ignores" not in "".join(initialise(shop, wanted).notes)
    git(shop, "add", "-A")
    listed = subprocess.run(["git", "ls-files", "data"], cwd=shop, check=True, capture_output=True, text=True)
    assert listed.stdout.split() == ["data/.gitignore", "data/telco_churn.csv.dvc"]
    if not begun:
        clean = subprocess.run(["git", "status", "--short"], cwd=shop, check=True, capture_output=True)
        assert clean.stdout == b"", "the genesis holds what DVC needs to have the data"
    assert problems(shop) == []
