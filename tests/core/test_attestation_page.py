"""`docs/attestations.md` names every field that is signed, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from ordain.core.approvals.approval import _Predicate
from ordain.core.approvals.attested import Observed, Seen
from ordain.core.approvals.summary import Summary
from ordain.core.decisions import Decision, Entry
from ordain.core.specs.identity import Transition

PAGE = (Path(__file__).parents[2] / "docs/attestations.md").read_text(encoding="utf-8")


def documented() -> list[set[str]]:
    """The fields of each table of the page, in their order."""
    tables = PAGE.split("| field | what it is |")[1:]
    rows = [re.findall(r"^\| (`[^|]*`) \|", each.partition("\n\n")[0], re.MULTILINE) for each in tables]
    return [{name for cell in found for name in re.findall(r"`([A-Za-z_]+)`", cell)} for found in rows]


def fields(kind: type[msgspec.Struct]) -> set[str]:
    return {each.encode_name for each in msgspec.structs.fields(kind)}


def test_every_signed_field_has_a_row() -> None:
    assert documented() == [
        fields(each) for each in (_Predicate, Transition, Entry, Decision, Observed, Seen, Summary)
    ]
