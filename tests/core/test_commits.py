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

from ordain.core import commits
from ordain.core.commits import Commit, Identity, attach, compose, parse
from ordain.core.sshsig import armor
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
        (), (TREES,), (AUTHOR, COMMITTER), (TREES, AUTHOR), (TREES, COMMITTER), (TREES, TREES, AUTHOR,
        COMMITTER),
        (TREES, AUTHOR, AUTHOR, COMMITTER), (TREES, AUTHOR, COMMITTER, COMMITTER),
        (TREES, b"author nobody", COMMITTER), (TREES, AUTHOR, b"committer"),
        (TREES, b"author A <a@x> <b@x> 1 +0000", COMMITTER), (TREES, b"author A <a@x> soon", COMMITTER),
        (TREES, AUTHOR + b"\n more", COMMITTER), (b" " + TREES, AUTHOR, COMMITTER),
        (TREES, AUTHOR, b"committer A <a@x> " + b"9" * 5000 + b" +0000"),
    ],
)  # fmt: skip
def test_what_is_no_commit_is_refused(headers: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="commit"):
        parse("c", raw(*headers))


def test_odd_people_are_read_as_far_as_they_go() -> None:
    found = parse("c", raw(TREES, b"author <>", b"committer \xff\xfe <a b> -5 +0000"))
    assert found.author == Identity(name="", email="")
    assert found.committer == Identity(name="\ufffd\ufffd", email="a b")
    assert found.time == -5
    assert parse("c", raw(TREES, AUTHOR, b"committer R <r@x>")).time == 0


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
