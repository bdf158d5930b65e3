"""Trees: what Git writes is read, what is no tree is refused, and three of them merge as Git would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.git import cleanmerge, trees
from ordain.core.git.pathhistory import PathHistory, difference
from ordain.core.git.trees import Entry, Tree

NAMES = st.text(st.characters(exclude_characters="\0/", codec="utf-8"), min_size=1, max_size=5)
IDS = st.binary(min_size=20, max_size=20)


def written(rows: list[tuple[str, str, bytes]]) -> bytes:
    return b"".join(f"{mode} {name}".encode() + b"\0" + blob for mode, name, blob in rows)


@given(st.lists(st.tuples(st.sampled_from(["100644", "40000"]), NAMES, IDS), unique_by=lambda row: row[1]))
def test_what_was_written_is_read(rows: list[tuple[str, str, bytes]]) -> None:
    assert trees.parse(written(rows), 20) == {name: (mode, blob.hex()) for mode, name, blob in rows}


@pytest.mark.parametrize(
    "data",
    [
        b"100644 a",
        b"100644\0" + b"x" * 20,
        b"100644 a\0" + b"x" * 19,
        b"100644 \0" + b"x" * 20,
        b"100644 a/b\0" + b"x" * 20,
        b"100644 a\0" + b"x" * 20 + b"40000 a\0" + b"y" * 20,
    ],
)
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|name|subsection"):
        trees.parse(data, 20)


class Forest:
    """Trees by their ids, made of nested mappings: a text is a file."""

    def __init__(self) -> None:
        self._trees: dict[str, Tree] = {}

    def add(self, content: object) -> str:
        if isinstance(content, str):
            return content
        assert isinstance(content, dict)
        rows: dict[str, Entry] = {
            name: ("100644" if isinstance(each, str) else trees.TREE, self.add(each))
            for name, each in content.items()
        }
        name = repr(sorted(rows.items()))
        self._trees[name] = rows
        return name

    def read(self, name: str) -> Tree:
        return self._trees[name]


BASE = {"a": "1", "b": "1", "d": {"x": "1", "y": "1"}}
A = {**BASE, "a": "2"}
B = {**BASE, "b": "2"}


@pytest.mark.parametrize(
    ("ours", "theirs", "result", "answer"),
    [
        (BASE, B, B, True),
        (A, BASE, A, True),
        (A, BASE, B, False),
        (A, A, A, True),
        (A, B, {**A, "b": "2"}, True),
        (A, B, A, False),
        (A, B, {**A, "b": "2", "c": "3"}, None),
        ({**A, "n": "1"}, {**B, "m": "1"}, {**A, "b": "2", "n": "1", "m": "1"}, True),
        ({**A, "n": "1"}, {**B, "n": "1"}, {**A, "b": "2", "n": "1"}, True),
        ({**A, "n": "1"}, {**B, "n": "2"}, {**A, "b": "2", "n": "1"}, None),
        ({**BASE, "a": "2"}, {**BASE, "a": "3"}, {**BASE, "a": "2"}, None),
        ({"a": "2", "d": {"x": "1", "y": "1"}}, B, B, None),
        (
            {**BASE, "d": {"x": "2", "y": "1"}},
            {**BASE, "d": {"x": "1", "y": "2"}},
            {**BASE, "d": {"x": "2", "y": "2"}},
            True,
        ),
        (
            {**BASE, "d": {"x": "2", "y": "1"}},
            {**BASE, "d": {"x": "1", "y": "2"}},
            {**BASE, "d": {"x": "2", "y": "1"}},
            False,
        ),
        (
            {**BASE, "d": {"x": "2", "y": "1"}},
            {**BASE, "d": {"x": "3", "y": "1"}},
            {**BASE, "d": {"x": "3", "y": "1"}},
            None,
        ),
    ],
)
def test_a_merge_that_needs_no_look_into_a_file(
    ours: object, theirs: object, result: object, answer: bool | None
) -> None:
    forest = Forest()
    base, left, right, made = (forest.add(each) for each in (BASE, ours, theirs, result))
    assert cleanmerge.is_clean_merge(base, (left, right), made, forest.read) is answer


def test_what_a_step_changed() -> None:
    forest = Forest()
    old = (trees.TREE, forest.add({"a": "1", "b": "1", "c": {"x": "1"}, "f": "1", "g": {"x": "1"}}))
    new = (trees.TREE, forest.add({"a": "2", "c": {"x": "1", "y": "1"}, "f": {"x": "1"}, "g": "1"}))
    found = dict(difference("top", (old, new), forest.read))
    assert found == {
        "top/a": "M", "top/b": "D", "top/c/y": "A", "top/f/x": "A", "top/f": "D", "top/g/x": "D", "top/g": "A"
    }  # fmt: skip
    assert dict(difference("top", (None, new), forest.read))["top/a"] == "A"
    assert dict(difference("top", (old, old), forest.read)) == {}


def test_folders_may_be_nested_as_deep_as_anybody_likes() -> None:
    depth = 5000
    nested = {str(n): {"a": (trees.TREE, str(n + 1))} for n in range(depth)}
    read = {**nested, str(depth): {"f": ("100644", "1")}}.__getitem__
    (found,) = trees.changed("top", (None, (trees.TREE, "0")), read)
    assert found == ("top" + "/a" * depth + "/f", None, ("100644", "1"))


def test_who_touched_a_file() -> None:
    history = PathHistory([("c3", {"a": "M"}), ("c2", {"b": "A"}), ("c1", {"a": "A"})])
    assert (history.paths("DM"), history.paths("A")) == (["a"], ["a", "b"])
    assert ("c2" in history, "c4" in history) == (True, False)
    assert history.changes("a") == ["c3", "c1"]
    assert history.changes("a", "A") == ["c1"]
    assert history.changes("a", head="c2") == ["c1"]
    assert history.changes("x") == []
