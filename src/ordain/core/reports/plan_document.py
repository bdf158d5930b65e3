"""The plan as one JSON document with a published schema."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec

from ordain.core.people.request import Status
from ordain.core.pipelines.stale import Stale
from ordain.core.plans.plan import Item, Plan, Point
from ordain.core.reports.report import verdict
from ordain.core.reports.report_status import statuses
from ordain.core.state.schema import BASE, DIALECT, schema_of
from ordain.core.value import Value

SCHEMA_NAME = "plan.schema.json"


class Document(Value, frozen=True, kw_only=True):
    """What would change between the ledger of the base branch and a revision.

    Attributes:
        verdict: one sentence for people. exit_code: 0 for nothing to do, 2 for changes.
        environments: every one that is touched, by name.
        statuses: what a forge is to show beside the commit.
    """

    version: Literal[1]
    verdict: str
    exit_code: Literal[0, 2]
    repository: str
    revision: Point
    base: Point
    entry: int
    environments: tuple[str, ...]
    items: tuple[Item, ...]
    stale: tuple[Stale, ...]
    unreconciled: tuple[str, ...]
    restored: tuple[str, ...]
    notes: tuple[str, ...]
    statuses: tuple[Status, ...]


def document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON-like data, every field written out."""
    content = Document(
        version=plan.version,
        verdict=verdict(plan),
        exit_code=0 if plan.empty else 2,
        repository=plan.repository,
        revision=plan.revision,
        base=plan.base,
        entry=plan.entry,
        environments=plan.environments,
        items=plan.items,
        stale=plan.stale,
        unreconciled=plan.unreconciled,
        restored=plan.restored,
        notes=plan.notes,
        statuses=statuses(plan),
    )
    built: dict[str, Any] = msgspec.to_builtins(content)
    return built


def schema_bytes() -> bytes:
    """The JSON Schema (draft 2020-12) of the document, as `ordain/schemas` ships it."""
    head = {
        "$schema": DIALECT,
        "$id": BASE + SCHEMA_NAME,
        "title": "Ordain: plan",
        "description": (Document.__doc__ or "").partition("\n")[0],
    }
    text = json.dumps({**head, **schema_of(Document)}, indent=2, ensure_ascii=False)
    return text.encode() + b"\n"
