"""What has to be fetched, and how locks of parallel jobs become one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.pipelines import lean

STAGES: dict[str, dict[str, Any]] = {
    "rows": {"deps": ["../../data.csv"], "outs": ["rows.parquet"]},
    "train": {
        "deps": ["rows.parquet"],
        "params": ["seed"],
        "outs": ["oof.parquet", {"t.json": {"cache": False}}],
    },
    "score": {
        "deps": ["oof.parquet", "rows.parquet"],
        "params": [{"t.json": ["champion"]}],
        "metrics": [{"m.json": {"cache": False}}],
    },
}
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


def lock(*names: str, salt: str = "") -> str:
    blocks = "".join(f"  {name}:\n    cmd: echo {name}{salt}\n" for name in names)
    return lean.LOCK_HEAD + blocks


def test_git_holds_what_is_not_cached() -> None:
    assert lean.kept(STAGES) == ("m.json", "t.json")
    assert lean.cached(STAGES["train"]) == ("oof.parquet",)


@pytest.mark.parametrize(
    ("behind", "paths"),
    [
        ((), ()),
        (("score",), ("oof.parquet", "rows.parquet")),
        (("train", "score"), ("rows.parquet",)),
        (("rows", "train", "score"), ()),
    ],
)
def test_needed_is_what_others_made(behind: tuple[str, ...], paths: tuple[str, ...]) -> None:
    assert lean.needed(STAGES, behind) == paths


def test_only_a_hash_is_a_hash() -> None:
    good, folder = "a" * 32, "b" * 32 + ".dir"
    rows = [{"path": "a", "md5": good}, {"path": "d", "md5": folder}, {"path": "x", "md5": "../.."},
            {"path": "y"}, {"md5": good}, {"path": "z", "md5": 3}, "odd"]  # fmt: skip
    assert lean.locked_hashes({"s": {"outs": rows}, "t": {}}) == {"a": good, "d": folder}


def test_changed_entries_are_named() -> None:
    assert lean.changed_blocks(lock("a", "b"), lock("a", "b")) == frozenset()
    assert lean.changed_blocks(lock("a", "b"), lock("a", "c")) == {"b", "c"}
    assert lean.changed_blocks(lock("a"), lock("a", salt="2")) == {"a"}


def test_a_lock_without_the_stage_can_t_be_joined() -> None:
    with pytest.raises(ValueError, match="no stage `a`"):
        lean.joined_lock(lock("a"), lock("b"), "a")


def test_one_entry_is_taken_from_another_lock() -> None:
    assert lean.joined_lock(lock("a"), lock("b", "c"), "b") == lock("a", "b")


@given(st.sets(NAMES, min_size=1), st.data())
def test_joining_is_the_same_in_any_order(names: set[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(sorted(names)))
    joined = lock(*sorted(names)[:1])
    for name in order:
        joined = lean.joined_lock(joined, lock(name, salt="-new"), name)
    assert joined == lock(*sorted(names), salt="-new")
    assert lean.joined_lock(joined, joined, order[0]) == joined


PARTS = st.lists(st.text("aé. ", min_size=1, max_size=3), min_size=1, max_size=3).map("/".join)
MD5 = st.text("0123456789abcdef", min_size=32, max_size=32)


@settings(deadline=None)  # DVC is slow to import
@given(st.dictionaries(PARTS, MD5))
def test_a_folder_is_called_what_dvc_calls_it(files: dict[str, str]) -> None:
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree = Tree()  # type: ignore[no-untyped-call]
    for path, md5 in files.items():
        tree.add(tuple(path.split("/")), None, HashInfo("md5", md5))
    tree.digest()
    assert lean.folder_md5(files) == tree.hash_info.value
