"""`ordain generate`: everything that `ordain check` calls behind, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ordain.cli.main import main
from ordain.core.state.schema import FOLDER, schema_files
from ordain.services.checking.check import check
from ordain.services.requests.commit import GENERATED
from tests.services.test_run import make


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose generated files are behind in every way; it was never run."""
    repo = make(tmp_path / "repository")
    for name, data in schema_files().items():
        (repo.root / FOLDER).mkdir(parents=True, exist_ok=True)
        (repo.root / FOLDER / name).write_bytes(data)
    generate(repo.root)
    repo.commit()
    assert check(repo.root).problems == ()
    return repo.root


def generate(root: Path, *words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["generate", *words, "-C", str(root)])
    assert ended.value.code in {0, None}


def test_what_an_edit_leaves_behind_is_written_by_the_command_that_check_names(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("0.8", "0.9"))
    (root / FOLDER / "models.schema.json").write_text("{}")
    (root / FOLDER / "policy.schema.json").unlink()
    (root / "dvc.yaml").unlink()
    (root / "pipelines/pricing").mkdir()
    (root / "pipelines/pricing/dvc.yaml").write_bytes((root / "pipelines/churn/dvc.yaml").read_bytes())
    problems = check(root).problems
    assert {each.suggestion for each in problems} == {"ordain generate"}
    capsys.readouterr()
    generate(root, "--json")
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert {*made["written"], *made["removed"]} >= {each.file for each in problems}
    assert made["removed"] == ["pipelines/pricing/dvc.yaml"]
    assert all(each.startswith(GENERATED) for each in made["written"]), "`ordain commit` takes all of it"
    assert check(root).problems == ()
    assert not (root / "pipelines/churn/dvc.lock").exists(), "nothing ran"


def test_twice_is_once_and_a_repository_without_schemas_gets_none(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for each in (root / FOLDER).iterdir():
        each.unlink()
    (root / FOLDER).rmdir()
    generate(root)
    assert "as it should be" in capsys.readouterr().out
    assert not (root / FOLDER).exists()
