"""`ordain data take`: a new delivery in the place of a model's data, rewritten as `ordain init` did."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters import scratch
from ordain.adapters.datasource import BYTE_LIMIT
from ordain.core.state.instance import is_state_path, read_instance
from ordain.errors import UserError
from ordain.services.setup.init_model import Unknown, plain_data
from ordain.services.training.run import chosen


class Taken(Struct, frozen=True, kw_only=True):
    """What was done: the file that holds the data now, its rows, and what of the delivery was rewritten."""

    path: str
    rows: int
    notes: tuple[str, ...]
    next: str


def take(root: Path, model: str, delivery: Path) -> Taken:
    """Hold a file to the model's contract and put it where the model's pipeline reads.

    Args:
        root: the repository. model: its name. delivery: a file as the one that `ordain init` was given.

    Raises:
        UserError: no such model or file; a model whose data is behind a URL; a file that breaks the contract,
            with columns and rows. Nothing was written then.
    """
    from ordain.learn.contract import Checked, check
    from ordain.learn.ingest import ingest

    instance = read_instance(disk.read_state(root, is_state_path))
    spec = instance.models.models[chosen(instance, [model])[0]]
    path = spec.data.source.path
    if path is None:
        what = f"the data of `{model}` is behind a URL, and so is new data"
        raise UserError(what, where="models.yaml", fix=f"put it there, then: ordain data pin {model}")
    if not delivery.is_file():
        raise UserError("there is no such data file", where=str(delivery), fix="name a CSV or Parquet file")
    kind, data = spec.data.source.format, disk.read_bytes(delivery, BYTE_LIMIT)
    try:
        plain = plain_data(Unknown(name=model, source=delivery, kind=kind, data=data), spec.data.target)
    except ValueError as error:
        raise UserError(str(error), where=str(delivery), fix="correct the file") from error
    try:
        rows = scratch.as_rows(ingest(scratch.as_source(plain.data, kind, delivery), spec.data))
        check(rows, Checked(task=spec.task, data=spec.data))
    except UserError as error:
        raise UserError(error.what, where=error.where or str(delivery), fix=error.fix) from error
    disk.write_atomic(disk.inside(root, path), plain.data)
    keep = f"{'dvc' if disk.inside(root, f'{path}.dvc').is_file() else 'git'} add {path}"
    return Taken(path=path, rows=len(rows), notes=plain.notes, next=f"{keep}, then: ordain run {model}")
