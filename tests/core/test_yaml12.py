from __future__ import annotations

import io
import json
import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ordain.core.pipelines.pipeline import emit
from ordain.core.yaml.yaml12 import load

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["No", "y", "on", "1e-05", "1_000", "12:30", "0o14", "010", "2026-01-31", "~", "null", "=", "<<", "${x}"]
)
LEAF = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("No", "No"),
        ("true", True),
        ("~", None),
        ("", None),
        ("1e-05", 1e-05),
        ("-.5", -0.5),
        ("010", 10),
        ("0o14", 12),
        ("0x1F", 31),
        ("-7", -7),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("-.inf", -math.inf),
        ("'1'", "1"),
        ("[no, 1.0]", ["no", 1.0]),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
    ],
)
def test_scalars_mean_what_dvc_takes_them_for(text: str, value: object) -> None:
    assert load(text.encode()) == value


def test_nan_is_read() -> None:
    assert math.isnan(load(b".nan"))


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system [ls]", "a: b: c", "[1"])
def test_nothing_else_is_yaml(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load(text.encode())


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_generated_text_reads_the_same_by_every_reader(value: dict[str, object]) -> None:
    """PyYAML's 1.1, ruamel's 1.2 (which is DVC's reader) and ours."""
    data = emit(value)
    assert yaml.load(data, yaml.CSafeLoader) == value
    assert YAML(typ="safe").load(data) == value
    assert load(data) == value


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(TEXT.filter(str.isprintable), VALUES, max_size=4))
def test_what_dvc_writes_anew_is_read_as_it_was(value: dict[str, object]) -> None:
    """`ordain check` refuses invisible characters, so only printable text gets here."""
    plain = json.loads("".join(each for each in json.dumps(value, ensure_ascii=False) if each.isprintable()))
    ruamel = YAML(typ="safe")
    ruamel.default_flow_style = False
    rewritten = io.BytesIO()
    ruamel.dump(plain, rewritten)
    assert load(rewritten.getvalue()) == plain
