"""Git for Windows changes line ends unless it is told not to: what Ordain reads by its bytes keeps them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ordain.services.checking.check import check
from ordain.services.setup.init import Request, initialise
from ordain.services.setup.init_forge import Around
from ordain.services.training.generate import generate

pytestmark = pytest.mark.usefixtures("somebody")
ROOT = Path(__file__).parents[2]
CHURN = Request(
    name="churn", data=ROOT / "data/telco_churn.csv", target="churn",
    around=Around(forge="github", origin="git@github.com:acme/shop.git"),
)  # fmt: skip


def on_windows(shop: Path, where: Path) -> Path:
    """A clone as Git for Windows makes it."""
    words = ("git", "clone", "-q", "-c", "core.autocrlf=true", str(shop), str(where))
    subprocess.run(words, check=True)
    return where


def test_a_clone_on_windows_holds_the_same_bytes(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    initialise(shop, CHURN)
    clone = on_windows(shop, tmp_path / "clone")
    assert check(clone).problems == ()
    for path in ("data/telco_churn.csv", "pipelines/churn/dvc.yaml", "stages/train.py"):
        assert (clone / path).read_bytes() == (shop / path).read_bytes()
    outcome = initialise(clone, Request())
    assert (outcome.written, outcome.kept) == ((), ()), "nothing was edited"


def test_a_pipeline_with_other_line_ends_is_known_for_generated_and_mended(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    initialise(shop, CHURN)
    (shop / ".gitattributes").write_text("*.png binary\n")
    subprocess.run(["git", "commit", "-qam", "As before"], cwd=shop, check=True)
    clone = on_windows(shop, tmp_path / "clone")
    assert b"\r\n" in (clone / "pipelines/churn/dvc.yaml").read_bytes()
    assert "pipelines/churn/dvc.yaml" in generate(clone, lambda _: None).written
    assert check(clone).problems == ()


def test_this_repository_has_them_too() -> None:
    lines = (ROOT / ".gitattributes").read_text().splitlines()
    assert {"/data/** -text", "/manifests/** -text", "/pipelines/** -text", "/src/** -text"} <= {*lines}
