"""`ordain data faults`: what stopped a pipeline at its contract, kept for the job that tells people."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ordain.adapters.git import Repository
from ordain.cli.data import command
from ordain.core.reports import report_markdown
from ordain.errors import UserError
from ordain.services.reading.failure import Left, failure
from ordain.services.setup.init import Request, initialise
from ordain.services.training.data_faults import faults
from tests.services.tables import every, rows, text

pytestmark = pytest.mark.usefixtures("somebody")


def delivery(path: Path, sizes: tuple[str, ...], names: tuple[str, ...]) -> None:
    path.write_bytes(text({"age": rows()["age"], "x": every(*sizes), "who": every(*names), "y": rows()["y"]}))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    first = tmp_path / "january.csv"
    delivery(first, ("70", "71"), ("one", "two"))
    initialise(tmp_path / "shop", Request(name="m", data=first, target="y"))
    declared = tmp_path / "shop/models.yaml"
    spec = yaml.safe_load(declared.read_text())
    spec["models"]["m"]["data"]["columns"]["who"]["personal"] = True
    declared.write_text(yaml.safe_dump(spec, sort_keys=False))
    delivery(tmp_path / "shop/data/january.csv", ("70", "-71"), ("one", "Xanthippe"))
    return tmp_path / "shop"


def test_the_comment_says_which_columns_and_rows_and_nothing_personal(shop: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["faults", "m", "--to", str(tmp_path / "faults"), "-C", str(shop)])
    assert done.exit_code == 0, done.output
    assert "m: x: 120 values are below 0: row 2, row 4, row 6 and 117 more" in done.output
    left = Left(refused=tmp_path / "none", faults=tmp_path / "faults")
    said = report_markdown.full(None, failure(Repository(shop), (), left, ""))
    assert "| <code>x</code> | 120 values are below 0&#58; row 2, row 4, row 6 and 117 more |" in said
    assert (
        "| <code>who</code> | 120 values are new categories&#58; row 2, row 4, row 6 and 117 more |" in said
    )
    assert "Xanthippe" not in said + done.output + (tmp_path / "faults/m.json").read_text()


def test_a_model_whose_contract_held_is_not_read_again(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.model for each in faults(shop, [])] == ["m"]
    monkeypatch.setattr("ordain.services.training.data_faults.stale_pipelines", lambda *_: ())
    assert faults(shop, ["m"]) == ()


def test_a_damaged_file_of_faults_is_said(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults/m.json").write_text("{")
    with pytest.raises(UserError, match="does not say where data breaks"):
        failure(Repository(shop), (), Left(refused=tmp_path / "none", faults=tmp_path / "faults"), "")


def test_the_one_value_of_a_personal_target_is_not_told(shop: Path) -> None:
    declared = shop / "models.yaml"
    spec = yaml.safe_load(declared.read_text())
    spec["models"]["m"]["data"]["columns"]["y"]["personal"] = True
    declared.write_text(yaml.safe_dump(spec, sort_keys=False))
    cells = {"age": rows()["age"], "x": every("70"), "who": every("one"), "y": every("yes")}
    (shop / "data/january.csv").write_bytes(text(cells))
    ((fault,),) = (each.faults for each in faults(shop, []))
    assert (fault.column, "yes" in fault.what) == ("y", False)


def test_data_that_is_not_here_breaks_no_contract(shop: Path) -> None:
    (shop / "data/january.csv").unlink()
    assert faults(shop, []) == ()
