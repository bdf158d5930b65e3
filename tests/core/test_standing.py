"""Pinned against running, model by model, in the order of promotion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ordain.core.decisions import Decision, Deployed, Entry, LedgerState
from ordain.core.gating.release import Release
from ordain.core.ledger.standing import Standing, standings
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import Desired
from ordain.core.specs.governance import Environment, Policy
from ordain.core.specs.identity import ReleaseRef, Target, Transition
from ordain.core.specs.spec import Models, Params, Spec
from ordain.core.state.declared import Instance

DIGEST = "sha256:" + "0" * 64
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDrbIbW3SmUHOHaVcy6ptlj5sJmlmm0qqgPhx+MXXLK1"
STAGING = Target(environment="staging", model="churn")
PRODUCTION = Target(environment="production", model="churn")


def release(number: int) -> Release:
    return msgspec.convert(
        {
            "model": "churn",
            "number": number,
            **dict.fromkeys(("training_slice", "parameters", "code", "lock", "artifact", "digest"), DIGEST),
            "data": {
                **dict.fromkeys(("source", "rows", "train", "holdout"), DIGEST),
                "row_count": 10,
                "holdout_count": 2,
            },
            "champion": {"candidate": "c", "estimator": "e", "metric": "roc_auc", "score": 0.8},
            "artifact_bytes": 5,
            "metrics": {"roc_auc": round(0.8 + number / 100, 6)},
            "verdicts": [],
            "looks": 1,
        },
        type=Release,
    )


def environment(before: str | None) -> Environment:
    return msgspec.convert(
        {
            "version": 1,
            "namespace": "ml",
            "registry": "registry.example/x",
            "runtime": {"image": "registry.example/r@" + DIGEST},
            "promotes_from": before,
        },
        type=Environment,
    )


def instance(environments: Mapping[str, str | None], numbers: tuple[int, ...] = (1, 2)) -> Instance:
    spec: dict[str, Any] = {
        "owner": "team",
        "description": "A model.",
        "task": "binary",
        "risk": "low",
        "data": {
            "source": {"path": "data/x.csv"},
            "target": "y",
            "columns": {"y": {"type": "string"}, "x": {"type": "number"}},
        },
        "selection": {"metric": "roc_auc"},
        "gates": {"quality": [{"metric": "roc_auc", "min": 0.8}]},
    }
    policy = {
        "version": 1,
        "repository": "x",
        "people": {},
        "collectors": [{"key": KEY}],
        "rules": [],
        "changes": {"reviewer": 1},
    }
    return Instance(
        models=Models(version=1, renderer=1, models={"churn": msgspec.convert(spec, type=Spec)}),
        params=Params(version=1, candidates={}),
        policy=msgspec.convert(policy, type=Policy),
        environments={name: environment(before) for name, before in environments.items()},
        releases={"churn": {number: release(number) for number in numbers}} if numbers else {},
    )


def ref(number: int) -> ReleaseRef:
    return ReleaseRef(model="churn", number=number, record=DIGEST, artifact=DIGEST)


def wanted(target: Target, number: int) -> Desired:
    subject = f"subject {number}"
    return Desired(
        target=target, intent="i", files={}, files_digest=DIGEST, subject=subject, release=ref(number)
    )


def deployed(target: Target, number: int, since: int = 1) -> Deployed:
    subject = f"subject {number}"
    return Deployed(
        target=target, subject=subject, intent="i", files=DIGEST, release=ref(number), since=since, source="s"
    )


def refused(target: Target, number: int | None) -> Decision:
    after = f"subject {number}" if number else None
    transition = Transition(
        repository="x",
        branch="main",
        environment=target.environment,
        model=target.model,
        before=None,
        after=after,
    )
    return Decision(
        transition=transition, action="change", approved=False, reason=Reason.SELF_APPROVAL, detail="no"
    )


def entry(sequence: int, *decisions: Decision) -> Entry:
    return Entry(
        sequence=sequence,
        previous=None,
        repository="x",
        branch="main",
        source="s",
        policy=DIGEST,
        policy_source="p",
        renderer=1,
        decisions=decisions,
        manifests=DIGEST,
        observed=f"day {sequence}",
    )


def found(rows: tuple[Standing, ...]) -> list[tuple[str, str | None, str | None, str]]:
    return [(each.environment, each.pinned, each.running, each.drift) for each in rows]


CHAIN = {"production": "staging", "staging": None}


def test_a_model_that_was_never_released() -> None:
    rows = standings(instance(CHAIN, ()), {}, [], LedgerState())
    assert found(rows) == [("staging", None, None, "absent"), ("production", None, None, "absent")]
    assert (rows[0].latest, rows[0].metric) == (None, None)


def test_what_runs_is_what_is_pinned() -> None:
    state = LedgerState(deployed={STAGING: deployed(STAGING, 2, since=3)})
    rows = standings(instance(CHAIN), {STAGING: wanted(STAGING, 2)}, [entry(3)], state)
    staging = rows[0]
    assert found(rows)[0] == ("staging", "churn@2", "churn@2", "none")
    assert (staging.since, staging.entry, staging.metric, staging.score) == ("day 3", 3, "roc_auc", 0.82)
    assert rows[1].latest == "churn@2"


def test_pending_and_refused() -> None:
    state = LedgerState(deployed={STAGING: deployed(STAGING, 1), PRODUCTION: deployed(PRODUCTION, 1)})
    pins = {STAGING: wanted(STAGING, 2), PRODUCTION: wanted(PRODUCTION, 2)}
    ledger = [entry(1), entry(2, refused(PRODUCTION, 2), refused(STAGING, 3))]
    rows = standings(instance(CHAIN), pins, ledger, state)
    assert [each.drift for each in rows] == ["pending", "refused"]
    assert (rows[1].reason, rows[1].detail, rows[1].score) == (Reason.SELF_APPROVAL, "no", 0.81)


def test_an_unpinned_model_that_still_runs() -> None:
    state = LedgerState(deployed={STAGING: deployed(STAGING, 1)})
    rows = standings(instance(CHAIN, ()), {}, [entry(1), entry(2, refused(STAGING, None))], state)
    assert found(rows)[0] == ("staging", None, "churn@1", "refused")


def test_shared_files_and_the_policy_are_no_models() -> None:
    shared = Target(environment="staging", model="_shared")
    policy = Target(environment="_policy", model="_policy")
    state = LedgerState(deployed={shared: deployed(shared, 1)})
    rows = standings(instance(CHAIN), {}, [entry(1, refused(policy, 1))], state)
    assert [each.model for each in rows] == ["churn", "churn"]


def test_a_circle_of_environments_ends() -> None:
    rows = standings(instance({"a": "b", "b": "a"}), {}, [], LedgerState())
    assert [each.environment for each in rows] == ["a", "b"]
