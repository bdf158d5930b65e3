"""Prometheus's own words: recording rules, alerting rules, groups of them, and label matchers."""

from __future__ import annotations

import json

from ordain.core.value import Value


class Record(Value, frozen=True, kw_only=True):
    """A recording rule."""

    record: str
    expr: str
    labels: dict[str, str]


class Alert(Value, frozen=True, kw_only=True):
    """An alerting rule; `hold` is its `for`."""

    alert: str
    expr: str
    hold: str
    labels: dict[str, str]
    summary: str
    description: str


class Group(Value, frozen=True, kw_only=True):
    """Rules that are evaluated together."""

    name: str
    records: tuple[Record, ...] = ()
    alerts: tuple[Alert, ...] = ()


def matchers(labels: dict[str, str]) -> str:
    """Label matchers; PromQL reads a JSON string as the same string."""
    return ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
