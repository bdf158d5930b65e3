"""Which declared text a transition covers, and which of a branch's steps put it there.

A text is seen as leaves: dotted path to canonical JSON, defaults spelled out. Everybody who put a leaf to
the value that is wanted now is one of its makers, though somebody else took it away and put it back.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ordain.core.rendering.gitops import gitops_content, places
from ordain.core.specs.governance import Environment, Policy, Waiver
from ordain.core.specs.identity import deployment_slice, environment_settings, plain, training_content
from ordain.core.specs.spec import Models, Params
from ordain.core.value import Value

Leaves = Mapping[str, str]
# Whoever changes one element of a list leaves the others' work in it, so all who changed it count.
_LIST = "[]"
# `json.dumps` would make an encoder of this option for each leaf.
_encode = json.JSONEncoder(sort_keys=True).encode


class Written(Value, frozen=True, kw_only=True):
    """The steps behind a text, by their places in the versions that were looked at.

    Attributes:
        all: every step that put a leaf to its value. newest: for each leaf, the last one that did.
    """

    all: frozenset[int] = frozenset()
    newest: frozenset[int] = frozenset()


def leaves(value: Any, path: str = "") -> dict[str, str]:
    """JSON-like data as leaves; a list is one leaf, whose path ends with `[]`."""
    found: dict[str, str] = {}
    _gather(value, path, found)
    return found


def _gather(value: Any, path: str, found: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            _gather(each, f"{path}.{key}" if path else str(key), found)
    else:
        found[path + _LIST * isinstance(value, list | tuple)] = _encode(value)


def settings_text(environment: Environment | None) -> Leaves:
    """What an environment's targets cover of its file: its settings, without pins."""
    return leaves(environment_settings(environment, plain), "settings") if environment else {}


def model_text(model: str, models: Models | None, environment: Environment | None) -> Leaves:
    """What a model's intent covers beside settings and release: its deployment slice, pin and image.

    The renderer's version is left out: a state that pins another than the one at hand is refused as a
    whole, whoever wrote it.

    Args:
        models: None where there is no such file; environment: likewise.
    """
    spec = models.models.get(model) if models else None
    pin = environment.models.get(model) if environment else None
    found = leaves(deployment_slice(spec, plain), "deployment") if spec else {}
    if environment is not None and pin is not None:
        image = environment.appended.get(f"{model}@{pin.release}")
        found |= leaves({"pin": pin.release, **({"image": plain(image)} if image else {})})
    return found


def gitops_text(tool: str, models: Models | None, environments: Mapping[str, Environment]) -> Leaves:
    """What the target that points a GitOps tool covers."""
    gitops = models.gitops if models else None
    return leaves(gitops_content(tool, gitops, places(environments), plain)) if gitops else {}


def training_text(model: str, models: Models | None, params: Params | None) -> Leaves:
    """What decides a model's releases in `models.yaml` and `params.yaml`."""
    spec = models.models.get(model) if models else None
    if spec is None:
        return {}
    candidates, seed = (params.candidates.get(model, {}), params.seed) if params else ({}, 0)
    return leaves(training_content(spec, candidates, seed, plain), "training")


def policy_text(policy: Policy | None) -> Leaves:
    """What a policy's own transition covers."""
    return leaves(plain(policy), "policy") if policy else {}


def waiver_text(waivers: Collection[Waiver]) -> Leaves:
    """Waivers, each a leaf of its own by its whole content."""
    return {json.dumps(plain(each), sort_keys=True): "true" for each in waivers}


def written(
    final: Leaves | None,
    approved: Leaves | None,
    versions: Sequence[Leaves | None],
    accepted: Collection[tuple[str, str]] = (),
) -> Written:
    """Which versions put in place what is wanted and was not approved before.

    Args:
        final: the text that is wanted; None where it can't be read, and then every change counts.
        approved: the text that was approved last; None when none ever was.
        versions: the text before the first step, then after each, oldest first; None where it could not
            be read: whatever was done there counts together with the step that made it readable.
        accepted: leaves that were approved elsewhere as they stand; `newest` leaves them out.
    """
    everybody: set[int] = set()
    newest: dict[str, tuple[int, ...]] = {}
    before, waiting = versions[0] or {}, (() if versions[0] is not None else (0,))
    for place, version in enumerate(versions[1:], start=1):
        waiting = (*waiting, place)
        if version is None:
            continue
        for path in _changed(before, version):
            settled = approved is not None and final is not None and approved.get(path) == final.get(path)
            if not settled and _arrives(path, version, final):
                everybody.update(waiting)
                newest[path] = waiting if (path, version.get(path)) not in accepted else ()
        before, waiting = version, ()
    last = (each for places_of in newest.values() for each in places_of)
    return Written(all=frozenset(everybody) - {0}, newest=frozenset(last) - {0})


def _changed(before: Leaves, after: Leaves) -> set[str]:
    if before is after:
        return set()
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def _arrives(path: str, version: Leaves, final: Leaves | None) -> bool:
    """Whether a change of this leaf led to what is wanted, or to a part of it."""
    return final is None or path.endswith(_LIST) or version.get(path) == final.get(path)
