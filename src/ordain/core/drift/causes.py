"""Why a model's world may have changed: suspicions in the order of how well they explain what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ordain.core.drift.evidence import Cause, Finding, Kind

_INPUTS: frozenset[Kind] = frozenset({"drift", "unseen-categories", "out-of-range", "joint-shift"})


def suspected(findings: Sequence[Finding]) -> tuple[Cause, ...]:
    """Suspicions that the alarms support, the likeliest first.

    A changed schema or a broken feed explains everything that follows from it, so it comes before a
    change of the world; inputs that moved explain moved predictions; and only what inputs do not explain is
    a changed relation between them and labels. Labels that moved alone are such a change: the distribution
    of labels is the mean of the relation over the inputs, P(y) = sum over x of P(y|x) P(x).
    """
    alarms = [each for each in findings if each.alarm]
    return tuple(_causes(alarms))


def _causes(alarms: Sequence[Finding]) -> Iterator[Cause]:
    schema, filled = _columns(alarms, {"schema-change"}), _columns(_missing(alarms, less=True))
    missing = _columns(_missing(alarms, less=False))
    moved, target = _columns(alarms, _INPUTS), _columns(alarms, {"target-drift"})
    if schema:
        yield Cause(
            suspect="schema-change", because=f"{schema} no longer arrive as the model was made for them"
        )
    if missing:
        yield Cause(
            suspect="upstream-missingness", because=f"values of {missing} are missing as never before"
        )
    if filled:
        because = f"values of {filled} arrive that used to be missing: something fills them in now"
        yield Cause(suspect="upstream-filling", because=because)
    if moved:
        yield Cause(suspect="population-shift", because=f"{_how(alarms)}: {moved}")
    broken, answers = schema or missing or filled, _columns(alarms, {"prediction-drift"})
    if target and (broken or moved or answers):
        also = "as they may when inputs move" if broken or moved else "and so are predictions"
        yield Cause(suspect="label-shift", because=f"labels are distributed differently, {also}")
    elif target or (any(each.kind == "performance" for each in alarms) and not (broken or moved)):
        yield Cause(suspect="concept-shift", because=f"{_changed(target)}: what inputs mean has changed")


def _changed(target: str) -> str:
    """What shows a changed relation between inputs and labels."""
    if target:
        return "labels are distributed differently while neither inputs nor predictions moved"
    return "performance fell while neither inputs nor labels moved"


def _how(alarms: Sequence[Finding]) -> str:
    alone = any(each.kind in _INPUTS and each.kind != "joint-shift" for each in alarms)
    return "inputs moved" if alone else "inputs no longer go together as they did"


def _missing(alarms: Sequence[Finding], *, less: bool) -> list[Finding]:
    return [each for each in alarms if each.kind == "missingness" and (each.direction == "lower") is less]


def _columns(alarms: Sequence[Finding], kinds: frozenset[Kind] | set[Kind] | None = None) -> str:
    """The columns of the alarms of these kinds, or of all, in words; empty without any."""
    chosen = [each for each in alarms if kinds is None or each.kind in kinds]
    names = dict.fromkeys(name for each in chosen for name in each.columns)
    shown = list(names)[:8]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + more
