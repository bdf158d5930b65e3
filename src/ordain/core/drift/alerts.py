"""What Alertmanager sends to a webhook, and which of it calls for a retraining request.

An alert about latency or an absent pod is for whoever is on call; training mends neither. So an alert asks
for a request when its rule says so, by the label `retrain`, or when it is one of Ordain's own about data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from ordain.core.specs.parts import NAME_PATTERN
from ordain.core.value import Value
from ordain.errors import UserError

BODY_LIMIT = 2**20
MOST_ALERTS = 1000
MOST_FINDINGS = 20
LONGEST = 300
LABEL = "retrain"
Level = Literal["draft", "open"]
_LEVELS: Mapping[str, Level] = {"draft": "draft", "open": "open"}
_OWN: Mapping[str, Level] = {"OrdainInputOutsideContract": "draft"}


class Alert(Struct, frozen=True, kw_only=True):
    """One alert of a group; other members are not read."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}


class Webhook(Struct, frozen=True, kw_only=True):
    """Alertmanager's message, version 4."""

    version: Literal["4"]
    alerts: tuple[Alert, ...]


class Said(Value, frozen=True, kw_only=True):
    """What the alerts of one model in one environment come to.

    Attributes:
        level: a draft, or a request that asks for review.
        names: of the alerts, sorted.
        evidence: what `ordain retrain --because` reads, as JSON.
    """

    model: str
    environment: str
    level: Level
    names: tuple[str, ...]
    evidence: str


def read(body: bytes) -> Webhook:
    """Parse a message.

    Raises:
        UserError: when it is none, or is too large.
    """
    try:
        if len(body) > BODY_LIMIT:
            raise msgspec.DecodeError(f"it is larger than {BODY_LIMIT} bytes")
        found = msgspec.json.decode(body, type=Webhook)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        fix = "send Alertmanager's webhooks here, of version 4"
        raise UserError(f"this is no message of Alertmanager: {error}", fix=fix) from error
    if len(found.alerts) > MOST_ALERTS:
        fix = "set `max_alerts` of the webhook's receiver"
        raise UserError(f"there are more than {MOST_ALERTS} alerts in one message", fix=fix)
    return found


def said(message: Webhook) -> tuple[Said, ...]:
    """What firing alerts ask for, one for each model and environment, by name."""
    asking: dict[tuple[str, str], list[Alert]] = {}
    for alert in message.alerts:
        where = alert.labels.get("model", ""), alert.labels.get("environment", "")
        if (
            alert.status == "firing"
            and _level(alert)
            and all(re.fullmatch(NAME_PATTERN, each) for each in where)
        ):
            asking.setdefault(where, []).append(alert)
    return tuple(_said(*where, alerts) for where, alerts in sorted(asking.items()))


def _said(model: str, environment: str, alerts: list[Alert]) -> Said:
    level: Level = "open" if any(_level(each) == "open" for each in alerts) else "draft"
    # The same alert comes from every pod.
    findings = {(_name(each), _words(each)): None for each in alerts}
    document = {
        "model": model, "environment": environment, "request": level,
        "findings": [
            {"kind": kind, "alarm": True, "detail": detail} for kind, detail in list(findings)[:MOST_FINDINGS]
        ],
    }  # fmt: skip
    evidence = msgspec.json.encode(document, order="sorted").decode()
    names = tuple(sorted({_name(each) for each in alerts}))
    return Said(model=model, environment=environment, level=level, names=names, evidence=evidence)


def _name(alert: Alert) -> str:
    return alert.labels.get("alertname", "alert")[:LONGEST]


def _words(alert: Alert) -> str:
    told = (alert.annotations.get(name, "") for name in ("summary", "description"))
    return ": ".join(filter(None, told))[:LONGEST]


def _level(alert: Alert) -> Level | None:
    asked = alert.labels.get(LABEL)
    return _OWN.get(alert.labels.get("alertname", "")) if asked is None else _LEVELS.get(asked)
