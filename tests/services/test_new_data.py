"""`ordain data take`: next month's file, in the habits of the first one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ordain.errors import UserError
from ordain.services.setup.init import Request, initialise
from ordain.services.setup.new_data import take
from tests.services.tables import every, rows, sound, text

pytestmark = pytest.mark.usefixtures("somebody")
HEADINGS = b"age;Gr\xc3\xb6\xc3\x9fe (m\xc2\xb2);Miete in \xe2\x82\xac"


def delivery(path: Path, *sizes: str) -> Path:
    cells = {"age": rows()["age"], "x": every(*sizes), "y": rows()["y"]}
    path.write_bytes(text(cells, ";").replace(b"age;x;y", HEADINGS))
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    first = delivery(tmp_path / "january.csv", "70,5", "1.234,75")
    initialise(tmp_path / "shop", Request(name="m", data=first, target="Miete in €"))
    return tmp_path / "shop"


def test_a_new_file_is_rewritten_as_the_first_one(shop: Path, tmp_path: Path) -> None:
    before = (shop / "data/january.csv").read_text()
    assert before.startswith("age,Größe (m2),Miete in\n")
    assert "Predicts Miete in €." in (shop / "models.yaml").read_text()
    new = delivery(tmp_path / "february.csv", "81,5", "2.234,75")
    taken = take(shop, "m", new)
    after = (shop / "data/january.csv").read_text()
    assert (taken.path, taken.rows, taken.next) == (
        "data/january.csv",
        240,
        "git add data/january.csv, then: ordain run m",
    )
    assert any("decimal commas" in each for each in taken.notes)
    assert after == before.replace("70.5", "81.5").replace("1234.75", "2234.75")
    assert sound(tmp_path)
    (shop / "data/january.csv.dvc").touch()
    assert take(shop, "m", new).next.startswith("dvc add data/january.csv")


def test_what_breaks_the_contract_is_named_and_not_taken(shop: Path, tmp_path: Path) -> None:
    before = (shop / "data/january.csv").read_bytes()
    with pytest.raises(UserError, match=r"`Größe \(m2\)`: .* below 0: row 2") as caught:
        take(shop, "m", delivery(tmp_path / "february.csv", "81,5", "-2,0"))
    assert caught.value.where.endswith("february.csv")
    (tmp_path / "other.csv").write_bytes(text(rows()))
    with pytest.raises(UserError, match=r"column `Größe \(m2\)` is missing"):
        take(shop, "m", tmp_path / "other.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(UserError, match="empty"):
        take(shop, "m", tmp_path / "empty.csv")
    with pytest.raises(UserError, match="no such data file"):
        take(shop, "m", tmp_path / "absent.csv")
    with pytest.raises(UserError, match="no model `n`"):
        take(shop, "n", tmp_path / "other.csv")
    assert (shop / "data/january.csv").read_bytes() == before


def test_data_behind_a_url_is_pinned_instead(shop: Path) -> None:
    models = yaml.safe_load((shop / "models.yaml").read_text())
    models["models"]["m"]["data"]["source"] = {"url": "s3://acme/m.csv"}
    (shop / "models.yaml").write_text(yaml.safe_dump(models, allow_unicode=True))
    with pytest.raises(UserError, match="behind a URL") as caught:
        take(shop, "m", shop / "data/january.csv")
    assert "ordain data pin m" in caught.value.fix
