"""The id of a prediction: how it begins is what leads from an answer to the ledger."""

from __future__ import annotations

import re

from ordain.core.canonical import PREFIX

# 64 bits of a digest, which is enough to point and no proof.
DIGITS = 16
_ID = re.compile(rf"(?P<stamp>[ia][0-9a-f]{{{DIGITS}}})-[0-9a-f]{{12}}-[0-9a-f]{{1,16}}")


def stamp(intent: str, artifact: str) -> str:
    """How the ids of what one model answers begin: by its intent, or by its artifact where there is none."""
    kind, digest = ("i", intent) if intent else ("a", artifact)
    return kind + digest.removeprefix(PREFIX)[:DIGITS]


def stamp_of(prediction: str) -> str | None:
    """How the id of a prediction begins; None for text that is no such id."""
    found = _ID.fullmatch(prediction)
    return found["stamp"] if found else None
