"""Commits that Git stores and passes on, whatever stands in them."""

from __future__ import annotations

import hashlib
import subprocess
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordain.adapters.git import Repository
from ordain.core.git.commits import Commit
from ordain.core.reasons import Reason
from ordain.errors import UserError

TREE = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904"
STARTS = [b"tree ", b"parent ", b"author ", b"committer ", b"gpgsig ", b" ", b"encoding ", b""]
HEADERS = st.one_of(
    st.just(TREE),
    st.builds(lambda start, rest: start + rest, st.sampled_from(STARTS), st.binary(max_size=60)),
    st.just(b"parent " + b"a" * 40),
    st.just(b"author A <a@x> 1 +0000"),
)
OBJECTS = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda lines, body: b"\n".join(lines) + body, st.lists(HEADERS, max_size=7), st.binary(max_size=40)
    ),
    st.builds(lambda lines: b"\n".join([TREE, *lines]) + b"\n\nx", st.lists(HEADERS, max_size=6)),
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("odd")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return Repository(folder)


def stored(folder: Path, raw: bytes) -> str:
    """A loose object, as a pushed pack may bring one: Git itself refuses to make the oddest."""
    data = b"commit %d\0" % len(raw) + raw
    name = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    path = folder / ".git/objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(data))
    return name


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=OBJECTS)
def test_an_object_is_a_commit_or_is_named_as_hostile(repository: Repository, raw: bytes) -> None:
    name = stored(repository.folder, raw)
    found: Commit | UserError
    try:
        (found,) = repository.commits([name])
    except UserError as error:
        found = error
    if isinstance(found, UserError):
        assert (found.reason, found.where) == (Reason.HOSTILE_OBJECT, f"commit {name}")
    else:
        assert found.id == name
        assert all(each.unreadable is not None or each.name or each.email for each in found.people[:2])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(HEADERS.filter(lambda line: b"\n\n" not in line), max_size=6))
def test_tree_and_parents_are_those_that_git_sees(repository: Repository, lines: list[bytes]) -> None:
    name = stored(repository.folder, b"\n".join([TREE, *lines]) + b"\n\nx\n")
    words = ["git", "-C", str(repository.folder), "log", "-1", "--no-walk", "--format=%T %P", name]
    seen = subprocess.run(words, capture_output=True, text=True, check=False)
    try:
        (found,) = repository.commits([name])
    except UserError:
        return  # Git reads on where an object ends too early to hold a parent; Ordain does not
    assert seen.returncode == 0
    assert seen.stdout.split() == [found.tree, *found.parents]
