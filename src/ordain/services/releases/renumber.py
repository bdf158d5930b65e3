"""`ordain renumber`: two requests took one release number, and the later one takes the next free one.

It works in the later one's clone, before `git merge` or in the middle of it, and may be run again: what is
ours is read from the newest commit of the branch, what is theirs from the base, and never from a file that
Git filled with conflict markers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters.git import Repository, find_repository
from ordain.adapters.resources import templates
from ordain.core.gating.release import encode
from ordain.core.releasing import releasing
from ordain.core.releasing.renumber import Move, moves
from ordain.core.state.declared import Instance, environment_path, release_path
from ordain.core.state.instance import STATE_PATHS, read_instance
from ordain.core.yaml.edit import set_pin
from ordain.core.yaml.yamltext import look_at_text
from ordain.errors import UserError
from ordain.services.judging.clone import ground_of
from ordain.services.judging.states import States
from ordain.services.releases.release import History


class Renumbered(Struct, frozen=True, kw_only=True):
    """What was done.

    Attributes:
        moved: old and new label, such as `("churn@2", "churn@3")`.
        pinned: environments whose pin follows. written: changed files, to be given to `git add`.
        merging: whether a merge is under way, which a commit then ends.
    """

    model: str
    base: str
    moved: tuple[tuple[str, str], ...]
    pinned: tuple[str, ...]
    written: tuple[str, ...]
    merging: bool


class Sides(Struct, frozen=True, kw_only=True):
    """The two requests.

    Attributes:
        head, instance: ours. base, name: theirs; what is being merged, else the base branch.
        merging: whether a merge is under way. fork: the newest commit of both; None when there is none.
    """

    clone: Repository
    head: str
    instance: Instance
    base: str
    name: str
    merging: bool
    fork: str | None

    def records(self, commit: str | None, model: str) -> dict[int, bytes]:
        """The record files of a model at a commit, by number."""
        return _by_number(model, self.clone.read(commit, (f"releases/{model}/",)) if commit else {})


def renumber(root: Path, model: str) -> Renumbered:
    """Give this branch's releases free numbers where the base took theirs, and restore the base's records.

    Args:
        root: a folder in the clone, with the later request's branch checked out.

    Raises:
        UserError: when no number is taken twice, the branch's state is invalid, or a pin that has to move
            stands in a file with other conflicts; nothing is written then.
    """
    sides = _sides(find_repository(root), model)
    top = sides.clone.folder.resolve()
    theirs, before = sides.records(sides.base, model), sides.records(sides.fork, model)
    ours = sides.records(sides.head, model)
    own = {n: each for n, each in sides.instance.releases.get(model, {}).items() if n not in before}
    taken = {n for n in own if n in theirs and theirs[n] != ours[n]}
    history = History.around(top)
    used = history.numbers(model) | releasing.numbers_in_use(model, sides.instance, history.ledger)
    folder = f"releases/{model}"
    here = _by_number(model, disk.read_state(top, lambda path: path.startswith(f"{folder}/"), tops=(folder,)))
    moved = moves(own, taken, used, here)
    pins = _pins(sides, model, dict.fromkeys(own) | {each.before: each for each in moved})
    records = {release_path(model, each.before): theirs[each.before] for each in moved}
    records |= {release_path(model, each.record.number): encode(each.record) for each in moved}
    if not moved and not pins:
        what = f"no release of {model} on this branch has a number that {sides.name} gave to another"
        raise UserError(what, where=f"{folder}/", fix="git fetch origin, or `ordain check`")
    written = [path for path, data in {**records, **pins}.items() if _replace(top, path, data)]
    return Renumbered(
        model=model, base=sides.name, pinned=tuple(sorted(Path(path).stem for path in pins)),
        moved=tuple((f"{model}@{each.before}", each.record.ref.label) for each in moved),
        written=tuple(written), merging=sides.merging,
    )  # fmt: skip


def _sides(clone: Repository, model: str) -> Sides:
    head = clone.resolve("HEAD")
    instance = read_instance(clone.read(head, STATE_PATHS))
    if model not in instance.models.models:
        names = ", ".join(sorted(instance.models.models)) or "none"
        what = f"there is no model `{model}`; declared: {names}"
        raise UserError(what, where="models.yaml", fix="ordain status")
    found, point = ground_of(clone, States(clone, templates()))
    merging = clone.find("MERGE_HEAD")
    base = merging or found.base
    return Sides(
        clone=clone, head=head, instance=instance, base=base, merging=merging is not None,
        name=point.name if base == found.base else "MERGE_HEAD",
        fork=clone.merge_base(head, base),
    )  # fmt: skip


def _by_number(model: str, files: Mapping[str, bytes]) -> dict[int, bytes]:
    named = re.compile(rf"releases/{re.escape(model)}/([1-9][0-9]{{0,8}})\.yaml")
    return {int(found[1]): data for path, data in files.items() if (found := named.fullmatch(path))}


def _pins(sides: Sides, model: str, own: Mapping[int, Move | None]) -> dict[str, bytes]:
    """Environment files, by path, in which this branch pinned a release of its own that moves, or whose
    merge left nothing but conflict markers around such a pin."""
    found = {}
    for name, environment in sides.instance.environments.items():
        pin = environment.models.get(model)
        if pin is None or pin.release not in own:
            continue
        move, path = own[pin.release], environment_path(name)
        target = disk.inside(sides.clone.folder.resolve(), path)
        now = disk.read_bytes(target, disk.STATE_LIMIT)
        torn = bool(look_at_text(path, now.decode("utf-8", "replace")))
        if move is None and not torn:
            continue
        number = move.record.number if move else pin.release
        source = _untorn(sides, model, path) if torn else now
        found[path] = set_pin(source, model, number, path)
    return found


def _untorn(sides: Sides, model: str, path: str) -> bytes:
    """The base's own file, when nothing but this model's pin would be lost by it.

    Raises:
        UserError: when this branch changed more of the file.
    """
    ours = sides.clone.read(sides.head, (path,))[path]
    old, theirs = (sides.clone.read(each, (path,)).get(path) if each else None
                   for each in (sides.fork, sides.base))  # fmt: skip
    if old is not None and theirs is not None:
        number = sides.instance.environments[Path(path).stem].models[model].release
        if set_pin(old, model, number, path) == ours:
            return theirs
    what = f"more than the pin of {model} conflicts here"
    raise UserError(what, where=path, fix=f"resolve {path} by hand, then run this again")


def _replace(root: Path, path: str, data: bytes) -> bool:
    """Write a file unless it is so already; whether it was written."""
    target = disk.inside(root, path)
    if target.is_file() and disk.read_bytes(target, disk.STATE_LIMIT) == data:
        return False
    disk.write_atomic(target, data)
    return True
