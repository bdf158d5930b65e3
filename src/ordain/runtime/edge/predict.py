#!/usr/bin/env python3
"""Score rows on a device. Needs Python 3.10, numpy and onnxruntime; no network, and nothing else of Ordain.

    python3 predict.py --signers FILE < rows.jsonl > answers.jsonl

One JSON object a line, columns by name; one answer a line, in the same order. The bundle that this file
lies in is verified first, every time (`verify.py`). In a program of your own:

    from predict import Predictor
    predictor = Predictor("/srv/model/current", "/etc/ordain/allowed_signers")
    predictor.predict([{"tenure": 3, "contract": "Month-to-month"}])

Values outside the contract are refused or let through as the release's spec says, as in `ordain serve`.
"""

from __future__ import annotations

import argparse
import codecs
import datetime as dt
import json
import math
import os
import re
import select
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

# ONNX Runtime sends events to its vendor unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

try:  # the file beside this one, before anything that it has not checked
    import verify  # type: ignore[import-not-found]
except ImportError:
    if __name__ == "__main__":
        sys.exit("refused: verify.py is missing")
    raise

EPOCH = dt.date(1970, 1, 1).toordinal()
FLOAT_MAX = 3.4028234663852886e38  # the largest finite 32-bit float
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NAMED = 10  # faults that a refusal names
BATCH = 256  # rows that are scored in one run
LINE = 2**20  # bytes of a row
ALWAYS_REFUSED = ("type", "infinite")  # no number could stand for these
ABSENT = object()


class InvalidInputError(ValueError):
    """Rows that break the model's contract."""


class Predictor:
    """A verified bundle, loaded.

    Args:
        folder: the unpacked bundle. signers: the keys that may sign, as OpenSSH's `allowed_signers`.
        threads: of ONNX Runtime, for one run.

    Raises:
        verify.RefusedError: when the bundle is not what somebody signed; nothing is loaded then.
    """

    def __init__(self, folder: str | Path, signers: str | Path, threads: int = 1) -> None:
        self.manifest, files = verify.verify(Path(folder), Path(signers))
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        # From the bytes that were verified: a file could have changed since.
        self._session = onnxruntime.InferenceSession(files["model.onnx"], options, providers=providers)
        self._signature = json.loads(files["signature.json"])
        self._refuses_all = self.manifest["invalid_input"] == "reject"

    def predict(self, rows: Sequence[dict[str, Any]], first: int = 0) -> list[dict[str, Any]]:
        """One answer a row: `label` and `probabilities` by class, or `prediction` of a regression.

        Args:
            first: the number by which a refusal names the first of these rows.

        Raises:
            InvalidInputError: naming rows and columns, never a value.
        """
        if not rows:
            return []
        return self._scored(self._feed(rows, first, refuses_all=self._refuses_all))

    def check(self) -> None:
        """Score one plausible row.

        Raises:
            verify.RefusedError: when the answer is no number.
        """
        row = {
            each["name"]: (each.get("categories") or [each.get("min")])[0]
            for each in self._signature["features"]
        }
        (answer,) = self._scored(self._feed([row], 0, refuses_all=False))
        scores = answer.get("probabilities", answer).values()
        if not all(math.isfinite(each) for each in scores):
            raise verify.RefusedError("the model answers with something that is no number")

    def _scored(self, feed: dict[str, Any]) -> list[dict[str, Any]]:
        (answers,) = self._session.run([self._signature["graph"]["output"]], feed)
        return [self._answer(each) for each in answers.tolist()]

    def _feed(self, rows: Sequence[dict[str, Any]], first: int, *, refuses_all: bool) -> dict[str, Any]:
        """The graph's tensors, of rows that the contract lets through."""
        import numpy as np

        faults: list[tuple[str, str]] = []
        tensors: dict[str, list[list[Any]]] = {name: [] for name in self._signature["graph"]["inputs"]}
        features = sorted(self._signature["features"], key=lambda each: each["index"])
        known = {each["name"] for each in features}
        for number, row in enumerate(rows, first):
            faults += [("extra_column", f"row {number}: a column is unknown")] * (not row.keys() <= known)
            packed: dict[str, list[Any]] = {name: [] for name in tensors}
            for feature in features:
                value, fault = self._value(feature, row.get(feature["name"], ABSENT))
                packed[feature["tensor"]].append(value)
                if fault:
                    faults.append((fault, f"row {number}, column `{feature['name']}`: {fault}"))
            for name, values in packed.items():
                tensors[name].append(values)
        said = [text for fault, text in faults if refuses_all or fault in ALWAYS_REFUSED]
        if said:
            raise InvalidInputError("; ".join(said[:NAMED]))
        kinds = {"strings": object, "floats": np.float32}
        return {name: np.array(values, dtype=kinds[name]) for name, values in tensors.items()}

    def _value(self, feature: dict[str, Any], value: Any) -> tuple[Any, str]:
        """A value as the graph takes it, and what is wrong with it, if anything."""
        text = feature["tensor"] == "strings"
        token = self._signature["missing_string"]
        missing = value is None or value is ABSENT or (isinstance(value, float) and math.isnan(value))
        if missing or (text and isinstance(value, str) and value in ("", token)):
            fault = "" if feature["nullable"] else "missing_value"
            return (token if text else math.nan), "missing_column" if value is ABSENT else fault
        converted, fault = convert(feature["type"], value)
        return (converted, fault) if fault else (converted, _limits(feature, converted))

    def _answer(self, scores: list[float]) -> dict[str, Any]:
        classes = self._signature.get("classes")
        if classes is None:
            return {"prediction": scores[0]}
        place = scores.index(max(scores))
        if self._signature["task"] == "binary":
            place = int(scores[1] >= self._signature["threshold"])
        return {"label": classes[place], "probabilities": dict(zip(classes, scores, strict=True))}


