"""What a pipeline needs from elsewhere before its changed stages can run, and what of it Git holds.

A clone in CI has what Git holds and none of what DVC's cache holds. Fetching everything is slow, and
letting DVC fetch as it goes is not safe: it can run a stage on a folder that is empty here, and it runs a
stage again whose outputs could not be fetched. So the list is made here, from text, before DVC starts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from ordain.core.pipelines.leftovers import blocks_of
from ordain.core.pipelines.stale import outputs_of, parameter_keys, paths_of

Stages = Mapping[str, Mapping[str, Any]]
LOCK_HEAD = "schema: '2.0'\nstages:\n"
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


def cached(stage: Mapping[str, Any]) -> tuple[str, ...]:
    """Outputs of a stage that DVC's cache holds; a bare path is one, a path with `cache: false` is not."""
    listed = [each for key in ("outs", "metrics") for each in stage.get(key) or []]
    return tuple(each for each in listed if isinstance(each, str))


def kept(stages: Stages) -> tuple[str, ...]:
    """Outputs that Git holds, sorted."""
    made = {path for stage in stages.values() for path in outputs_of(stage)}
    return tuple(sorted(made - {path for stage in stages.values() for path in cached(stage)}))


def needed(stages: Stages, behind: Collection[str]) -> tuple[str, ...]:
    """What the stages that will run read of the cached outputs of those that will not, sorted."""
    wanted: set[str] = set()
    for name in behind:
        wanted |= {*paths_of(stages[name], "deps"), *parameter_keys(stages[name])}
    made = {path for name, stage in stages.items() if name not in behind for path in cached(stage)}
    return tuple(sorted(wanted & made))


def locked_hashes(lock: Stages) -> dict[str, str]:
    """The MD5 of every output by the lock; a folder's ends in `.dir`. What is no MD5 is left out."""
    rows = [row for stage in lock.values() for row in stage.get("outs") or []]
    return {
        str(row["path"]): row["md5"]
        for row in rows
        if isinstance(row, Mapping)
        and "path" in row
        and isinstance(row.get("md5"), str)
        and _MD5.fullmatch(row["md5"])
    }


def folder_md5(files: Mapping[str, str]) -> str:
    """What DVC calls a folder: the MD5 of its listing, and `.dir`.

    The listing is JSON as DVC writes it: each file's `md5` and `relpath`, sorted by path.

    Args:
        files: the MD5 of each file, by its path in the folder, parts separated by `/`.
    """
    listing = [{"md5": files[path], "relpath": path} for path in sorted(files)]
    data = json.dumps(listing, sort_keys=True).encode("utf-8")
    return hashlib.md5(data, usedforsecurity=False).hexdigest() + ".dir"


def changed_blocks(before: str, after: str) -> frozenset[str]:
    """Stages whose entry in `dvc.lock` is not, byte for byte, what it was."""
    old, new = blocks_of(before)[1], blocks_of(after)[1]
    return frozenset(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def joined_lock(ours: str, theirs: str, name: str) -> str:
    """Our top `dvc.lock` with one stage's entry taken from another.

    Raises:
        ValueError: when the other lock has no such stage.
    """
    taken = blocks_of(theirs)[1].get(name)
    if taken is None:
        raise ValueError(f"the lock has no stage `{name}`")
    blocks = {**blocks_of(ours)[1], name: taken}
    return LOCK_HEAD + "".join(blocks[each] for each in sorted(blocks))
