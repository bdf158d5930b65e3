"""What was asked for before: the memory that makes of a storm of findings one request.

A request's branch can be deleted, its page closed, its merge rewritten. So before a request is opened, and
once its branch is there, a mark is left: a commit that changes nothing, below `refs/ordain/asked/<model>/`,
with when and of what. A branch that never had a request is one whose asking was interrupted.

Whoever may push can write both. So a mark or a branch counts only where who asks made it, by signature: then
nobody else can silence a monitor, or have a branch of theirs proposed.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from ordain.adapters.git import PushRacedError, Repository
from ordain.core.drift import asker as asking
from ordain.core.drift import retraining
from ordain.core.drift.asker import Asker
from ordain.core.drift.retraining import Earlier, Retraining
from ordain.core.pipelines.pipeline import FOLDER
from ordain.errors import UserError
from ordain.ports import Proposals
from ordain.services.requests.commit import Author, write
from ordain.services.requests.pins import is_numbered

SIZE_LIMIT = 64 * 2**10
# Commits of a branch among which the one that asked is looked for.
DEPTH = 100


class Memory(Struct, frozen=True, kw_only=True):
    """Where to look.

    Attributes:
        base: the base branch; at the origin it is `trunk`, a commit. asker: whose word counts.
    """

    clone: Repository
    model: str
    base: str
    trunk: str
    asker: Asker


def fetch(clone: Repository, model: str) -> None:
    """Bring every branch and mark of the origin.

    Raises:
        RetryLater: when it does not answer.
    """
    place = retraining.marks(model)
    clone.fetch(clone.remote(), {"refs/heads/*": "refs/remotes/origin/*", f"{place}/*": f"{place}/*"})


def known(memory: Memory, requests: Proposals, wanted: Retraining) -> list[Earlier]:
    """Everything that was asked for and can be told: by its mark, by the merged record, by its branch.

    The forge is asked about branches of the same evidence alone: of no other does it matter.

    Raises:
        RetryLater: when the forge does not answer.
    """
    found = [Earlier(retraining=each, marked=True) for each in _marked(memory)]
    merged = _recorded(memory, memory.trunk)
    if merged is not None:
        found.append(Earlier(retraining=merged))
    for branch in sorted(memory.clone.branches()):
        asked = _of_branch(memory, branch) if is_numbered(branch, stem(memory.model)) else None
        if asked is not None:
            read, whole = asked
            waits = whole and read.digest == wanted.digest and not requests.requested(branch, memory.base)
            found.append(Earlier(retraining=read, branch=branch if waits else None))
    return found


def stem(model: str) -> str:
    """How the branches begin on which a model's retraining is asked for; a number follows."""
    return f"retrain/{model}-"


def tip(clone: Repository, branch: str) -> str | None:
    """The newest commit of a branch at the origin, or of one here that a killed run did not push."""
    return clone.find(f"refs/remotes/origin/{branch}") or clone.find(f"refs/heads/{branch}")


def remember(memory: Memory, author: Author, asked: Retraining) -> None:
    """Leave the mark of a request that is to be opened, or asks for review now, or was told more; once.

    Its name is its own commit, so that nobody can take the place before.

    Raises:
        RetryLater: when the origin does not answer. UserError: when it refuses.
    """
    if retraining.covered(asked, _marked(memory)):
        return
    clone = memory.clone
    (parent,) = clone.commits([memory.trunk])
    made = write(clone, author, (parent.tree, parent.id), asking.told(memory.model, asked))
    try:
        clone.push(clone.remote(), made, f"{retraining.marks(memory.model)}/{made}")
    except PushRacedError:
        return  # it is there already


def _marked(memory: Memory) -> Iterator[Retraining]:
    """What every mark of one's own says."""
    listed = memory.clone.refs(retraining.marks(memory.model), "commit").values()
    for each in listed:
        if each.size > SIZE_LIMIT:
            continue
        try:
            (commit,) = memory.clone.commits([each.id])
        except UserError:  # Git would call it no commit either
            continue
        read = asking.heard(memory.model, commit.message) if memory.asker.made(commit) else None
        if read is not None:
            yield read


def _of_branch(memory: Memory, branch: str) -> tuple[Retraining, bool] | None:
    """What a branch was made for, and whether it has nothing in it but that and is not merged yet.

    None where nobody who asks made it, or where it is nothing that Git would read.
    """
    clone = memory.clone
    try:
        newest = tip(clone, branch)
        if newest is None:
            return None
        if clone.is_ancestor(newest, memory.trunk):
            read = _recorded(memory, newest)
            return None if read is None else (read, False)
        found = _asking(memory, newest)
    except UserError:
        return None
    return None if found is None else (found[1], found[0] == newest)


def _asking(memory: Memory, newest: str) -> tuple[str, Retraining] | None:
    """The commit on the base branch by which something was asked for, and what it recorded.

    Others may have gone on from there; and whoever asks may have signed what others began, which shows in
    that it stands on something else.
    """
    clone, at = memory.clone, newest
    for _ in range(DEPTH):
        (commit,) = clone.commits([at])
        if len(commit.parents) == 1 and memory.asker.made(commit):
            read, before = (_recorded(memory, each) for each in (at, commit.parents[0]))
            if read is not None and read != before and clone.is_ancestor(commit.parents[0], memory.trunk):
                return at, read
        if not commit.parents:
            return None
        at = commit.parents[0]
    return None


def _recorded(memory: Memory, commit: str) -> Retraining | None:
    path = f"{FOLDER}/{memory.model}/{retraining.FILE}"
    data = memory.clone.read(commit, [path]).get(path)
    return retraining.decode(data) if data else None
