"""What `ordain check` holds against Git: records never change, and manifests are not for people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ordain.adapters import files as disk
from ordain.core.problems import Problem
from ordain.core.yaml.conflicts import mended_by
from ordain.core.yaml.yamldoc import Document
from ordain.core.yaml.yamlscalars import Fault
from ordain.core.yaml.yamltext import conflicts
from ordain.errors import UserError

if TYPE_CHECKING:
    from ordain.adapters.git import Repository

RELEASES, MANIFESTS = "releases/", "manifests/"
SHOWN = 20
DEFAULT_BRANCH = "main"


def history_problems(root: Path, files: Mapping[str, bytes]) -> list[Problem]:
    """Records and manifests that differ from what Git holds; nothing where there is no Git.

    They are compared with the base branch that approved policies name, as last fetched from `origin`:
    what the working tree's own policy says of it is for people to approve first.

    Args:
        root: the repository's top folder, resolved.
        files: the declared state of the working tree.
    """
    from ordain.adapters.git import find_repository

    try:
        repository = find_repository(root)
    except UserError:
        return []
    head = repository.find("HEAD")
    if head is None or repository.folder.resolve() != root:
        return []
    branch = _base_branch(repository, head)
    base = repository.find(f"refs/remotes/origin/{branch}")
    try:
        return [
            *_record_problems(files, repository, (head, base), branch),
            *_uncommitted(root, _ids(repository, head)),
            *(_committed(repository, base, head) if base else ()),
        ]
    except UserError as error:
        fault = Fault(error.reason or "unreadable", error.what, error.fix)
        return [Document(file=error.where).at_value((), fault)]


def _base_branch(repository: Repository, head: str) -> str:
    """The base branch by the policies that were approved; by the usual name where there is none yet."""
    from ordain.adapters.resources import templates
    from ordain.services.judging.branches import of_clone
    from ordain.services.judging.ground import ground
    from ordain.services.judging.states import States

    try:
        return ground(States(repository, templates()), head, of_clone(repository)).branch
    except UserError:
        return DEFAULT_BRANCH


def _record_problems(
    files: Mapping[str, bytes], repository: Repository, ends: tuple[str, str | None], branch: str
) -> Iterator[Problem]:
    """Records that were edited, and records that two requests gave one number; one that is gone may have
    been reverted, and a conflict is told where its markers stand."""
    head, base = ends
    ours = repository.read(head, (RELEASES,))
    theirs = repository.read(base, (RELEASES,)) if base else {}
    fork = repository.merge_base(base, head) if base else None
    shared = repository.listing(fork, (RELEASES,)) if fork else {}
    for path in sorted(files.keys() & (ours.keys() | theirs.keys())):
        now = files[path]
        if conflicts(path, now.decode("utf-8", "replace")):
            continue
        known = theirs.get(path, now)
        if path not in shared and now != known:
            message = f"another request took this number first: origin/{branch} has another record"
            yield Document(file=path).at_value((), Fault("number-taken", message, mended_by(path)))
            continue
        if ours.get(path, now) != now and theirs.get(path) != now:
            yield _edited(path, "HEAD")
        if known != now:
            yield _edited(path, f"origin/{branch}")


def _edited(path: str, where: str) -> Problem:
    message = f"differs from the record at {where}, and a record never changes"
    return Document(file=path).at_value(
        (), Fault("release-edited", message, f"git checkout {where} -- {path}")
    )


def _uncommitted(root: Path, committed: Mapping[str, str]) -> list[Problem]:
    """Files below `manifests/` that differ from the commit that is checked out."""
    found = disk.read_state(root, lambda path: path.startswith(MANIFESTS), tops=(MANIFESTS[:-1],))
    long = any(len(each) == 64 for each in committed.values())
    here = {path: _blob_id(data, "sha256" if long else "sha1") for path, data in found.items()}
    message = "differs from the commit, and only `ordain reconcile` writes below manifests/"
    return _differing(
        here, committed, message, "git checkout HEAD -- manifests (and remove files that are new)"
    )


def _committed(repository: Repository, base: str, head: str) -> list[Problem]:
    """Manifests that this branch's own commits changed.

    What they may look like is what some commit of the base branch gave, from which this branch started
    or which it merged since.
    """
    ours = repository.between(base, head)
    if not ours:
        return []
    parents = [parent for commit in repository.commits(ours) for parent in commit.parents]
    starts = sorted(set(parents) - set(ours))
    here = _ids(repository, head)
    before = [_ids(repository, each) for each in starts] or [{}]
    if here in before:
        return []
    message = "was changed by a commit of this branch, and only `ordain reconcile` writes below manifests/"
    advice = f"git checkout {starts[-1][:12]} -- manifests, and commit" if starts else "remove it, and commit"
    return _differing(here, before[-1], message, advice)


def _differing(
    here: Mapping[str, str], before: Mapping[str, str], message: str, advice: str
) -> list[Problem]:
    paths = sorted(path for path in here.keys() | before.keys() if here.get(path) != before.get(path))
    fault = Fault("manifests-edited", message, advice)
    problems = [Document(file=path).at_value((), fault) for path in paths[:SHOWN]]
    if len(paths) > SHOWN:
        more = Fault("manifests-edited", f"and {len(paths) - SHOWN} more files likewise", advice)
        problems.append(Document(file=MANIFESTS[:-1]).at_value((), more))
    return problems


def _ids(repository: Repository, commit: str) -> dict[str, str]:
    """Every file below `manifests/` at a commit, by path, as Git's id of its bytes."""
    return {path: each.id for path, each in repository.listing(commit, (MANIFESTS,)).items()}


def _blob_id(data: bytes, algorithm: str) -> str:
    return hashlib.new(algorithm, b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
