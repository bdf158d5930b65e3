"""What was asked for before: the memory that makes of a storm of findings one request.

A request's branch can be deleted, its page closed, its merge rewritten. So each request leaves a mark, a ref
that nothing removes: `refs/ordain/asked/<model>/<key>`, with when and of what. A branch without its mark is
one whose asking was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator

from ordain.adapters.git import PushRacedError, Repository
from ordain.core.drift import retraining
from ordain.core.drift.retraining import Earlier, Retraining
from ordain.core.pipelines.pipeline import FOLDER
from ordain.ports import Proposals

SIZE_LIMIT = 64 * 2**10


def known(clone: Repository, requests: Proposals, wanted: Retraining, ends: tuple[str, str]) -> list[Earlier]:
    """Everything that was asked for and can be told: by its mark, by the merged record, by its branch.

    The forge is asked about branches of the same evidence alone: of no other does it matter.

    Args:
        ends: the model, and the base branch.

    Raises:
        RetryLater: when the origin or the forge does not answer.
    """
    model, base = ends
    place = retraining.marks(model)
    heads = {"refs/heads/*": "refs/remotes/origin/*"}
    clone.fetch(clone.remote(), heads | {f"{place}/*": f"{place}/*"})
    marked = dict(_marked(clone, place))
    found = [Earlier(retraining=each) for each in marked.values()]
    prefix = f"retrain/{model}-"
    trunk = clone.resolve(f"refs/remotes/origin/{base}")
    for branch in sorted({base, *(each for each in clone.branches() if each.startswith(prefix))}):
        commit = tip(clone, branch)
        read = _recorded(clone, commit, model) if commit else None
        if commit is not None and read is not None:
            marked_ = read.mark(model) in marked
            done = branch == base or marked_ or clone.is_ancestor(commit, trunk)
            waits = not done and read.digest == wanted.digest and not requests.requested(branch, base)
            found.append(Earlier(retraining=read, branch=branch if waits else None, marked=marked_))
    return found


def tip(clone: Repository, branch: str) -> str | None:
    """The newest commit of a branch at the origin, or of one here that a killed run did not push."""
    return clone.find(f"refs/remotes/origin/{branch}") or clone.find(f"refs/heads/{branch}")


def remember(clone: Repository, model: str, asked: Retraining) -> None:
    """Leave the mark of a request that was opened, or that asks for review now; once.

    Raises:
        RetryLater: when the origin does not answer. UserError: when it refuses.
    """
    if asked.mark(model) in clone.refs(retraining.marks(model)):
        return  # as `known` fetched it; the first time stays, and Git would refuse another
    (blob,) = clone.write_blobs([retraining.encode(retraining.essence(asked))])
    try:
        clone.push(clone.remote(), blob, asked.mark(model))
    except PushRacedError:
        return  # it is there already


def _marked(clone: Repository, place: str) -> Iterator[tuple[str, Retraining]]:
    """Every mark by its name. What is too large or no record is passed over."""
    listed = {name: each for name, each in clone.refs(place).items() if each.size <= SIZE_LIMIT}
    content = clone.objects([each.id for each in listed.values()], "blob")
    for name, each in listed.items():
        read = retraining.decode(content[each.id])
        if read is not None:
            yield name, read


def _recorded(clone: Repository, commit: str, model: str) -> Retraining | None:
    path = f"{FOLDER}/{model}/{retraining.FILE}"
    data = clone.read(commit, [path]).get(path)
    return retraining.decode(data) if data else None
