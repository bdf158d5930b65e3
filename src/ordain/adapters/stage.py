"""What every stage script shares: typed parameters in, whole files out, a clear word when it fails.

DVC runs a stage in `pipelines/<model>/` with the repository as `--root`. The wall time of every stage
goes to `.ordain/local/timings.jsonl`, never into an output, so that two equal runs stay equal.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
import yaml

from ordain.adapters.files import read_bytes, write_atomic
from ordain.core.yaml import yaml12
from ordain.errors import RetryLater, UserError

EXIT_ERROR, EXIT_RETRY = 1, 75
TIMINGS = ".ordain/local/timings.jsonl"
T = TypeVar("T")


class Stage:
    """One run of one stage.

    Attributes:
        name: such as `train`.
        root: the repository.
        folder: the model's pipeline folder, where inputs are read and outputs written.
        model: the model's name, which is the folder's.
        candidate: which candidate, for the stages that run once per candidate; else an empty string.
    """

    def __init__(self, name: str, root: Path, candidate: str = "") -> None:
        self.name, self.root, self.candidate = name, root, candidate
        self.folder = Path()
        self.model = Path.cwd().name

    def params(self, kind: type[T]) -> T:
        """The sections of `params.yaml` that the stage declares, typed.

        Raises:
            UserError: when the file is absent or does not have them.
        """
        try:
            plain = yaml12.load(read_bytes(self.folder / "params.yaml"))
            return msgspec.convert(plain, kind)
        except (yaml.YAMLError, msgspec.ValidationError) as error:
            raise UserError(
                f"not the parameters that Ordain generates: {error}",
                where="params.yaml",
                fix="run `ordain run`, which writes the file again",
            ) from error

    def path(self, relative: str) -> Path:
        """A file of the pipeline folder."""
        return self.folder / relative

    def read_json(self, relative: str) -> Any:
        """A JSON file of an earlier stage.

        Raises:
            UserError: when it is absent or damaged.
        """
        try:
            return msgspec.json.decode(read_bytes(self.path(relative)))
        except msgspec.DecodeError as error:
            fix = "remove it and run `ordain run` again"
            raise UserError(f"not whole JSON: {error}", where=relative, fix=fix) from error

    def write_json(self, relative: str, value: Any) -> None:
        """Write a record: sorted keys, two spaces, a final newline, six digits."""
        text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        write_atomic(self.path(relative), text.encode("utf-8") + b"\n")


def run(name: str, work: Callable[[Stage], None], arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a stage script and leave the process.

    Args:
        name: the stage; `train` and `evaluate` ask for `--candidate`.
        work: reads, calls one function, writes.
        arguments: default: the process's own.
    """
    parser = argparse.ArgumentParser(prog=f"stages/{name}.py")
    parser.add_argument("--root", type=Path, default=Path("../.."), help="the repository")
    if name in {"train", "evaluate"}:
        parser.add_argument("--candidate", required=True, help="a candidate of params.yaml")
    given = parser.parse_args(arguments)
    stage = Stage(name, given.root, getattr(given, "candidate", ""))
    began = time.perf_counter()
    try:
        work(stage)
    except UserError as error:
        sys.exit(_failed(stage, error))
    except RetryLater as error:
        print(f"later: {_place(stage)}: {error.what}", file=sys.stderr)
        sys.exit(EXIT_RETRY)
    _note_time(stage, time.perf_counter() - began)
    sys.exit(0)


def _place(stage: Stage) -> str:
    """Such as `churn / train / xgboost`."""
    return " / ".join(filter(None, (stage.model, stage.name, stage.candidate)))


def _failed(stage: Stage, error: UserError) -> int:
    where = f"{_place(stage)} / {error.where}" if error.where else _place(stage)
    print(f"error: {where}: {error.what}", file=sys.stderr)
    if error.fix:
        print(f"  fix: {error.fix}", file=sys.stderr)
    return EXIT_ERROR


def _note_time(stage: Stage, seconds: float) -> None:
    """Append one line; an append below 4 KiB is whole even when stages run at once."""
    line = {
        "model": stage.model,
        "stage": stage.name,
        "candidate": stage.candidate,
        "seconds": round(seconds, 3),
    }
    path = stage.root / TIMINGS
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
    except OSError as error:  # a time is a convenience: its loss must not fail a stage that succeeded
        print(f"note: the stage's time was not kept: {error}", file=sys.stderr)
