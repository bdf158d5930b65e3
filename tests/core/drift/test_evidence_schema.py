"""The published schema of the evidence is that of its type, and evidence is valid under it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema

from ordain.core.drift.evidence import Evidence
from ordain.core.state.schema import BASE, DIALECT, schema_of

SCHEMA = Path(__file__).parents[3] / "src/ordain/schemas/evidence.schema.json"


def test_the_published_schema_is_that_of_the_type(golden: Callable[[Path, bytes], None]) -> None:
    head = {
        "$schema": DIALECT,
        "$id": BASE + SCHEMA.name,
        "title": "Ordain: evidence",
        "description": "What `ordain monitor --json` prints, and what a retraining request rests on.",
    }
    text = json.dumps({**head, **schema_of(Evidence)}, indent=2, ensure_ascii=False)
    golden(SCHEMA, text.encode() + b"\n")
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))
