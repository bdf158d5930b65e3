"""A pod's own words: every printed form asks one question, and no bytes stop the reading."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.ledger.annotations import LIMIT, annotated, looks_annotated
from ordain.core.ledger.question import Question
from ordain.errors import UserError

SAID = {
    "ordain.dev/intent": "sha256:" + "a" * 64,
    "ordain.dev/release": "churn@7",
    "ordain.dev/model": "churn",
    "kubectl.kubernetes.io/default-container": "server",
    "odd": 'a "quoted" = \\ text',
}
QUESTION = Question(intent=SAID["ordain.dev/intent"], release="churn@7", model="churn")


def lines(form: Callable[[str], str]) -> str:
    return "".join(f"{key}={form(value)}\n" for key, value in SAID.items())


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(SAID),
        json.dumps({"annotations": SAID}, indent=2),
        json.dumps({"kind": "Pod", "metadata": {"annotations": SAID}}),
        yaml.safe_dump({"kind": "Deployment", "spec": {"template": {"metadata": {"annotations": SAID}}}}),
        yaml.safe_dump(SAID),
        lines(str),
        lines(json.dumps),
        "\r\n".join(["", *lines(str).splitlines(), ""]),
        json.dumps({key.removeprefix("ordain.dev/"): value for key, value in SAID.items()}),
    ],
)
def test_every_form_asks_the_same(text: str) -> None:
    assert annotated(text.encode()) == QUESTION
    assert looks_annotated(text)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"3", b"{}", b"\xff\xfe", b"{: :", b'{"metadata": {"annotations": {"a": "b"}}}',
        b"[" * 9999,
        b"a=b", b"ordain.dev/intent", b"=x", b'{"intent": 3}', b"intent: [x]", b"map[ordain.dev/intent:x]",
        b"intent=x\n!a", b"9" * 5000, b"a=" + b"[" * 9999,
    ],
)  # fmt: skip
def test_what_is_no_pod(data: bytes) -> None:
    with pytest.raises(UserError):
        annotated(data)


def test_a_pod_beyond_bearing() -> None:
    with pytest.raises(UserError, match="this is no pod"):
        annotated(b" " * (LIMIT + 1))


@pytest.mark.parametrize("text", ["intent", "pod.json", "a=b", "", "churn@x", "./intent.json"])
def test_a_name_or_a_path_is_not_taken_for_annotations(text: str) -> None:
    assert not looks_annotated(text)


@settings(max_examples=200, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=80), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))
    )
)
def test_any_bytes_give_a_question_or_the_one_error(data: bytes) -> None:
    for each in (data, b"ordain.dev/intent=" + data, b"intent: " + data):
        with contextlib.suppress(UserError):
            assert annotated(each).intent is not None


VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)


@settings(max_examples=100, deadline=None)
@given(intent=VALUES, other=VALUES)
def test_a_quoted_value_comes_back_as_it_was(intent: str, other: str) -> None:
    data = f"x={json.dumps(other)}\nordain.dev/intent={json.dumps(intent)}\n"
    assert annotated(data.encode()) == Question(intent=intent)
