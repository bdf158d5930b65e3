"""`ordain data check` and `ordain data pin`: is the data still what the models were trained on?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from ordain.adapters import files as disk
from ordain.adapters.sources import look
from ordain.adapters.working_tree import content
from ordain.core.data import pins
from ordain.core.pipelines.dvcfiles import tracked_md5
from ordain.core.pipelines.pipeline import FOLDER, UP
from ordain.core.specs.spec import Spec
from ordain.core.state.instance import Instance, is_state_path, read_instance
from ordain.errors import RetryLater, UserError
from ordain.services.training.run import chosen
from ordain.services.training.staleness import locked_stages

State = Literal["same", "new", "unpinned"]


class SourceState(Struct, frozen=True, kw_only=True):
    """One model's source.

    Attributes:
        state: `new` when something else is there than was trained on; `unpinned` when nothing says what
            was. told: what is different, in words.
        pin: what is there now; None for a file of the repository, which Git or DVC pins itself.
        faults: in which columns and rows new data breaks the contract; empty when it does not.
    """

    model: str
    source: str
    state: State
    told: str = ""
    pin: pins.Pin | None = None
    faults: str = ""


class Unread(Struct, frozen=True, kw_only=True):
    """A model whose source could not be looked at, and why: nothing is there, or its host is away."""

    model: str
    error: UserError | RetryLater


def check_each(root: Path, models: Sequence[str]) -> tuple[SourceState | Unread, ...]:
    """Compare each source with its pin; nothing is written, and no source keeps the others from being seen.

    Args:
        root: the repository. models: names; none means every model.

    Raises:
        UserError: the declared state is none, or has no such model.
    """
    place = root.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    return tuple(_looked(place, instance, each) for each in chosen(instance, models))


def _looked(root: Path, instance: Instance, model: str) -> SourceState | Unread:
    try:
        return held_to_contract(root, instance, state_of(root, instance, model))
    except (UserError, RetryLater) as error:
        return Unread(model=model, error=error)


def check(root: Path, models: Sequence[str]) -> tuple[SourceState, ...]:
    """The same where every source has to be there.

    Raises:
        UserError: nothing is there, or a pin is none. RetryLater: a host did not answer.
    """
    found = []
    for each in check_each(root, models):
        if isinstance(each, Unread):
            raise each.error
        found.append(each)
    return tuple(found)


def held_to_contract(root: Path, instance: Instance, state: SourceState) -> SourceState:
    """The state, with everything in which new data breaks its contract, as the pipeline would say it."""
    spec = instance.models.models[state.model]
    path = spec.data.source.path
    if state.state == "same" or (path is not None and not disk.inside(root, path).is_file()):
        return state
    from ordain.adapters.datasource import read_source

    try:
        error = breach(read_source(root, spec.data.source, state.pin), spec)
    except UserError as unreadable:
        error = unreadable
    return replace(state, faults=str(error)) if error else state


def breach(table: Any, spec: Spec) -> UserError | None:
    """What the stages `ingest` and `contract` end with; None when the data passes both.

    Args:
        table: of `adapters.datasource.read_source`.
    """
    from ordain.adapters.scratch import as_rows
    from ordain.learn import contract
    from ordain.learn.ingest import ingest

    try:
        contract.check(as_rows(ingest(table, spec.data)), contract.Checked(task=spec.task, data=spec.data))
    except UserError as error:
        return error
    return None


def pin(root: Path, models: Sequence[str]) -> tuple[SourceState, ...]:
    """Pin what is there now, where that is something else.

    Raises:
        UserError, RetryLater: as `check`; nothing is written then.
    """
    found = check(root, models)
    for each in found:
        if each.pin is not None and each.state != "same":
            disk.write_atomic(disk.inside(root.resolve(), path_of(each.model)), pins.encode(each.pin))
    return found


def path_of(model: str) -> str:
    """Where a model's pin lies in the repository."""
    return f"{FOLDER}/{model}/{pins.FILE}"


def state_of(root: Path, instance: Instance, model: str) -> SourceState:
    """One model's source against its pin, or against the lock when it is a file."""
    source = instance.models.models[model].data.source
    if source.path is not None:
        return _file_state(root, model, source.path)
    url, known = source.url or "", pinned(root, model)
    now = look(url, known)
    told = pins.difference(known, now).told
    state: State = "unpinned" if known is None else ("new" if told else "same")
    return SourceState(model=model, source=url, state=state, told=told, pin=now)


def pinned(root: Path, model: str) -> pins.Pin | None:
    """The pin that lies here."""
    known = content(root, path_of(model))
    return None if known is None else pins.decode(known, path_of(model))


def _file_state(root: Path, model: str, path: str) -> SourceState:
    lock = f"{FOLDER}/{model}/dvc.lock"
    stages = locked_stages(lock, content(root, lock))
    rows = stages.get("ingest", {}).get("deps") or []
    trained = next((each.get("md5") for each in rows if each.get("path") == f"{UP}{path}"), None)
    if trained is None:
        return SourceState(model=model, source=path, state="unpinned", told="the pipeline never ran on it")
    if file_md5(root, path) == trained:
        return SourceState(model=model, source=path, state="same")
    return SourceState(model=model, source=path, state="new", told=f"1 changed: {path}")


def file_md5(root: Path, path: str) -> str:
    """The MD5 of a data file, or what its `.dvc` file says where DVC holds it and it is not here.

    Raises:
        UserError: when there is neither, or as `dvcfiles.tracked_md5`.
    """
    target, tracked = disk.inside(root, path), disk.inside(root, f"{path}.dvc")
    if target.is_file():
        return disk.hash_file(target, "md5")[0]
    if not tracked.is_file():
        raise UserError(
            "the data file does not exist", where=path, fix="ordain data pull, or correct models.yaml"
        )
    return tracked_md5(disk.read_bytes(tracked, disk.STATE_LIMIT), f"{path}.dvc")


def evidence(state: SourceState) -> bytes:
    """What `ordain retrain --because` reads: that there is new data, and which."""
    broken = [{"kind": "contract", "alarm": True, "detail": state.faults}] if state.faults else []
    findings = [{"kind": "new-data", "alarm": True, "detail": state.told}, *broken]
    pieces = [{"url": each.url, "sha256": each.sha256} for each in state.pin.pieces] if state.pin else []
    body = {"model": state.model, "source": state.source, "findings": findings, "pieces": pieces}
    return (json.dumps(body, indent=2, sort_keys=True) + "\n").encode()
