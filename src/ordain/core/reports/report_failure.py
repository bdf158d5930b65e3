"""The comment on a commit whose checks failed: what stopped it, before what merging it would change.

A comment tells of the newest commit. Where training or a gate stops the jobs that end in the usual report,
this one takes its place, so that no older verdict stands there as if it were still true.
"""

from __future__ import annotations

from collections.abc import Iterator

from ordain.core.data.broken import Fault
from ordain.core.escaping import LONGEST, code, markdown, number, short, visible
from ordain.core.gating.verdicts import Verdict
from ordain.core.people.request import Status
from ordain.core.plans.plan import Plan
from ordain.core.problems import Problem
from ordain.core.releasing.refused import Refused
from ordain.core.reports.report import count, interval, listed
from ordain.core.reports.report_sections import folded, grid
from ordain.core.reports.report_status import CONTEXT, DESCRIPTION, WHOLE, statuses
from ordain.core.value import Value

_MOST = 20


class Stopped(Value, frozen=True, kw_only=True):
    """A model whose pipeline did not run to its end.

    Attributes:
        at: stages that could run next, of which one failed, if training began.
        left: how many have yet to run, those included.
        ended: whether any ran to its end; if none did, nothing tells that one began.
        faults: in which its data breaks the contract, where that is what it stopped at.
    """

    model: str
    at: tuple[str, ...]
    left: int
    ended: bool = True
    faults: tuple[Fault, ...] = ()

    @property
    def where(self) -> str:
        """In a few words, after `training` or `training of churn`."""
        if self.faults:
            return f"stopped at {listed(self.at, 2)}: its data breaks the contract"
        return f"stopped {'at' if self.ended else 'at or before'} {listed(self.at, 2)}"


class Failure(Value, frozen=True, kw_only=True):
    """Why the jobs of a commit failed, as far as what they left can tell.

    Attributes:
        problems: of the declared state. stopped: by training. refused: by gates, or by what judging needs.
        unplanned: why it can't be said what merging would change; empty when it can.
    """

    commit: str
    problems: tuple[Problem, ...] = ()
    stopped: tuple[Stopped, ...] = ()
    refused: tuple[Refused, ...] = ()
    unplanned: str = ""


def headline(failure: Failure) -> str:
    """`Failed at 1234567: 2 problems in the declared state; training of churn stopped at gate`."""
    said = [f"{count(len(failure.problems), 'problem')} in the declared state"] if failure.problems else []
    said += [f"training of {each.model} {each.where}" for each in failure.stopped[:3]]
    if len(failure.stopped) > 3:
        said.append(f"and of {len(failure.stopped) - 3} more")
    if failure.refused:
        said.append(f"not released: {listed([each.model for each in failure.refused])}")
    return f"Failed at {short(failure.commit, 7)}: {'; '.join(said) or 'a job failed, and its log says why'}"


def sections(failure: Failure) -> Iterator[str]:
    """What there is to say of each reason, in Markdown."""
    if failure.problems:
        yield _problems(failure.problems)
    yield from map(_stopped, failure.stopped[:_MOST])
    for refused in failure.refused[:_MOST]:
        yield f"#### {code(refused.model)}: not released\n\n> {_first(refused.what)}"
        if refused.verdicts:
            yield _verdicts(refused.verdicts)
    if failure.unplanned:
        yield f"What merging would change can't be said: {markdown(failure.unplanned)}"


def _stopped(stopped: Stopped) -> str:
    stages, left = ", ".join(map(code, stopped.at[:_MOST])), count(stopped.left, "stage")
    if stopped.faults:
        said = f"Stopped at {stages}: its data breaks the contract. {left} have yet to run."
        said += f"\n\n{_faults(stopped)}"
    elif stopped.ended:
        said = f"Stopped at {stages}; {left} have yet to run. The log of its training job says why."
    else:
        said = (
            "No stage ran to its end: training did not begin (its data could not be fetched, or a job failed "
            f"before it), or what it began with failed: {stages}. {left} have yet to run. The log of its "
            "training job, or of the first job that failed, says why."
        )
    return f"#### {code(stopped.model)}: training did not end\n\n{said}"


def _faults(stopped: Stopped) -> str:
    """Which columns and rows, and what was expected of them."""
    rows = [[code(each.column), markdown(_clipped(each.what))] for each in stopped.faults[:_MOST]]
    more = len(stopped.faults) - len(rows)
    table = grid(["column", "what breaks the contract"], rows)
    return f"{table}\n\n_and {more} more: `ordain data faults`_" if more > 0 else table


def _clipped(text: str) -> str:
    """Both ends of a sentence that is too long: the count is in the first, the rows are in the last."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[3 - LONGEST // 2 :]}"


def _first(text: str) -> str:
    return markdown(text.partition("\n")[0])


def _problems(problems: tuple[Problem, ...]) -> str:
    rows = [
        [code(f"{each.file}:{each.line}" if each.line else each.file), code(each.key),
         markdown(each.message), markdown(each.suggestion)]
        for each in problems[:_MOST]
    ]  # fmt: skip
    more = len(problems) - len(rows)
    table = grid(["where", "key", "problem", "what to do"], rows)
    return f"{table}\n\n_and {more} more: `ordain check`_" if more > 0 else table


def _verdicts(verdicts: tuple[Verdict, ...]) -> str:
    """Every gate, those that block first."""
    rows = [
        [each.outcome, code(each.gate), f"{number(each.value)} {interval(each.interval)}".rstrip(),
         f"{each.bound:g}" if each.bound is not None else "", markdown(each.detail)]
        for each in sorted(verdicts, key=lambda each: each.outcome == "pass")
    ]  # fmt: skip
    blocking = sum(each.outcome != "pass" for each in verdicts)
    summary = f"{count(len(verdicts), 'gate')}: {len(verdicts) - blocking} pass, {blocking} do not"
    return folded(summary, grid(["verdict", "gate", "value", "bound", "note"], rows), unfolded=True)


def statuses_of(plan: Plan | None, failure: Failure | None) -> tuple[Status, ...]:
    """Those of the plan; beside a failure `failure` for the whole, and for each model that is the reason."""
    if failure is None:
        return statuses(plan) if plan else ()
    told = {each.model: f"training {each.where}" for each in failure.stopped}
    told |= {each.model: each.what.partition("\n")[0] for each in failure.refused}
    named = [(WHOLE, headline(failure)), *((f"ordain/{name}", said) for name, said in sorted(told.items()))]
    return tuple(
        Status(name=visible(name, CONTEXT - 1), state="failure", description=visible(said, DESCRIPTION - 1))
        for name, said in named
    )
