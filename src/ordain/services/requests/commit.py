"""`ordain commit`: record what `run` and `release` generated, and publish it on the branch it belongs to.

Only generated places are looked at, so a bot that runs this can't sweep up anything else. The push is
never forced: whoever pushed in between wins, and the job runs again on what they pushed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from ordain.adapters.git import PushRacedError, Repository
from ordain.adapters.working_tree import content
from ordain.core.git import commits
from ordain.core.reasons import Reason
from ordain.errors import RetryLater, UserError
from ordain.services.judging.ground import Ground
from ordain.services.judging.workspace import governed

# Files, and folders with a `/` at the end.
GENERATED = (".ordain/schemas/", "dvc.lock", "dvc.yaml", "environments/", "pipelines/", "releases/")
SIGNING = (
    "git config gpg.format ssh && git config user.signingkey ~/.ssh/id_ed25519.pub"
    " && git config commit.gpgsign true"
)
_IDENTITY = re.compile(r"(?P<name>[^<>\n]*?) ?<(?P<email>[^<>\n]*)>")

Sign = Callable[[bytes], bytes]


class Author(Struct, frozen=True):
    """Who commits: signs with this, or as their own Git settings say where it is None. `now`: the time."""

    sign: Sign | None
    now: dt.datetime


class Committed(Struct, frozen=True, kw_only=True):
    """The answer: the new commit and its files, or nothing; and the branch it was pushed to."""

    commit: str | None
    files: tuple[str, ...] = ()
    pushed: str | None = None


def commit(clone: Repository, author: Author, message: str, branch: str | None) -> Committed:
    """Commit generated files that changed, and push them.

    Args:
        clone: where they lie. message: the commit's first line. branch: at the origin; None for no push.

    Raises:
        UserError: when the branch is the base branch, a file is odd, nobody may commit, or reason
            `author-unproven`.
        RetryLater: when somebody pushed to the branch first.
    """
    ground = governed(clone) if branch is not None else None
    if ground is not None and branch == ground.branch:
        fix = "push to a branch of its own, and merge that"
        raise UserError(f"`{branch}` changes by merging only", where="policy.yaml", fix=fix)
    made = record(clone, author, message, GENERATED, ground)
    if made.commit is None or branch is None:
        return made
    push(clone, made.commit, branch)
    return Committed(commit=made.commit, files=made.files, pushed=branch)


def record(
    clone: Repository, author: Author, message: str, places: Sequence[str], ground: Ground | None = None
) -> Committed:
    """Commit what changed below some places of the working tree, on top of what is checked out.

    Args:
        ground: as for `check_signed`.

    Raises:
        UserError: as `commit`, but for the branch.
    """
    paths = clone.unrecorded(places)
    if not paths:
        return Committed(commit=None)
    check_signed(clone, author.sign, ground)
    head = clone.resolve("HEAD")
    tree = clone.with_files(head, {path: content(clone.folder, path) for path in paths})
    made = write(clone, author, (tree, head), message)
    clone.adopt(made)
    return Committed(commit=made, files=tuple(paths))


def check_signed(clone: Repository, sign: Sign | None, ground: Ground | None = None) -> None:
    """Refuse to make a commit that can't be approved.

    With the local forge a signature is all that proves an author. Elsewhere the forge says who pushed.

    Args:
        ground: where the clone is governed, if that is known; else it is asked for when it matters.

    Raises:
        UserError: reason `author-unproven`, when nothing would sign it.
    """
    if sign is None and not clone.signs() and (ground or governed(clone)).policy.forge == "local":
        raise UserError(
            "the commit would be unsigned, and what nobody is proven to have made can't be approved",
            where="git config",
            fix=SIGNING,
            reason=Reason.AUTHOR_UNPROVEN,
        )


def push(clone: Repository, commit_id: str, branch: str) -> None:
    """Publish a commit on a branch of the origin.

    Raises:
        RetryLater: when the branch there has something that the commit does not.
    """
    try:
        clone.push(clone.remote(), commit_id, f"refs/heads/{branch}")
    except PushRacedError as error:
        raise RetryLater(f"somebody pushed to {branch} first") from error


def write(clone: Repository, author: Author, tree_and_parent: tuple[str, str], message: str) -> str:
    """Make a commit by an author; no branch and no file is touched.

    Raises:
        UserError: when nobody may commit here.
    """
    tree, parent = tree_and_parent
    if author.sign is None:
        return clone.commit_as_user(tree, parent, f"{message}\n")
    found = _IDENTITY.fullmatch(clone.identity())
    if found is None:
        raise UserError("Git knows no name and address", where="git config", fix="git config user.email ...")
    who = commits.Identity(name=found["name"], email=found["email"])
    unsigned = commits.compose(tree, (parent,), (who, int(author.now.timestamp())), f"{message}\n")
    return clone.write_commit(commits.attach(unsigned, author.sign(unsigned)))
