"""The files of a new repository are valid declared state, whatever the names and columns."""

from __future__ import annotations

import re

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from ordain.core.pipelines.pipeline import DVC_FILES
from ordain.core.setup import scaffold
from ordain.core.specs.governance import Environment, Policy
from ordain.core.specs.parts import NAME_PATTERN
from ordain.core.specs.spec import Models, Params

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDWmZ+iEoGxWTnfXgVJmBBnVJ8kVQ5nVYxqZQkKbC0Ck"


def draft(task: str = "binary", sensitive: tuple[str, ...] = ()) -> scaffold.Draft:
    return scaffold.Draft(
        name="iris",
        source={"path": "data/iris.csv", "format": "csv"},
        target="species",
        heading="species",
        task=task,
        positive="Yes" if task == "binary" else None,
        id=None,
        sensitive=sensitive,
        compared=sensitive,
        columns={"species": {"type": "string", "categories": ["No", "Yes"]}, "sex": {"type": "boolean"}},
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_drafted_model_is_valid_declared_state(task: str) -> None:
    block = scaffold.model_block(draft(task, sensitive=("sex",)), owner="team")
    models = scaffold.add_entry(scaffold.empty_models(1).decode(), "models", "iris", block)
    params = scaffold.add_entry(
        scaffold.empty_params().decode(), "candidates", "iris", scaffold.candidates_block(task)
    )
    spec = msgspec.convert(yaml.safe_load(models), Models).models["iris"]
    candidates = msgspec.convert(yaml.safe_load(params), Params).candidates["iris"]
    assert spec.data.columns["species"].categories == ("No", "Yes")
    assert [gate.column for gate in spec.gates.fairness] == (["sex"] if task == "binary" else [])
    assert len(candidates) == 3
    assert all(each.scale is UNSET for each in candidates.values())


def test_an_id_column_is_named() -> None:
    with_id = msgspec.structs.replace(draft(), id="customer")
    assert scaffold.model_block(with_id, "team")["data"]["id"] == "customer"


def test_environments_and_policy_are_valid() -> None:
    image = "registry.example/runtime@sha256:" + "0" * 64
    for data in scaffold.environments("registry.example/models", image).values():
        msgspec.convert(yaml.safe_load(data), Environment)
    person = scaffold.Person(id="ann", name="Ann: # 'Lee'", email="ann@x.example", key=KEY)
    robots = scaffold.Robots(collector=KEY, bot=KEY.replace("DWm", "DWn"))
    policy = msgspec.convert(
        yaml.safe_load(scaffold.policy("a/b", "main", "local", [person], robots)), Policy
    )
    assert policy.people[scaffold.BOT].bot
    assert policy.people["ann"].name == "Ann: # 'Lee'"


def test_surroundings_are_written_only_where_they_are_known() -> None:
    assert scaffold.dvc_config(None) == DVC_FILES[".dvc/config"]
    told = scaffold.dvc_config("s3://bucket/x").decode()
    assert told.startswith("[core]\n    remote = storage\n    analytics = false\n")
    assert told.endswith("['remote \"storage\"']\n    url = s3://bucket/x\n")
    gitops = {"repository": "https://h.example/a/b", "branch": "main", "flux": {}}
    models = msgspec.convert(yaml.safe_load(scaffold.empty_models(1, gitops)), Models)
    assert models.gitops is not None
    assert models.gitops.flux is not None


def test_an_entry_is_appended_and_nothing_else_moves() -> None:
    text = "# why\nversion: 1\nmodels:\n  a: {x: 1}  # first\n"
    changed = scaffold.add_entry(text, "models", "b", {"y": 2})
    assert changed.startswith(text)
    assert yaml.safe_load(changed)["models"] == {"a": {"x": 1}, "b": {"y": 2}}


@pytest.mark.parametrize("text", ["models:\n  a: 1\nversion: 1\n", "version: 1\n"])
def test_an_entry_that_cannot_be_appended_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the last key"):
        scaffold.add_entry(text, "models", "b", {})


@given(st.text(min_size=1), st.text())
def test_any_text_survives_as_a_value(name: str, value: str) -> None:
    text = scaffold.add_entry("models: {}\n", "models", "m", {"columns": {name: {"categories": [value]}}})
    assert yaml.safe_load(text)["models"]["m"]["columns"] == {name: {"categories": [value]}}


@pytest.mark.parametrize(
    ("text", "needed", "found"),
    [("", "a\nb\n", "a\nb\n"), ("x", "a\n", "x\na\n"), ("b\nx\n", "a\nb\n", "b\nx\na\n"), ("a", "a\n", "a")],
)
def test_needed_lines_come_to_a_text_once(text: str, needed: str, found: str) -> None:
    assert scaffold.with_lines(text, needed) == found
    assert scaffold.with_lines(found, needed) == found


@pytest.mark.parametrize(
    ("name", "taken", "found"),
    [
        ("Ann Lee", (), "ann-lee"),
        ("Ann Lee", ("ann-lee",), "ann-lee-2"),
        ("東京", (), "person"),
        ("7", (), "person-7"),
        ("Ordain Bot", (), "ordain-bot-2"),
        ("É" + "x" * 80, (), "x" * 30),
    ],
)
def test_people_are_named_apart(name: str, taken: tuple[str, ...], found: str) -> None:
    assert scaffold.person_id(name, taken) == found


@given(st.text(), st.lists(st.text()))
def test_any_name_gives_a_key_that_a_policy_takes(name: str, taken: list[str]) -> None:
    found = scaffold.person_id(name, taken)
    assert re.search(NAME_PATTERN, found)
    assert found not in taken
