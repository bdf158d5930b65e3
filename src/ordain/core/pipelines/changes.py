"""Differences between two declared states, by the name of the key that changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from ordain.core.gating.release import Release
from ordain.core.rendering.gitops import gitops_content, places
from ordain.core.specs.governance import Environment
from ordain.core.specs.identity import deployment_slice, environment_settings, plain, training_content
from ordain.core.specs.spec import Candidate, Spec
from ordain.core.state.declared import Instance
from ordain.core.value import Value

Slice = Literal[
    "release", "parameter", "data", "gate", "training", "code", "deployment", "environment", "renderer",
    "policy",
]  # fmt: skip


class Change(Value, frozen=True, kw_only=True):
    """One key whose value differs.

    Attributes:
        slice: which part of the state it belongs to, and so what it can cause.
        key: dotted path, such as `candidates.xgboost.parameters.max_depth`.
        before, after: the values; None where there is none.
    """

    slice: Slice
    key: str
    before: Any = None
    after: Any = None


class Declaration(Value, frozen=True, kw_only=True):
    """What one model's training was declared to be.

    Attributes:
        spec: the model's entry. candidates: by name. seed: of `params.yaml`.
    """

    spec: Spec
    candidates: dict[str, Candidate]
    seed: int


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """JSON-like data as dotted path to leaf; a list counts as a leaf unless it holds mappings."""
    items: list[tuple[str, Any]]
    if isinstance(value, Mapping) and value:
        items = [(f"{path}.{key}" if path else str(key), each) for key, each in value.items()]
    elif isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        items = [(f"{path}[{index}]", each) for index, each in enumerate(value)]
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for key, each in items:
        found.update(leaves(each, key))
    return found


def differences(before: Any, after: Any, kind: Slice, prefix: str = "") -> tuple[Change, ...]:
    """Every leaf that differs between two JSON-like values, sorted by key."""
    old, new = leaves(before, prefix), leaves(after, prefix)
    return tuple(
        Change(slice=kind, key=key, before=old.get(key), after=new.get(key))
        for key in sorted({*old, *new})
        if _text(old.get(key)) != _text(new.get(key))
    )


def _text(value: Any) -> str:
    """How identities see a value: 1, 1.0 and true are three."""
    return json.dumps(value, sort_keys=True, default=str)


def _kind(key: str) -> Slice:
    """Which slice a key of a training declaration belongs to."""
    head = key.split(".", 1)[0].split("[", 1)[0]
    kinds: dict[str, Slice] = {
        "data": "data",
        "candidates": "parameter",
        "seed": "parameter",
        "gates": "gate",
    }
    return kinds.get(head, "training")


def _training(declared: Declaration) -> dict[str, Any]:
    return training_content(declared.spec, declared.candidates, declared.seed, plain)


def training_changes(before: Declaration, after: Declaration) -> tuple[Change, ...]:
    """Keys that decide the release and differ: data contract, split, candidates, gates, seed."""
    return tuple(
        Change(slice=_kind(each.key), key=each.key, before=each.before, after=each.after)
        for each in differences(_training(before), _training(after), "training")
    )


def record_changes(before: Release, after: Release) -> tuple[Change, ...]:
    """What two release records say was different: the data's bytes, the code, the champion."""
    rows: list[tuple[Slice, str, Any, Any]] = [
        ("data", "data.source", before.data.source, after.data.source),
        ("data", "data.row_count", before.data.row_count, after.data.row_count),
        ("code", "code", before.code, after.code),
        ("release", "champion", before.champion.candidate, after.champion.candidate),
        ("release", "artifact", before.artifact, after.artifact),
    ]
    return tuple(
        Change(slice=kind, key=key, before=old, after=new) for kind, key, old, new in rows if old != new
    )


def deployment_changes(before: Spec | None, after: Spec | None) -> tuple[Change, ...]:
    """Keys of the deployment slice that differ; none when the model is new or gone."""
    if before is None or after is None:
        return ()
    return differences(deployment_slice(before, plain), deployment_slice(after, plain), "deployment")


def environment_changes(before: Environment | None, after: Environment | None) -> tuple[Change, ...]:
    """Settings of an environment that differ, its pins left out; none when it is new or gone."""
    if before is None or after is None:
        return ()
    return differences(environment_settings(before, plain), environment_settings(after, plain), "environment")


def gitops_changes(tool: str, before: Instance, after: Instance) -> tuple[Change, ...]:
    """Settings of what points a GitOps tool that differ; none when it is new or gone."""
    old, new = before.models.gitops, after.models.gitops
    if old is None or new is None or getattr(old, tool) is None or getattr(new, tool) is None:
        return ()
    ends = ((old, places(before.environments)), (new, places(after.environments)))
    first, second = (gitops_content(tool, gitops, where, plain) for gitops, where in ends)
    return differences(first, second, "environment")