def convert(kind: str, value: Any) -> tuple[Any, str]:
    """A value of a column's type as text or number, and the fault when it is of another type."""
    if kind == "string":
        return (value, "") if _is_text(value) else ("", "type")
    if kind == "date":
        return _day(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return (float(value), "") if kind == "boolean" and isinstance(value, bool) else (math.nan, "type")
    if kind == "boolean":
        return (float(value), "") if value in (0, 1) else (math.nan, "type")
    if abs(value) > FLOAT_MAX:
        return math.nan, "infinite"
    return (float(value), "") if kind == "number" or float(value).is_integer() else (math.nan, "type")


def _day(value: Any) -> tuple[float, str]:
    """A date as days since 1970-01-01. A number is none: days, seconds and 20200229 look alike."""
    try:
        day = dt.date.fromisoformat(value) if isinstance(value, str) and DAY.fullmatch(value) else None
    except ValueError:
        day = None
    return (float(day.toordinal() - EPOCH), "") if day else (math.nan, "type")


def _is_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and value.encode("utf-8") is not None
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _limits(feature: dict[str, Any], value: Any) -> str:
    """Whether a value is outside the contract's categories or, as 32 bits hold it, its range."""
    import numpy as np

    if feature.get("categories") is not None and value not in feature["categories"]:
        return "unknown_category"
    low, high = feature.get("min"), feature.get("max")
    if low is not None and np.float32(value) < np.float32(low):
        return "out_of_range"
    return "out_of_range" if high is not None and np.float32(value) > np.float32(high) else ""


def batches(stream: IO[bytes]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Rows of JSON lines in UTF-8, some at a time, each time with the number of the first one, from 0.

    No row waits for one that is not there yet: a feed may pause.

    Raises:
        InvalidInputError: naming the row that is none.
    """
    rows: list[dict[str, Any]] = []
    number = 0
    mark = codecs.BOM_UTF8  # what Windows programs write at the start of a file
    while line := stream.readline(LINE):
        if len(line) == LINE:
            raise InvalidInputError(f"row {number + len(rows)}: longer than a row may be")
        line, mark = line.removeprefix(mark), b""
        if line.strip():
            rows.append(_row(line, number + len(rows)))
        if len(rows) == BATCH or (rows and not _more(stream)):
            yield number, rows
            number, rows = number + len(rows), []
    yield number, rows


def _more(stream: IO[bytes]) -> bool:
    """Whether reading on would not wait, as far as the system can tell."""
    try:
        return bool(select.select([stream], [], [], 0)[0])
    except (OSError, ValueError):  # there is no descriptor to ask about
        return True


def _row(line: bytes, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise InvalidInputError(f"row {number}: not one JSON object")
    return row


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _answer(predictor: Predictor) -> int:
    """Standard input to standard output; 2 when rows are refused, 1 when nothing more can be written."""
    try:
        for number, rows in batches(sys.stdin.buffer):
            for answer in predictor.predict(rows, number):
                sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8") + b"\n")
            sys.stdout.buffer.flush()
    except ValueError as error:
        sys.stdout.buffer.flush()
        print(f"invalid rows: {error}", file=sys.stderr)
        return 2
    return 0


def main() -> int:
    """The command line; 1 when the bundle is refused or can't run, 2 when the rows are refused."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--signers", default=os.environ.get("ORDAIN_SIGNERS", verify.SIGNERS))
    parser.add_argument("--check", action="store_true", help="only verify and load")
    words = parser.parse_args()
    try:
        predictor = Predictor(Path(__file__).resolve().parent, words.signers)
        predictor.check()
    except Exception as error:  # noqa: BLE001 - whatever it is, this bundle does not run here
        print(f"refused: {error}", file=sys.stderr)
        return 1
    try:
        return 0 if words.check else _answer(predictor)
    except OSError as error:
        # Python would write what is left, and fail again, on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whoever reads the answers has seen enough
            return 0
        print(f"stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
