"""Commits whose makers can't be read, or that two readers could read in two ways, in a real history."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ordain.adapters.artifacts import Store
from ordain.adapters.ssh import signer
from ordain.cli.main import ordain
from ordain.core.git import commits
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.proofs.verify import verify

if TYPE_CHECKING:
    from tests.services.world import World

AUTHORS = {
    "no name": b"author <dana@x.example> 1700000000 +0000",
    "no address": b"author Dana 1700000000 +0000",
    "nobody": b"author <> 1700000000 +0000",
    "broken bytes": b"author \xff\xfe <\xff> 1700000000 +0000",
    "two addresses": b"author Dana <dana@x.example> <ravi@x.example> 1700000000 +0000",
    "no time zone": b"author Dana <dana@x.example> 1700000000",
    "year 0": b"author Dana <dana@x.example> -62167219200 +0000",
    "huge time zone": b"author Dana <dana@x.example> 1700000000 +99999999999999",
    "no date": b"author Dana <dana@x.example>",
    "no line": b"",
}


def replaced(
    world: World, who: str, change: dict[bytes, bytes], sign: Callable[[bytes], bytes] | None = None
) -> str:
    """The newest commit of somebody's clone made anew with other bytes and pushed, its signature lost."""
    where = world.enter(who)
    raw = subprocess.run(["git", "cat-file", "commit", "HEAD"], cwd=where, capture_output=True, check=True)
    head, _, body = raw.stdout.partition(b"\n\n")
    lines = head.partition(b"\ngpgsig ")[0].split(b"\n")
    for start, line in change.items():
        lines = [line if each.startswith(start) else each for each in lines]
    odd = b"\n".join(each for each in lines if each) + b"\n\n" + body
    odd = commits.attach(odd, sign(odd)) if sign else odd
    words = ["git", "hash-object", "--literally", "-t", "commit", "-w", "--stdin"]
    made = subprocess.run(words, cwd=where, input=odd, capture_output=True, check=True).stdout.decode()
    world.git(who, "reset", "-q", "--hard", made.strip())
    world.push(who)
    return made.strip()


@pytest.mark.slow
@pytest.mark.parametrize("author", AUTHORS.values(), ids=AUTHORS)
def test_an_odd_author_stops_nothing_and_proves_nobody(running: World, author: bytes) -> None:
    branch = running.replicas("dana", 5)
    odd = replaced(running, "dana", {b"author ": author})
    running.approve(branch, "ravi")
    running.merge(branch)
    (entry,) = running.reconcile().entries
    (decision,) = entry.decisions
    assert (decision.approved, decision.reason) == (False, Reason.AUTHOR_UNPROVEN)
    assert odd[:12] in decision.detail
    where = str(running.branch("mei", "look"))
    for words in (["check"], ["plan"], ["status"], ["audit"], ["why", "churn@staging"], ["gc"]):
        done = CliRunner().invoke(ordain, [*words, "-C", where])
        assert done.exit_code in {0, 1, 2}, done.output
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert verify(running.enter("mei"), Store(running.root / "store"), everything=True).sound
    others = running.deploy(running.release("dana", "other", 1), "ravi").entries[-1].decisions
    assert [each.transition.target.label for each in others if each.approved] == ["staging/other"]


def test_a_signed_commit_with_an_unreadable_author_stays_unproven(running: World) -> None:
    """Whoever signs speaks for themselves, not for a maker whom nobody can read."""
    branch = running.replicas("dana", 5)
    replaced(running, "dana", {b"author ": b"author Ravi"}, signer(running.keys / "dana", commits.NAMESPACE))
    (decision,) = running.deploy(branch, "ravi").entries[-1].decisions
    assert decision.reason == Reason.AUTHOR_UNPROVEN
    assert decision.contributors == ("dana", "unreadable: Ravi")


def test_a_parent_that_git_does_not_see_hides_nobody(running: World) -> None:
    """A change with a `parent` line where Git reads none would look like a clean merge of somebody's work."""
    branch = running.replicas("ravi", 5)
    real = running.git("ravi", "rev-parse", "HEAD")
    base = running.git("ravi", "rev-parse", "HEAD~1")
    running.git("ravi", "commit", "-q", "--amend", "-m", "Nothing to see")
    odd = replaced(running, "ravi", {b"committer ": b"committer Ravi <ravi@x.example> 1 +0000\nparent "
                                     + real.encode()})  # fmt: skip
    assert running.git("ravi", "rev-parse", "HEAD^@") == base
    with pytest.raises(UserError) as caught:
        running.approve(branch, "ravi")
    assert caught.value.reason == Reason.SELF_APPROVAL
    running.merge(branch)
    (decision,) = running.reconcile().entries[-1].decisions
    assert decision.contributors == ("ravi",)
    assert odd[:12] in decision.detail
