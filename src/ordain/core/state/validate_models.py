"""One model beyond its data: selection and gates; and its candidates."""

from __future__ import annotations

from collections.abc import Iterator

from ordain.core.metrics import METRICS, metrics_of
from ordain.core.problems import did_you_mean
from ordain.core.specs.spec import Candidate, Spec
from ordain.core.state.validate_data import Finding, unknown_column
from ordain.core.yaml.yamldoc import Path
from ordain.core.yaml.yamlscalars import Fault, shown

# An estimator is imported, so its package decides what code runs: these two and no others.
ALLOWED_PACKAGES = ("sklearn", "xgboost")


def selection_faults(spec: Spec, path: Path) -> Iterator[Finding]:
    """A selection by a metric that the task does not have."""
    yield from _metric(spec.selection.metric, spec.task, (*path, "selection", "metric"))


def gate_names(spec: Spec) -> tuple[str, ...]:
    """The names under which a model's gates give their verdicts; waivers use them."""
    gates = spec.gates
    names = [f"quality.{gate.metric}" for gate in gates.quality]
    if gates.non_inferiority:
        names.append(f"non_inferiority.{gates.non_inferiority.metric}")
    names += [f"fairness.{gate.column}" for gate in gates.fairness]
    optional = {"calibration": gates.calibration, "latency": gates.latency, "size": gates.size}
    return (*names, "parity", *(name for name, gate in optional.items() if gate))


def gate_faults(spec: Spec, path: Path) -> Iterator[Finding]:
    """Everything wrong with `gates`.

    Args:
        spec: the model. path: of its `gates` in `models.yaml`.
    """
    yield from _quality(spec, (*path, "quality"))
    if spec.gates.non_inferiority:
        where = (*path, "non_inferiority", "metric")
        yield from _metric(spec.gates.non_inferiority.metric, spec.task, where)
    if spec.gates.calibration and spec.task == "regression":
        message = "a regression gives no probability that could be calibrated"
        yield (*path, "calibration"), Fault("gate-for-other-task", message, "remove the gate")
    yield from _fairness(spec, (*path, "fairness"))


def estimator_fault(candidate: Candidate) -> Fault | None:
    """Why an import path may not be imported, if it may not."""
    package, *rest = candidate.estimator.split(".")
    listed = " or ".join(ALLOWED_PACKAGES)
    if package not in ALLOWED_PACKAGES:
        advice = did_you_mean(package, ALLOWED_PACKAGES) or f"choose an estimator of {listed}"
        return Fault("estimator", f"`{shown(package)}` is none of {' and '.join(ALLOWED_PACKAGES)}", advice)
    private = [each for each in rest if each.startswith("_")]
    if private:
        message = f"`{shown(private[0])}` is a private name of {package}"
        return Fault("estimator", message, "choose a public class")
    return None


def _quality(spec: Spec, path: Path) -> Iterator[Finding]:
    seen: list[str] = []
    for place, gate in enumerate(spec.gates.quality):
        where = (*path, place)
        yield from _metric(gate.metric, spec.task, (*where, "metric"))
        if gate.metric in seen:
            message = f"there is a quality gate on `{shown(gate.metric)}` already"
            yield (*where, "metric"), Fault("repeated", message, "give one gate both `min` and `max`")
        seen.append(gate.metric)
        if gate.min is not None and gate.max is not None:
            if gate.min > gate.max:
                message = f"`min` {gate.min:g} is greater than `max` {gate.max:g}"
                yield (*where, "min"), Fault("min-above-max", message)
        elif gate.min is None and gate.max is None:
            message = "a gate with neither `min` nor `max` passes everything"
            yield where, Fault("gate-without-bound", message, "give one")
        elif gate.metric in METRICS:
            given, wanted = ("min", "max") if gate.max is None else ("max", "min")
            if METRICS[gate.metric].greater_is_better == (given == "max"):
                better = "greater" if wanted == "min" else "smaller"
                message = f"{better} is better for {gate.metric}, so `{given}` alone bounds nothing bad"
                yield (*where, given), Fault("gate-bound", message, f"write `{wanted}`")


def _fairness(spec: Spec, path: Path) -> Iterator[Finding]:
    data = spec.data
    seen: list[str] = []
    for place, gate in enumerate(spec.gates.fairness):
        where = (*path, place)
        if gate.column not in data.columns:
            yield (*where, "column"), unknown_column(gate.column, data)
        elif gate.column not in data.sensitive:
            message = f"`{gate.column}` is not declared sensitive"
            yield (*where, "column"), Fault("not-sensitive", message, "add it to `data.sensitive`")
        if gate.column in seen:
            message = f"there is a fairness gate on `{gate.column}` already"
            yield (*where, "column"), Fault("repeated", message, "keep one of the two")
        seen.append(gate.column)
        if spec.task == "regression" or (spec.task == "multiclass" and data.positive is None):
            message = f"`{gate.metric}` compares how often groups are given the positive label"
            advice = "remove the gate" if spec.task == "regression" else "name one in `data.positive`"
            yield where, Fault("gate-for-other-task", message, advice)


def _metric(name: str, task: str, path: Path) -> Iterator[Finding]:
    known = metrics_of(task)
    if name not in known:
        other = f"; it is one of {' and '.join(METRICS[name].tasks)}" if name in METRICS else ""
        advice = did_you_mean(name, known) or f"one of {', '.join(known)}"
        yield path, Fault("unknown-metric", f"`{shown(name)}` is no metric of a {task} task{other}", advice)
