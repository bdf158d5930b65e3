"""`ordain init` in a project that has files already, in places that will be Ordain's."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ordain.errors import UserError
from ordain.services.setup.init import Request, initialise
from ordain.services.setup.init_forge import Around
from tests.services.test_init_again import CHURN, git, state


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("manifests/prod/deployment.yaml", "kind: Deployment\n"),
        ("models.yaml", "version: 2\nmodels:\n  - name: customers\n"),
        ("params.yaml", "train: {lr: 0.1}\n"),
        ("environments/conda.yaml", "name: base\ndependencies: [python]\n"),
        ("stages/train.py", "print('mine')\n"),
        (".github/workflows/pull-request.yml", "on: push\n"),
    ],
)
def test_files_of_others_in_ordains_places_are_told_before_anything_is_written(
    tmp_path: Path, somebody: None, path: str, text: str
) -> None:
    shop = tmp_path / "shop"
    (shop / path).parent.mkdir(parents=True)
    (shop / path).write_text(text)
    asked = msgspec.structs.replace(CHURN, around=Around(forge="github", repository="acme/shop"))
    with pytest.raises(UserError, match=path) as caught:
        initialise(shop, asked)
    assert caught.value.where == path
    assert state(shop) == {path: text.encode()}
    (shop / path).rename(shop / "elsewhere")
    assert "policy.yaml" in initialise(shop, asked).written


def test_keys_are_hidden_before_there_are_any(
    tmp_path: Path, somebody: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong after they were made, Git never takes them."""

    def fail(*_: object) -> None:
        raise UserError("the disk is full", where="", fix="")

    git(tmp_path, "init", "--quiet", "shop")
    monkeypatch.setattr("ordain.services.setup.init.write", fail)
    with pytest.raises(UserError, match="the disk is full"):
        initialise(tmp_path / "shop", Request())
    assert (tmp_path / "shop/.ordain/local/collector").is_file()
    git(tmp_path / "shop", "add", "--all")
    assert git(tmp_path / "shop", "ls-files") == ""
