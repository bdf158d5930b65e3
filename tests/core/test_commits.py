"""Commits: everyone whom one names, and the one key that provably signed it."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.evidence.sshsig import armor
from ordain.core.git import commits
from ordain.core.git.commits import Commit, Identity, attach, compose, parse
from tests.core.signing import Person

TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
DANA, RAVI = (
    Identity(name="Dana Reyes", email="dana@x.example"),
    Identity(name="Ravi", email="ravi@x.example"),
)
AUTHOR = b"author Dana Reyes <dana@x.example> 1700000000 +0000"
COMMITTER = b"committer Ravi <ravi@x.example> 1700000001 -0530"
TREES = b"tree " + TREE.encode()
ADA = Person(1)


def raw(*headers: bytes, message: bytes = b"Say why\n") -> bytes:
    return b"\n".join(headers) + b"\n\n" + message


def signed(message: str = "Say why\n") -> bytes:
    unsigned = compose(TREE, ("a" * 40,), (DANA, 1700000000), message)
    return attach(unsigned, ADA.sign(unsigned, commits.NAMESPACE))


def people(message: str) -> list[tuple[str, str]]:
    found = parse("x", raw(TREES, AUTHOR, COMMITTER, message=message.encode()))
    return [(each.name, each.email) for each in found.co_authors]


def test_a_plain_commit_is_read() -> None:
    found = parse("c", raw(TREES, b"parent " + b"a" * 40, b"parent " + b"b" * 40, AUTHOR, COMMITTER))
    assert found == Commit(
        id="c", tree=TREE, parents=("a" * 40, "b" * 40), author=DANA, committer=RAVI, time=1700000001,
        message="Say why\n", signed=found.signed,
    )  # fmt: skip
    assert found.people == (DANA, RAVI)
    assert found.signer is None


def test_what_is_composed_is_read_and_its_signature_holds() -> None:
    found = parse("c", signed())
    assert (found.author, found.committer, found.time, found.message) == (DANA, DANA, 1700000000, "Say why\n")
    assert found.signer == ADA.key
    assert found.signed == compose(TREE, ("a" * 40,), (DANA, 1700000000), "Say why\n")


def test_git_itself_accepts_what_is_attached(tmp_path: Path) -> None:
    def git(*words: str, stdin: bytes = b"") -> str:
        run = ["git", "-c", f"gpg.ssh.allowedSignersFile={tmp_path / 'signers'}", *words]
        return subprocess.run(run, cwd=tmp_path, input=stdin, check=True, capture_output=True).stdout.decode()

    (tmp_path / "signers").write_text(f"ada@x.example {ADA.key.text}\n")
    git("init", "-q")
    tree = git("mktree").strip()
    unsigned = compose(tree, (), (DANA, 1700000000), "Say why\n\nAnd more\n")
    whole = attach(unsigned, ADA.sign(unsigned, commits.NAMESPACE))
    commit = git("hash-object", "-t", "commit", "-w", "--stdin", stdin=whole).strip()
    git("-c", "gpg.format=ssh", "verify-commit", commit)
    git("fsck", "--strict")
    found = parse(commit, git("cat-file", "commit", commit).encode())
    assert found.signer == ADA.key
    changed = whole.replace(b"And more", b"And less")
    other = git("hash-object", "-t", "commit", "-w", "--stdin", stdin=changed).strip()
    with pytest.raises(subprocess.CalledProcessError):
        git("verify-commit", other)
    assert parse(other, changed).signer is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"Say why", b"Say how"),
        lambda text: text.replace(b"Dana", b"Ravi", 1),
        lambda text: text.replace(TREES, b"tree " + b"0" * 40),
        lambda text: text.replace(b"\n\n", b"\nencoding latin-1\n\n", 1),
        lambda text: text.replace(b"gpgsig ", b"gpgsig-sha256 "),
        lambda text: text.replace(b"gpgsig ", b"gpgsig x\ngpgsig "),
        lambda text: text.replace(b"gpgsig ", b"gpgsig-sha256 x\ngpgsig "),
        lambda text: text.replace(b"gpgsig ", b"mergetag ").replace(b"\n\n", b"\n x gpgsig y\n\n", 1),
        lambda text: text.replace(b"BEGIN SSH SIGNATURE", b"BEGIN PGP SIGNATURE"),
        lambda text: text.replace(b"gpgsig ", b"gpgsiga "),
    ],
)  # fmt: skip
def test_a_changed_commit_has_no_signer(change: Callable[[bytes], bytes]) -> None:
    text = change(signed())
    assert text != signed()
    assert parse("c", text).signer is None


def test_a_signature_made_for_something_else_is_none() -> None:
    unsigned = compose(TREE, (), (DANA, 1), "x")
    assert parse("c", attach(unsigned, ADA.sign(unsigned, "approval@ordain.dev"))).signer is None
    inside = compose(TREE, (), (DANA, 1), "x\n\ngpgsig " + armor(ADA.sign(unsigned, "git")))
    assert parse("c", inside).signature is None


@pytest.mark.parametrize(
    "headers",
    [
        (), (AUTHOR, COMMITTER), (AUTHOR, TREES, COMMITTER), (b" " + TREES, AUTHOR, COMMITTER),
        (TREES + b" ", AUTHOR, COMMITTER), (b"tree x", AUTHOR, COMMITTER), (TREES[:-1], AUTHOR, COMMITTER),
        (TREES, b"parent x", AUTHOR, COMMITTER), (TREES, b"parent " + b"a" * 41, AUTHOR, COMMITTER),
    ],
)  # fmt: skip
def test_what_is_no_commit_to_git_is_refused(headers: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="no commit"):
        parse("c", raw(*headers))


@pytest.mark.parametrize(
    ("lines", "unreadable"),
    [
        ((), ""),
        ((b"author",), ""),
        ((b"author <>",), "<>"),
        ((b"author  < > 1 +0000",), " < > 1 +0000"),
        ((b"author nobody",), "nobody"),
        ((b"author ravi@x.example 1 +0000",), "ravi@x.example 1 +0000"),
        ((b"author R <r@x",), "R <r@x"),
        ((b"author R >r@x< 1 +0000",), "R >r@x< 1 +0000"),
        ((b"author A <a@x> <b@x> 1 +0000",), "A <a@x> <b@x> 1 +0000"),
        ((b"author \xff\0 1 +0000",), "\\xff\\x00 1 +0000"),
        ((b"author \xff<a\0@x>",), "\\xff<a\\x00@x>"),
        ((AUTHOR + b"\n more",), "Dana Reyes <dana@x.example> 1700000000 +0000\\nmore"),
        ((AUTHOR, b"author R <r@x>"), "Dana Reyes <dana@x.example> 1700000000 +0000\\nR <r@x>"),
        ((b"author " + b"x" * 5000,), "x" * 100 + "…"),
    ],
)
def test_an_author_that_cannot_be_read_is_an_unknown_one(lines: tuple[bytes, ...], unreadable: str) -> None:
    found = parse("c", raw(TREES, *lines, COMMITTER))
    assert found.author == Identity(name="", email="", unreadable=unreadable)
    assert found.author.text == f"unreadable: {unreadable}"
    assert (found.committer, found.time) == (RAVI, 1700000001)


@pytest.mark.parametrize(
    ("when", "time"),
    [
        (b"", 0), (b" ", 0), (b" soon", 0), (b" 7", 7), (b" 7 UTC", 7), (b" 7 +99999999999999999999", 7),
        (b" -62167219200 +0000", -62167219200), (b" " + b"9" * 18 + b" +0000", int("9" * 18)),
        (b" " + b"9" * 5000 + b" +0000", 0), (b"1700000001 +0000", 1700000001),
    ],
)  # fmt: skip
def test_a_date_that_cannot_be_read_hides_nobody(when: bytes, time: int) -> None:
    found = parse("c", raw(TREES, AUTHOR, b"committer Ravi <ravi@x.example>" + when))
    assert (found.committer, found.time) == (RAVI, time)


def test_a_name_that_is_no_text_keeps_its_bytes() -> None:
    found = parse("c", raw(TREES, b"author <dana@x.example> 1 +0000", b"committer \xff\xfe <a b> -5 +0000"))
    assert found.author == Identity(name="", email="dana@x.example")
    assert found.committer == Identity(name="\\xff\\xfe", email="a b")
    assert found.time == -5


def test_a_parent_that_git_does_not_see_is_none() -> None:
    """Else two readers would see two histories: a change could pass for a clean merge with it."""
    later = b"parent " + b"b" * 40
    found = parse("c", raw(TREES, b"parent " + b"A" * 40, AUTHOR, later, COMMITTER, b"tree x", later))
    assert (found.tree, found.parents) == (TREE, ("a" * 40,))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", []),
        ("Co-authored-by: R <r@x>", [("R", "r@x")]),
        ("a\n\nco-AUTHORED-BY :R<r@x>\nb", [("R", "r@x")]),
        ("  Co-authored-by: R <r@x>\n\tCo-authored-by: S <s@x> and more\n", [("R", "r@x"), ("S", "s@x")]),
        ("Co-authored-by:\n R <r@x>", [("R", "r@x")]),
        ("Co-authored-by: R", [("R", "")]),
        ("Co-authored-by: <r@x", [("", "r@x")]),
        ("Co-authored-by: Ravi Menon r@x", [("Ravi Menon", "r@x")]),
        ("Co-authored-by:", [("", "")]),
        ("Co-authored-by: R <<r@x>>", [("R <", "r@x")]),
        ("Co-authored-by: R < r@x > ", [("R", "r@x")]),
        ("by Co-authored-by: R <r@x>", []),
    ],
)
def test_co_authors_wherever_they_stand(message: str, expected: list[tuple[str, str]]) -> None:
    assert people(message) == expected


@pytest.mark.parametrize(
    "message",
    ["\n" * 300_000, " " * 300_000, " \n" * 150_000, "Co-authored-by: " + "x" * 300_000,
     "Co-authored-by: " + "<" * 300_000, "Co-authored-by: " + "< " * 150_000, "co-authored-by" * 20_000,
     ("co-authored-by" + "\n" * 100) * 3_000],
    ids=["lines", "spaces", "both", "name", "brackets", "addresses", "words", "words and lines"],
)  # fmt: skip
def test_no_message_takes_long(message: str) -> None:
    """Whoever may push a commit may write its message: reading it must be linear."""
    start = time.perf_counter()
    people(message)
    assert time.perf_counter() - start < 2


@settings(max_examples=200, deadline=None)
@given(author=st.binary(max_size=80), committer=st.binary(max_size=80), more=st.binary(max_size=80))
def test_whatever_stands_behind_the_tree_it_is_a_commit(author: bytes, committer: bytes, more: bytes) -> None:
    lines = (b"author " + author, b"committer " + committer, b"note " + more)
    found = parse("c", raw(TREES, b"parent " + b"a" * 40, *(each.replace(b"\n\n", b"") for each in lines)))
    assert (found.tree, found.parents, found.signer) == (TREE, ("a" * 40,), None)
    for each in found.people:
        assert (each.unreadable is None) == bool(each.name or each.email)
        assert each.text.isprintable() or each.unreadable is None


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_give_only_the_modules_error(data: bytes) -> None:
    odd = [raw(TREES, AUTHOR, data), raw(TREES, AUTHOR, COMMITTER, data)]
    odd += [raw(TREES, AUTHOR, COMMITTER, message=data), raw(TREES, b"author " + data, COMMITTER)]
    for text in (data, *odd):
        with contextlib.suppress(ValueError):
            assert parse("c", text).signer is None


@settings(max_examples=200, deadline=None)
@given(draw=st.data())
def test_no_changed_byte_keeps_the_signer(draw: st.DataObject) -> None:
    whole = signed()
    at = draw.draw(st.integers(0, len(whole) - 1))
    byte = draw.draw(st.integers(0, 255))
    changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
    with contextlib.suppress(ValueError):
        found = parse("c", changed)
        if found.signer is not None:
            # Base64 leaves bits unused at its end, and line breaks free: what is covered stays the same.
            assert found.signed == parse("c", whole).signed
            assert found.people == (DANA, DANA)


@settings(max_examples=100, deadline=None)
@given(message=st.text(alphabet=st.characters(exclude_categories=["Cs"])), when=st.integers(0, 2**40))
def test_composing_and_reading_are_inverse(message: str, when: int) -> None:
    found = parse("c", compose(TREE, ("b" * 40, "c" * 40), (RAVI, when), message))
    assert (found.message, found.time, found.author) == (message, when, RAVI)
    assert found.parents == ("b" * 40, "c" * 40)
