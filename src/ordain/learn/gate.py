"""Take every measurement that the gates need, on the graph that ships and the rows held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ordain.core.artifacts.signature import Signature
from ordain.core.canonical import bytes_digest
from ordain.core.gating import gates as rules
from ordain.core.gating.statistics import Interval
from ordain.core.gating.verdicts import Verdict
from ordain.core.specs.spec import Data, FairnessGate, Gates
from ordain.errors import UserError
from ordain.learn.bootstrap import intervals
from ordain.learn.curves import Points, curve_files
from ordain.learn.evaluate import answers_of, group_tables, metrics_report, positive_class
from ordain.learn.fairness import expected_groups, group_names, groups
from ordain.learn.graph import run_graph, session
from ordain.learn.metrics import MEASURES, Answers, measure
from ordain.learn.packing import pack
from ordain.learn.reference import largest_difference, reference_answers

MEGABYTE = 1_000_000
WARM_UP, CALLS, ROUNDS = 100, 400, 5


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What is judged, and by what.

    Attributes:
        model: bytes of the packaged graph; signature: the packaged one; size: the artifact's bytes.
        holdout: with labels; reference: see `learn.reference`.
        data, gates: as declared; seed: of the bootstrap.
        forms: the other ways in which the graph will run, from a frame to its answers.
    """

    model: bytes
    signature: Signature
    size: int
    holdout: pd.DataFrame
    reference: pd.DataFrame
    data: Data
    gates: Gates
    seed: int
    forms: Mapping[str, Callable[[pd.DataFrame], NDArray[np.float32]]] = {}


def check_packaged(files: Mapping[str, bytes], packaged: Mapping[str, str]) -> None:
    """What is judged must be, byte for byte, what was packaged.

    Raises:
        UserError: naming the file that differs.
    """
    for name, data in files.items():
        if packaged.get(name) != bytes_digest(data):
            raise UserError(
                "this is not the file that was packaged",
                where=f"export/{name}",
                fix="remove the `artifact` folder and run `ordain run` again",
            )


def judge(judged: Judged) -> tuple[dict[str, Any], dict[str, Points]]:
    """Every metric, verdict, group table and curve of the packaged graph on the holdout.

    Returns:
        `metrics`, `intervals`, `verdicts` and `groups` of `gates.json`, and the plot files.
    """
    loaded, signature = session(judged.model), judged.signature
    tensors = pack(judged.holdout, signature)
    output = run_graph(loaded, tensors, signature.graph.output)
    answers = answers_of(signature, judged.holdout[judged.data.target], output)
    ends = intervals(answers, judged.seed)
    verdicts = [
        *quality(judged.gates, answers, ends),
        *calibration(judged.gates, answers, ends),
        *fairness(judged, answers),
        parity(judged, loaded),
        *latency(judged, loaded, tensors),
        *size(judged),
    ]
    positive = positive_class(signature, judged.data)
    found = {} if positive is None else group_tables(answers, judged.holdout, judged.data, positive)
    report = {
        **metrics_report(answers, ends),
        "verdicts": msgspec.to_builtins(verdicts),
        "groups": found,
    }
    return report, curve_files(answers, signature.classes)


Ends = dict[str, Interval | None]


def quality(gates: Gates, answers: Answers, ends: Ends) -> list[Verdict]:
    """One verdict a declared metric; an unknown metric is `insufficient`."""
    known = MEASURES[answers.task]
    return [
        rules.quality(
            gate,
            measure(gate.metric, answers) if gate.metric in known else None,
            ends.get(gate.metric),
        )
        for gate in gates.quality
    ]


def calibration(gates: Gates, answers: Answers, ends: Ends) -> list[Verdict]:
    """The calibration error; a regression has none, so a gate on it is `insufficient`."""
    if gates.calibration is None:
        return []
    name, known = "calibration_error", MEASURES[answers.task]
    value = measure(name, answers) if name in known else None
    verdict = rules.at_most("calibration", value, gates.calibration.max, "the expected calibration error")
    return [msgspec.structs.replace(verdict, interval=rules.ends(ends.get(name)))]


def fairness(judged: Judged, answers: Answers) -> list[Verdict]:
    """All fairness gates as one family: the more is compared, the wider every interval."""
    positive = positive_class(judged.signature, judged.data)
    if positive is None:
        return [_undefined(gate) for gate in judged.gates.fairness]
    found = {
        gate.column: groups(
            answers,
            group_names(judged.holdout[gate.column]),
            expected_groups(judged.data.columns[gate.column]),
            positive,
        )
        for gate in judged.gates.fairness
    }
    family = rules.comparisons(judged.gates.fairness, found)
    return [rules.fairness(gate, found[gate.column], family) for gate in judged.gates.fairness]


def _undefined(gate: FairnessGate) -> Verdict:
    return Verdict(
        gate=f"fairness.{gate.column}",
        outcome="insufficient",
        bound=gate.max,
        detail=f"{gate.metric} needs a positive label, and this task has none",
    )


def parity(judged: Judged, loaded: Any) -> Verdict:
    """The graph, in every form, against the training pipeline's own answers: every holdout row and probe."""
    signature = judged.signature
    ours = run_graph(loaded, pack(judged.reference, signature), signature.graph.output)
    theirs = reference_answers(judged.reference, signature)
    answers = [ours, *(ask(judged.reference) for ask in judged.forms.values())]
    gap = float(np.max([largest_difference(each, theirs, signature.task) for each in answers]))
    how = f" and {len(answers)} forms" if judged.forms else ""
    what = f"the largest difference over {len(theirs)} rows{how}, unseen and missing values included,"
    return rules.at_most("parity", gap, judged.gates.parity.max_difference, what)


def latency(judged: Judged, loaded: Any, tensors: dict[str, NDArray[Any]]) -> list[Verdict]:
    """The 99th percentile of single-row calls, in the calmest of five rounds.

    Other work on the machine only ever adds time, so the best round is the closest to the graph's own.
    """
    if judged.gates.latency is None:
        return []
    rows = len(judged.holdout)
    singles = [
        {name: each[row : row + 1] for name, each in tensors.items()} for row in range(min(rows, CALLS))
    ]
    output: list[str] = [judged.signature.graph.output]
    for number in range(WARM_UP):
        loaded.run(output, singles[number % len(singles)])
    rounds = [_p99(loaded, output, singles) for _ in range(ROUNDS)]
    return [rules.latency(min(rounds), judged.gates.latency.p99_ms)]


def _p99(loaded: Any, output: list[str], singles: list[dict[str, NDArray[Any]]]) -> float:
    times = np.empty(CALLS)
    for number in range(CALLS):
        began = time.perf_counter()
        loaded.run(output, singles[number % len(singles)])
        times[number] = time.perf_counter() - began
    return float(np.percentile(times, 99) * 1000)


def size(judged: Judged) -> list[Verdict]:
    """The artifact's size in megabytes (10^6 bytes)."""
    if judged.gates.size is None:
        return []
    return [
        rules.at_most("size", judged.size / MEGABYTE, judged.gates.size.max_mb, "the artifact's size in MB")
    ]
