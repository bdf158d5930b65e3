"""What must never be shown, taken out of what a report shows.

Nothing that Ordain renders holds a secret. But a diff also shows what lay there before, and a value is
whatever somebody wrote into a spec, so both pass through here on their way into a plan.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)
GONE = "[redacted]"
# A key block, wherever it is cut off; the prefixes by which issuers mark their tokens; an address with a
# password; and the value of a key whose name says what it holds.
_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_TOKEN = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,}|hf_[A-Za-z0-9]{20,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"
)
_ADDRESS = re.compile(r"(?<=://)[^\s/@:\"']*:[^\s/@\"']+(?=@)")
_NAMES = r"(?:pass(?:word|wd|phrase)|token|api[_-]?key|(?:access|secret|private)[_-]?key|client[_-]?secret)"
_NAMED = re.compile(
    rf"(?im)^(\s*(?:- )?[\"']?(?:[\w.-]{{0,80}}[_.-])?{_NAMES}[\"']?\s*[:=][ \t]*)(?![|>]?$)\S.*$"
)
_SECRET = re.compile(r"(?m)^(?:kind:\s*[\"']?Secret[\"']?\s*$|\s*\"kind\":\s*\"Secret\")")


def redacted(text: str) -> str:
    """Text without private keys, tokens and passwords."""
    text = _BLOCK.sub(GONE, text)
    text = _TOKEN.sub(GONE, text)
    text = _ADDRESS.sub(GONE, text)
    return _NAMED.sub(rf"\1{GONE}", text)


def redacted_manifest(text: str) -> str:
    """A manifest without them; of a Kubernetes Secret nothing but that it is one is kept."""
    if _SECRET.search(text):
        return f"kind: Secret  # {GONE}\n"
    return redacted(text)


def redacted_struct(found: T) -> T:
    """A struct, every text in it redacted; its types must be what JSON can hold."""
    return msgspec.convert(redacted_value(msgspec.to_builtins(found)), type(found))


def redacted_value(value: Any) -> Any:
    """JSON-like data, its texts redacted, keys too: a category is one, and it is whatever a cell held."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {redacted_value(key): redacted_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_value(each) for each in value]
    return value
