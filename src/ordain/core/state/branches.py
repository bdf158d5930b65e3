"""Branches that are named as none can be, and one that would have to be two."""

from __future__ import annotations

from collections.abc import Iterator

from ordain.core.problems import Problem
from ordain.core.state.declared import MODELS, POLICY, Declared, environment_path
from ordain.core.yaml.yamldoc import Path
from ordain.core.yaml.yamlscalars import Fault, shown

REFS = "refs/"


def branch_problems(declared: Declared) -> Iterator[Problem]:
    """Every branch that is given with the folder of its ref, and a ledger on the base branch of a forge.

    Git would take `refs/heads/x` for a branch `refs/heads/refs/heads/x`.
    For whoever edits only: what is committed may hold such a name, and is read as ever.
    """
    for file, path, name in _named(declared):
        if name.startswith(REFS):
            message = f"`{shown(name)}` is a ref, and a branch is meant"
            yield declared.at_value(
                file, path, Fault("branch-as-ref", message, "give the name without refs/heads/")
            )
    policy = declared.instance.policy
    if policy.forge != "local" and policy.live == policy.branch:
        message = "the reconciler's branch is the base branch, which nobody may push to"
        yield declared.at_value(
            POLICY, ("live",), Fault("ledger-on-base", message, "name a branch of its own, such as live")
        )


def _named(declared: Declared) -> Iterator[tuple[str, Path, str]]:
    instance = declared.instance
    yield POLICY, ("branch",), instance.policy.branch
    yield POLICY, ("live",), instance.policy.live
    if instance.models.gitops is not None:
        yield MODELS, ("gitops", "branch"), instance.models.gitops.branch
    for name, environment in sorted(instance.environments.items()):
        if environment.alarms is not None:
            yield environment_path(name), ("alarms", "branch"), environment.alarms.branch
