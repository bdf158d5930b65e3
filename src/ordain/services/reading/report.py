"""`ordain report`: the plan of a request as it stands on its forge, reviews included."""

from __future__ import annotations

from msgspec.structs import replace

from ordain.core.people.request import Request, standing
from ordain.core.plans.plan import Plan
from ordain.ports import Requests
from ordain.services.judging.witness import HIDDEN, AsMerged
from ordain.services.judging.workspace import Setting
from ordain.services.reading.plan import plan


def plan_request(setting: Setting, forge: Requests, number: int) -> Plan:
    """What merging a request would change, with the approvals that its reviews are.

    Reviews count as they will when the collector attests them. Nothing is signed here, and nothing decided.

    Args:
        setting: a clone whose newest commit is the request's. number: of the request.

    Raises:
        UserError, RetryLater: as `plan.plan`; or when the forge refuses, or does not answer.
    """
    found = forge.under_review(number)
    here = setting.clone.resolve("HEAD")
    if found is None or found.head != here:
        what = "is not open" if found is None else f"is at {found.head[:7]} by now"
        return _noted(
            plan(setting, None, None, forge), f"request {number} {what}: its reviews are not counted"
        )
    seen = replace(found, unsafe=tuple(each for each in found.unsafe if each not in HIDDEN))
    return _noted(plan(setting, None, None, AsMerged(forge, seen)), *_remarks(found))


def _remarks(found: Request) -> list[str]:
    told = [f"this token can't tell: {each}" for each in found.unsafe if each in HIDDEN]
    if standing(found.reviews):
        told.append("reviews are as they stand now; the collector attests them when this is merged")
    return told


def _noted(made: Plan, *notes: str) -> Plan:
    return replace(made, notes=(*made.notes, *notes))
