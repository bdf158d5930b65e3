"""One place changes and no other byte does."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.yaml.edit import remove_pin, set_appended, set_pin
from ordain.errors import UserError

HEAD = """\
# yaml-language-server: $schema=../.ordain/schemas/environment.schema.json
version: 1   # the only one
namespace: ml-staging

runtime: {image: "x@sha256:0", pull_secrets: [registry]}
"""
MID = "allow_from: [gateway]  # who calls\n"

# before, model, release, after
SETS = {
    "empty braces": ("models: {}\n", "models:\n  churn:\n    release: 7\n"),
    "empty braces, comment": (
        "models: {}  # none yet\nlast: 1\n",
        "models:  # none yet\n  churn:\n    release: 7\nlast: 1\n",
    ),
    "spaced braces": ("models:   { }\n", "models:  \n  churn:\n    release: 7\n"),
    "nothing": ("models:\nlast: 1\n", "models:\n  churn:\n    release: 7\nlast: 1\n"),
    "null": ("models: null\n", "models:\n  churn:\n    release: 7\n"),
    "tilde": ("models: ~ # c\n", "models: # c\n  churn:\n    release: 7\n"),
    "no key": ("", "models:\n  churn:\n    release: 7\n"),
    "no last line end": ("models: {}", "models:\n  churn:\n    release: 7\n"),
    "other flow": ("models: {a: {release: 1}}\n", "models: {a: {release: 1}, churn: {release: 7}}\n"),
    "flow over lines": (
        "models: {\n  a: {release: 1},  # c\n}\n",
        "models: {\n  a: {release: 1}, churn: {release: 7},  # c\n}\n",
    ),
    "other block": (
        "models:\n    # first\n    a: {release: 1}  # y\n\n# end\nlast: 1\n",
        "models:\n    # first\n    a: {release: 1}  # y\n    churn:\n      release: 7\n\n# end\nlast: 1\n",
    ),
    "between others": (
        "models:\n  a: {release: 1}  # x\n  # of z\n  z: {release: 2}\n",
        "models:\n  a: {release: 1}  # x\n  churn:\n    release: 7\n  # of z\n  z: {release: 2}\n",
    ),
    "before others": (
        "models:  # pins\n  z: {release: 2}\n",
        "models:  # pins\n  churn:\n    release: 7\n  z: {release: 2}\n",
    ),
    "other nested block": (
        "models:\n  a:\n    release: 1\n",
        "models:\n  a:\n    release: 1\n  churn:\n    release: 7\n",
    ),
    "replace flow": (
        "models:\n  churn: {release: 12}  # why\n  z: {release: 1}\n",
        "models:\n  churn: {release: 7}  # why\n  z: {release: 1}\n",
    ),
    "replace block": (
        "models:\n  churn:\n    # why\n    release: 12 # when\n",
        "models:\n  churn:\n    # why\n    release: 7 # when\n",
    ),
    "the same": ("models: {churn: {release: 7}} # kept\n", "models: {churn: {release: 7}} # kept\n"),
    "windows": ("models: {}\r\nlast: 1\r\n", "models:\r\n  churn:\r\n    release: 7\r\nlast: 1\r\n"),
    "document end": ("last: 1\n...\n", "last: 1\nmodels:\n  churn:\n    release: 7\n...\n"),
}


@pytest.mark.parametrize("case", SETS.values(), ids=SETS.keys())
@pytest.mark.parametrize("head", [HEAD, HEAD + MID, "\ufeff" + HEAD, "--- \n" + HEAD])
def test_a_pin_is_set_in_place(case: tuple[str, str], head: str) -> None:
    before, after = case
    if "\r\n" in before:
        head = head.replace("\n", "\r\n")
    assert set_pin((head + before).encode(), "churn", 7).decode() == head + after


REMOVALS = {
    "only block": ("models:\n  churn: {release: 1}  # why\nlast: 1\n", "models: {}\nlast: 1\n"),
    "only block, comment": ("models:  # pins\n  churn: {release: 1}\n", "models: {}  # pins\n"),
    "only flow": ("models: {churn: {release: 1}}\n", "models: {}\n"),
    "first flow": ("models: {churn: {release: 1}, b: {release: 2}}\n", "models: {b: {release: 2}}\n"),
    "last flow": ("models: {a: {release: 1}, churn: {release: 2}}\n", "models: {a: {release: 1}}\n"),
    "middle block": (
        "models:\n  a: {release: 1}\n  churn:\n    release: 2\n\n  # b\n  b: {release: 3}\n",
        "models:\n  a: {release: 1}\n\n  # b\n  b: {release: 3}\n",
    ),
    "absent": ("models: {a: {release: 1}}\n", "models: {a: {release: 1}}\n"),
    "no models": ("last: 1\n", "last: 1\n"),
    "no last line end": ("models:\n  churn: {release: 1}", "models: {}\n"),
}


@pytest.mark.parametrize("case", REMOVALS.values(), ids=REMOVALS.keys())
def test_a_pin_is_removed_in_place(case: tuple[str, str]) -> None:
    before, after = case
    assert remove_pin((HEAD + before).encode(), "churn").decode() == HEAD + after


@pytest.mark.parametrize("name", ["no", "null", "on", "y", "true", "e1"])
def test_names_that_yaml_would_misread_are_quoted(name: str) -> None:
    data = set_pin(HEAD.encode(), name, 3)
    assert yaml.safe_load(data)["models"] == {name: {"release": 3}}
    assert set_pin(set_pin(data, name, 4), "b", 1) != data
    assert yaml.safe_load(remove_pin(data, name))["models"] == {}


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "- 1", "models: 3", "models: [a]", "a: b: c", "x: &a {}\ny: *a\n", "\x00", "{" * 50_000,
        "models: {churn: {}}", "models: {churn: null}", "models: {churn: 7}", "{version: 1}",
        "models: {churn: {release: 1}}\nmodels: {a: {release: 1}}\n", "a: 1\n---\nb: 2\n",
        "models: {churn: {release: 1, other: 2}}", "x: 2000-99-99", "{models: {}}",
        "&a models: {}\n<<: {churn: 1}\nmodels:\n  <<: {x: {release: 1}}\n",
    ],
)  # fmt: skip
def test_what_cannot_be_edited_safely_is_left_to_people(text: str) -> None:
    with pytest.raises(UserError) as caught:
        set_pin(text.encode(), "churn", 7, "environments/staging.yaml")
    assert caught.value.reason == "state-invalid"
    assert caught.value.where == "environments/staging.yaml"
    assert "by hand" in caught.value.fix


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UserError):
        set_pin(b"\xff\xfe\x00", "churn", 7)


def test_a_removal_that_cannot_be_done_safely_is_refused() -> None:
    for text in (
        "models: {<<: {churn: {release: 1}}}\n",
        "models:\n  churn: {release: 1}\nmodels:\n  churn: {release: 1}\n",
        "models: {a: {release: 1}}\nmodels: {churn: {release: 1}}\n",
    ):
        with pytest.raises(UserError):
            remove_pin(text.encode(), "churn")


names = st.from_regex(r"[a-z]([-a-z0-9]{0,6}[a-z0-9])?", fullmatch=True)
comments = st.sampled_from(["", "  # why: {odd} 'text'", " #"])


@st.composite
def environments(draw: st.DrawFn) -> str:
    """Environment files as people write them: block or flow, comments and blank lines anywhere."""
    pins = draw(st.dictionaries(names, st.integers(1, 99), max_size=4))

    def key(name: str) -> str:
        return name if yaml.safe_load(name) == name else f"'{name}'"

    flow = ", ".join(f"{key(name)}: {{release: {number}}}" for name, number in pins.items())
    block = ""
    indent = draw(st.sampled_from(["  ", "    "]))
    for name, number in pins.items():
        block += draw(st.sampled_from(["", "\n", f"{indent}# about it\n"]))
        nested = draw(st.booleans())
        value = f"\n{indent}  release: {number}" if nested else f" {{release: {number}}}"
        block += f"{indent}{key(name)}:{value}{draw(comments)}\n"
    flowed = draw(st.booleans()) or not pins
    models = f"models: {{{flow}}}{draw(comments)}\n" if flowed else f"models:{draw(comments)}\n{block}"
    tail = draw(st.sampled_from(["", "\n# the end\n", "zone: [a, b]\n"]))
    return HEAD + draw(st.sampled_from(["", MID])) + models + tail


def removed_lines(before: str, after: str) -> list[str]:
    return [line[2:] for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[:1] == "-"]


@given(text=environments(), model=names, release=st.integers(1, 10**6))
@settings(max_examples=120, deadline=None)
def test_any_file_keeps_every_other_line(text: str, model: str, release: int) -> None:
    before: dict[str, Any] = yaml.safe_load(text)
    edited = set_pin(text.encode(), model, release).decode()
    assert yaml.safe_load(edited) == {**before, "models": {**before["models"], model: {"release": release}}}
    assert len(removed_lines(text, edited)) <= 1
    assert set_pin(edited.encode(), model, release).decode() == edited
    emptied = remove_pin(edited.encode(), model).decode()
    rest = {name: pin for name, pin in before["models"].items() if name != model}
    assert yaml.safe_load(emptied) == {**before, "models": rest}
    assert [line for line in HEAD.splitlines() if line not in emptied.splitlines()] == []
    if model in before["models"]:
        number = before["models"][model]["release"]
        assert set_pin(edited.encode(), model, number).decode() == text


MADE = {"image": "sha256:" + "1" * 64, "runtime": "sha256:" + "2" * 64}
ENTRY = f"churn@7: {{image: {MADE['image']}, runtime: {MADE['runtime']}}}"
OLD = "{image: sha256:old, runtime: sha256:older}"
APPENDS = {
    "no key": ("models: {}\n", f"models: {{}}\nappended:\n  {ENTRY}\n"),
    "no last line end": ("models: {}", f"models: {{}}\nappended:\n  {ENTRY}\n"),
    "windows": ("models: {}\r\n", f"models: {{}}\r\nappended:\r\n  {ENTRY}\r\n"),
    "another release": (
        f"appended:\n    # the first\n    churn@6: {OLD}\n\n# the end\nlast: 1\n",
        f"appended:\n    # the first\n    churn@6: {OLD}\n    {ENTRY}\n\n# the end\nlast: 1\n",
    ),
    "the same release": (
        f"appended:\n  churn@7: {OLD}  # why\n  z@1: {OLD}\n", f"appended:\n  {ENTRY}  # why\n  z@1: {OLD}\n",
    ),
    "the same release as a block": (
        "appended:\n  churn@7:\n    image: a\n    runtime: b\nlast: 1\n", f"appended:\n  {ENTRY}\nlast: 1\n",
    ),
    "the same image": (f"appended:\n  {ENTRY}\n", f"appended:\n  {ENTRY}\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", APPENDS)
def test_the_image_of_one_release_is_set(name: str) -> None:
    before, after = (f"{HEAD}{each}".encode() for each in APPENDS[name])
    assert set_appended(before, "churn@7", MADE) == after


@pytest.mark.parametrize("text", ["appended: {}\n", "appended:\n", f"appended: {{z@1: {OLD}}}\n"])
def test_an_image_is_set_by_hand_where_braces_are(text: str) -> None:
    with pytest.raises(UserError, match="in braces"):
        set_appended(f"{HEAD}{text}".encode(), "churn@7", MADE, "environments/staging.yaml")
    with pytest.raises(UserError, match="in braces"):
        set_appended(b"{version: 1}", "churn@7", MADE)
