"""The plan as commit statuses: one for the whole, which a branch can require, and one a changed model.

`pending` waits for people or for a run; `failure` is blocked by something else.
"""

from __future__ import annotations

from collections.abc import Sequence

from ordain.core.escaping import visible
from ordain.core.people.request import Status, StatusState
from ordain.core.plans.plan import Item, Plan
from ordain.core.rendering.gitops import TOOLS
from ordain.core.reports.report import lasting, movement, standing, verdict
from ordain.core.specs.governance import POLICY, SHARED

WHOLE = "ordain/plan"
# GitHub's limit, the smaller one; a context has 255 on either forge.
DESCRIPTION, CONTEXT = 140, 255


def statuses(plan: Plan) -> tuple[Status, ...]:
    """The whole first, then by name."""
    subjects: dict[str, list[tuple[StatusState, str]]] = {}
    for item in plan.changes:
        subjects.setdefault(_subject(item), []).append((_state(item), _said(item)))
    for stale in plan.stale:
        cost = "" if stale.seconds is None else f", about {lasting(stale.seconds)}"
        said = f"pipeline would run {len(stale.stages)} stages{cost}"
        subjects.setdefault(stale.model, []).append(("pending", said))
    every = [state for parts in subjects.values() for state, _ in parts]
    whole = Status(name=WHOLE, state=worst(every), description=visible(verdict(plan), DESCRIPTION - 1))
    return (whole, *(_status(name, parts) for name, parts in sorted(subjects.items())))


def worst(states: Sequence[StatusState]) -> StatusState:
    """The one that counts."""
    order: tuple[StatusState, ...] = ("failure", "pending", "success")
    return next((each for each in order if each in states), "success")


def _status(name: str, parts: Sequence[tuple[StatusState, str]]) -> Status:
    described = "; ".join(said for _, said in parts)
    return Status(
        name=visible(f"ordain/{name}", CONTEXT - 1),
        state=worst([state for state, _ in parts]),
        description=visible(described, DESCRIPTION - 1),
    )


def _subject(item: Item) -> str:
    """The model; what no model owns goes by its kind."""
    environment, model = item.target.environment, item.target.model
    if environment == POLICY:
        return "policy"
    return "environments" if model == SHARED or environment in TOOLS else model


def _state(item: Item) -> StatusState:
    if item.approved:
        return "success"
    return "pending" if standing(item).startswith("needs ") else "failure"


def _said(item: Item) -> str:
    moved = f" {movement(item)}" if movement(item) else ""
    return f"{item.target.environment.strip('_')}: {item.action}{moved} {standing(item)}"
