"""`ordain gc`: which artifacts of the local store nothing needs any more, and why the others are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters.artifacts import Store
from ordain.core.gating.release import Release
from ordain.core.ledger.keeping import Kept, Ledger, Unread, kept, read_tip
from ordain.core.state.declared import Instance
from ordain.core.state.instance import STATE_PATHS, is_state_path
from ordain.errors import UserError
from ordain.services.judging.clone import Clone, open_clone

Tip = Instance | Unread


class Swept(Struct, frozen=True, kw_only=True):
    """What was found in the store.

    Attributes:
        kept: artifacts that something needs. garbage: digests that nothing needs.
        removed: whether the garbage is gone. freed: its bytes.
        unread: what could not be read and therefore keeps all that it could name, by branch or folder.
    """

    kept: tuple[Kept, ...]
    garbage: tuple[str, ...]
    removed: bool
    freed: int
    unread: dict[str, str] = {}


def sweep(root: Path, store: Store, *, remove: bool) -> Swept:
    """Look at every artifact of the store, and remove those that nothing needs when asked to.

    Every branch of the clone counts, not only the base branch: an open request may need what it pins. So
    do the working trees: a release may be recorded there and not committed yet.

    Args:
        root: a folder in the clone.

    Raises:
        UserError: when the ledger can't be proven: then nobody knows what is needed, and nothing goes.
    """
    clone = open_clone(root)
    folders = clone.repository.worktrees()
    tips = {**_committed(clone, folders), **_uncommitted(clone, folders)}
    records = [*clone.releases().values(), *(each for tip in tips.values() for each in _records(tip))]
    here = store.digests()
    needed = kept(Ledger(entries=clone.entries, state=clone.state), records, tips, here)
    garbage = tuple(each for each in here if each not in needed)
    freed = store.remove(garbage) if remove else store.size_of(garbage)
    found = tuple(each for digest, each in needed.items() if digest in here)
    unread = {name: tip.fault for name, tip in tips.items() if isinstance(tip, Unread)}
    return Swept(kept=found, garbage=garbage, removed=remove, freed=freed, unread=unread)


def _records(tip: Tip) -> list[Release]:
    if isinstance(tip, Unread):
        return list(tip.records)
    return [each for numbered in tip.releases.values() for each in numbered.values()]


def _committed(clone: Clone, folders: Mapping[Path, str]) -> dict[str, Tip]:
    """What the newest commits declare, of each branch and each working tree; nothing where there is none."""
    heads = clone.repository.tips()
    for folder, head in folders.items():
        if head not in heads.values():
            heads[f"HEAD of {folder}"] = head
    tips = {name: _tip(clone, commit) for name, commit in heads.items()}
    return {name: tip for name, tip in tips.items() if tip is not None}


def _tip(clone: Clone, commit: str) -> Tip | None:
    instance = clone.instance(commit)
    if instance is not None:
        return instance
    try:
        files = _state(clone, commit)
    except UserError as error:
        return Unread(fault=str(error))
    return read_tip(files) if files else None


def _state(clone: Clone, commit: str) -> dict[str, bytes]:
    found = clone.repository.read(commit, STATE_PATHS)
    return {path: data for path, data in found.items() if is_state_path(path)}


def _uncommitted(clone: Clone, folders: Mapping[Path, str]) -> dict[str, Tip]:
    """What each working tree declares that is not what its newest commit declares."""
    found: dict[str, Tip] = {}
    for folder, head in folders.items():
        name = f"the working tree {folder}"
        try:
            files = _on_disk(folder)
            if files and files != _state(clone, head):
                found[name] = read_tip(files)
        except UserError as error:
            found[name] = Unread(fault=str(error))
    return found


def _on_disk(folder: Path) -> Mapping[str, bytes]:
    if not folder.is_dir():
        raise UserError("the folder is not here: `git worktree prune`, if it is gone", where=str(folder))
    return disk.read_state(folder, is_state_path, tops=[each.rstrip("/") for each in STATE_PATHS])
