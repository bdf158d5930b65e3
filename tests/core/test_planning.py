"""The plan names every difference between what runs and what is wanted."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
from msgspec.structs import replace

from ordain.core.decisions import Approval, Decision, Deployed, LedgerState
from ordain.core.gating.release import Release
from ordain.core.pipelines.stale import Cause, Stale
from ordain.core.plans import planning
from ordain.core.plans.plan import Item, Point
from ordain.core.plans.plan_measures import metric_deltas
from ordain.core.plans.planning import OTHER_HOLDOUT, Inputs
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import Desired
from ordain.core.specs.governance import Environment, Policy, Waiver
from ordain.core.specs.identity import ReleaseRef, Target, Transition, files_digest, training_slice
from ordain.core.specs.spec import Models, Params
from ordain.core.state.declared import Instance

DIGEST = "sha256:" + "0" * 64
OTHER = "sha256:" + "1" * 64
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDrbIbW3SmUHOHaVcy6ptlj5sJmlmm0qqgPhx+MXXLK1"
OLD, NEW = "a" * 40, "b" * 40
CHURN = Target(environment="production", model="churn")
SHARED = Target(environment="production", model="_shared")
POLICY = Target(environment="_policy", model="_policy")

SPEC: dict[str, Any] = {
    "owner": "team",
    "description": "A model.",
    "task": "binary",
    "risk": "low",
    "data": {
        "source": {"path": "data/x.csv"},
        "target": "y",
        "positive": "Yes",
        "columns": {"y": {"type": "string"}, "x": {"type": "number"}},
    },
    "selection": {"metric": "roc_auc"},
    "gates": {"quality": [{"metric": "roc_auc", "min": 0.8}]},
}


def instance(
    depth: int = 3,
    replicas: int = 2,
    namespace: str = "ml",
    releases: tuple[Release, ...] = (),
    **policy: Any,
) -> Instance:
    spec = {**copy.deepcopy(SPEC), "deploy": {"replicas": {"min": replicas, "max": 9}}}
    candidate = {"estimator": "xgboost.XGBClassifier", "parameters": {"max_depth": depth}}
    environment = {
        "version": 1,
        "namespace": namespace,
        "registry": "registry.example/x",
        "runtime": {"image": "registry.example/r@" + DIGEST},
    }
    rules = {
        "version": 1,
        "repository": "local/x",
        "people": {"mei": {"name": "Mei", "emails": ["mei@x.example"], "keys": [{"key": KEY}]}},
        "collectors": [{"key": KEY}],
        "rules": [],
        "changes": {"reviewer": 1},
        **policy,
    }
    return Instance(
        models=msgspec.convert({"version": 1, "renderer": 1, "models": {"churn": spec}}, type=Models),
        params=msgspec.convert(
            {"version": 1, "seed": 1, "candidates": {"churn": {"xgboost": candidate}}}, type=Params
        ),
        policy=msgspec.convert(rules, type=Policy),
        environments={"production": msgspec.convert(environment, type=Environment)},
        releases={"churn": {each.number: each for each in releases}} if releases else {},
    )


def release(number: int, of: Instance, **changed: Any) -> Release:
    spec, candidates = of.models.models["churn"], of.params.candidates["churn"]
    content: dict[str, Any] = {
        "model": "churn",
        "number": number,
        "training_slice": training_slice(spec, candidates, of.params.seed),
        **dict.fromkeys(("parameters", "code", "lock"), DIGEST),
        "data": {
            **dict.fromkeys(("source", "rows", "train", "holdout"), DIGEST),
            "row_count": 10,
            "holdout_count": 2,
        },
        "champion": {"candidate": "xgboost", "estimator": "e", "metric": "roc_auc", "score": 0.8},
        "artifact": "sha256:" + str(number) * 64,
        "artifact_bytes": 5,
        "metrics": {"roc_auc": round(0.8 + number / 100, 6)},
        "verdicts": [
            {"gate": "quality.roc_auc", "outcome": "pass", "value": 0.8, "bound": 0.7},
            {"gate": "fairness.x", "outcome": "fail", "value": 0.3, "bound": 0.2, "interval": [0.1, 0.4]},
            {"gate": "non_inferiority.roc_auc", "outcome": "pass"},
        ],
        "looks": 1,
        **changed,
    }
    record = msgspec.convert(content, type=Release)
    return replace(record, digest=record.computed_digest())


def wanted(target: Target, ref: ReleaseRef | None, files: dict[str, bytes]) -> Desired:
    digest = files_digest(files)
    return Desired(target=target, intent=OTHER, files=files, files_digest=digest, subject=OTHER, release=ref)


def deployed(target: Target, ref: ReleaseRef | None, source: str = OLD) -> Deployed:
    return Deployed(
        target=target, subject=DIGEST, intent=DIGEST, files=DIGEST, release=ref, since=1, source=source
    )


def decision(target: Target, **changed: Any) -> Decision:
    transition = Transition(
        repository="local/x",
        branch="main",
        environment=target.environment,
        model=target.model,
        before=None,
        after=OTHER,
    )
    content = {"action": "change", "approved": False, "reason": Reason.APPROVALS_MISSING, **changed}
    return Decision(transition=transition, **content)


def inputs(now: Instance, **changed: Any) -> Inputs:
    content: dict[str, Any] = {
        "revision": Point(name="working tree", commit=NEW),
        "base": Point(name="main", commit=OLD),
        "instance": now,
        "past": {},
        "desired": {},
        "state": LedgerState(),
        "decisions": (),
        "manifests": {},
        **changed,
    }
    return Inputs(**content)


def only(of: Inputs) -> Item:
    (item,) = planning.build(of).items
    return item


def test_nothing_at_all() -> None:
    plan = planning.build(inputs(instance()))
    assert plan.empty
    assert plan.items == ()
    assert plan.repository == "local/x"


def test_what_runs_is_what_is_wanted() -> None:
    now = instance()
    ref = release(1, now).ref
    item = only(
        inputs(
            now,
            desired={CHURN: wanted(CHURN, ref, {})},
            state=LedgerState(deployed={CHURN: deployed(CHURN, ref)}, sequence=4),
        )
    )
    assert item == Item(target=CHURN, action="none", deployed="churn@1", wanted="churn@1")


def test_a_first_deployment_lists_its_files() -> None:
    now = instance()
    now = instance(releases=(release(1, now),))
    files = {"production/churn/deployment.yaml": b"a: 1\nb: 2\n"}
    item = only(
        inputs(
            now,
            desired={CHURN: wanted(CHURN, now.releases["churn"][1].ref, files)},
            decisions=[decision(CHURN, action="deploy", missing={"reviewer": 2}, contributors=("dana",))],
            manifests={"production/churn-other/x.yaml": b"other"},
        )
    )
    assert (item.action, item.deployed, item.wanted) == ("deploy", None, "churn@1")
    (file,) = item.files
    assert (file.kind, file.added, file.removed) == ("added", 2, 0)
    assert file.diff.startswith("--- /dev/null\n+++ b/production/churn/deployment.yaml\n")
    assert item.changes == ()
    assert item.missing == {"reviewer": 2}
    assert [each.difference for each in item.metrics] == [None]
    assert item.transition == decision(CHURN).transition.id


def test_a_new_release_names_its_parameter_and_compares_metrics() -> None:
    before = instance()
    first = release(1, before)
    before = instance(releases=(first,))
    after = instance(depth=4)
    baseline = {
        "release": "churn@1",
        "artifact": first.artifact,
        "difference": 0.01,
        "interval": [-0.01, 0.03],
    }
    second = release(2, after, code=OTHER, baseline=baseline)
    after = instance(depth=4, releases=(first, second))
    waiver = Waiver(model="churn", gate="fairness.x", reason="known and small", expires="2027-01-31")
    approval = Approval(person="mei", kind="signed-by-approver", key="SHA256:x", envelope={})
    item = only(
        inputs(
            after,
            past={OLD: before},
            desired={CHURN: wanted(CHURN, second.ref, {"production/churn/x.yaml": b"image: 2"})},
            state=LedgerState(deployed={CHURN: deployed(CHURN, first.ref)}),
            decisions=[decision(CHURN, waivers=(waiver,), approvals=(approval,))],
            manifests={"production/churn/x.yaml": b"image: 1\n"},
        )
    )
    assert [(each.slice, each.key, each.before, each.after) for each in item.changes] == [
        ("release", "release", "churn@1", "churn@2"),
        ("parameter", "candidates.xgboost.parameters.max_depth", 3, 4),
        ("code", "code", DIGEST, OTHER),
        ("release", "artifact", first.artifact, second.artifact),
    ]
    (metric,) = item.metrics
    assert (metric.deployed, metric.proposed, metric.difference) == (0.81, 0.82, 0.01)
    assert metric.interval == (-0.01, 0.03)
    assert [each.waived for each in item.gates] == ["", "known and small (until 2027-01-31)", ""]
    assert [each.person for each in item.approvals] == ["mei"]
    (file,) = item.files
    assert (file.kind, file.added, file.removed) == ("changed", 1, 1)
    assert item.notes == ()


def test_an_interval_against_another_baseline_is_not_shown() -> None:
    baseline = {"release": "churn@9", "artifact": "sha256:" + "9" * 64, "difference": 0, "interval": [0, 0]}
    now = instance()
    first, second = release(1, now), release(2, now, baseline=baseline)
    assert metric_deltas(first, second)[0].interval is None
    assert metric_deltas(None, second)[0].interval is None
    assert metric_deltas(first, None) == ()


def test_values_of_different_holdouts_have_no_difference_but_the_one_that_was_judged() -> None:
    now = instance()
    elsewhere = {**dict.fromkeys(("source", "rows", "train", "holdout"), OTHER), "row_count": 12}
    first = release(1, now)
    second = release(2, now, data={**elsewhere, "holdout_count": 3})
    (found,) = metric_deltas(first, second)
    assert (found.deployed, found.proposed, found.difference, found.other_holdout) == (0.81, 0.82, None, True)
    baseline = {
        "release": "churn@1", "artifact": first.artifact, "difference": 0.03, "interval": [0.01, 0.05],
    }  # fmt: skip
    judged = release(2, now, data={**elsewhere, "holdout_count": 3}, baseline=baseline)
    (found,) = metric_deltas(first, judged)
    assert (found.difference, found.interval, found.other_holdout) == (0.03, (0.01, 0.05), True)
    (found,) = metric_deltas(None, second)
    assert (found.difference, found.other_holdout) == (None, False)


def test_the_same_declaration_on_other_data() -> None:
    now = instance()
    data = dict.fromkeys(("source", "rows", "train", "holdout"), OTHER)
    first = release(1, now)
    second = release(2, now, data={**data, "row_count": 12, "holdout_count": 3})
    now = instance(releases=(first, second))
    item = only(
        inputs(
            now,
            past={OLD: now},
            desired={CHURN: wanted(CHURN, second.ref, {})},
            state=LedgerState(deployed={CHURN: deployed(CHURN, first.ref)}),
            decisions=[decision(CHURN)],
        )
    )
    assert [each.key for each in item.changes] == ["release", "data.source", "data.row_count", "artifact"]
    assert item.notes == (OTHER_HOLDOUT,)


def test_a_declaration_that_is_not_in_this_clone() -> None:
    now = instance()
    first = release(1, now)
    second = release(2, now, training_slice=OTHER)
    now = instance(releases=(first, second))
    state = LedgerState(deployed={CHURN: deployed(CHURN, first.ref)})
    common: dict[str, Any] = {"state": state, "decisions": [decision(CHURN)], "past": {OLD: now}}
    item = only(inputs(now, desired={CHURN: wanted(CHURN, second.ref, {})}, **common))
    assert item.notes == ("what a release was declared from is not in this clone: keys are unnamed",)
    third = release(3, now).ref
    item = only(inputs(now, desired={CHURN: wanted(CHURN, third, {})}, **common))
    assert item.notes == ("a release record is absent: what went into it can't be compared",)
    assert item.gates == ()


def test_a_record_that_is_not_the_deployed_one_is_not_compared() -> None:
    now = instance()
    first, second = release(1, now), release(2, now)
    edited = replace(first, code=OTHER, digest=OTHER)
    now = instance(releases=(edited, second))
    item = only(
        inputs(
            now,
            past={OLD: now},
            desired={CHURN: wanted(CHURN, second.ref, {})},
            state=LedgerState(deployed={CHURN: deployed(CHURN, first.ref)}),
            decisions=[decision(CHURN)],
        )
    )
    assert [each.key for each in item.changes] == ["release"]


def test_replicas_and_namespace_are_named() -> None:
    before = instance()
    before = instance(releases=(release(1, before),))
    after = replace(instance(replicas=3, namespace="ml2"), releases=before.releases)
    ref = before.releases["churn"][1].ref
    running = {CHURN: deployed(CHURN, ref), SHARED: deployed(SHARED, None)}
    plan = planning.build(
        inputs(
            after,
            past={OLD: before},
            desired={CHURN: wanted(CHURN, ref, {}), SHARED: wanted(SHARED, None, {})},
            state=LedgerState(deployed=running),
            decisions=[decision(CHURN), decision(SHARED, approved=True, reason=Reason.APPROVED)],
        )
    )
    churn, shared = plan.items
    assert [each.key for each in churn.changes] == ["deploy.replicas.min", "namespace"]
    assert [each.key for each in shared.changes] == ["namespace"]
    assert shared.target == SHARED
    assert not plan.empty
    assert plan.changes == plan.items


def test_retiring_removes_every_file() -> None:
    now = instance()
    now = instance(releases=(release(1, now),))
    ref = now.releases["churn"][1].ref
    item = only(
        inputs(
            now,
            past={OLD: now},
            state=LedgerState(deployed={CHURN: deployed(CHURN, ref)}),
            decisions=[decision(CHURN, action="retire")],
            manifests={"production/churn/x.yaml": b"x\n", "ledger/00000001.json": b"{}"},
        )
    )
    assert [(each.path, each.kind) for each in item.files] == [("production/churn/x.yaml", "removed")]
    assert (item.deployed, item.wanted, item.metrics) == ("churn@1", None, ())


def test_a_shallow_clone_says_what_it_lacks() -> None:
    now = instance()
    now = instance(releases=(release(1, now),))
    ref = now.releases["churn"][1].ref
    item = only(
        inputs(
            now,
            desired={CHURN: wanted(CHURN, ref, {})},
            state=LedgerState(deployed={CHURN: deployed(CHURN, ref)}),
            decisions=[decision(CHURN)],
        )
    )
    assert item.notes == (
        f"the commit {OLD[:12]} that it was deployed from is not in this clone: keys are unnamed",
    )


def test_a_change_of_the_policy_comes_last_and_is_named() -> None:
    before, after = instance(), instance(branch="trunk")
    state = LedgerState(policy_source=OLD)
    changed = [decision(POLICY, action="policy"), decision(CHURN, action="retire")]
    plan = planning.build(inputs(after, past={OLD: before}, state=state, decisions=changed))
    assert [each.target for each in plan.items] == [CHURN, POLICY]
    assert [(each.slice, each.key) for each in plan.items[1].changes] == [("policy", "branch")]
    shallow = planning.build(inputs(after, decisions=changed))
    assert shallow.items[1].notes == (
        f"the commit {OLD[:12]} that holds the approved policy is not in this clone",
    )


def test_a_declaration_is_found_by_its_digest() -> None:
    first, second = instance(depth=3), instance(depth=4)
    found = planning.declaration_of(release(2, second), [first, second])
    assert found is not None
    assert found.candidates["xgboost"].parameters == {"max_depth": 4}
    nothing = replace(first, models=Models(version=1, renderer=1, models={}))
    assert planning.declaration_of(release(2, second), [nothing]) is None


def test_files_without_a_last_newline() -> None:
    (change,) = planning.file_changes({"a": b"x"}, {"a": b"\xff\nx"})
    assert (change.added, change.removed) == (1, 0)
    (gone,) = planning.file_changes({"a": b""}, {})
    assert (gone.kind, gone.added, gone.removed) == ("removed", 0, 0)


def test_no_text_of_a_plan_holds_a_secret() -> None:
    secret = "gh" + "p_" + "a1B2" * 9
    now = instance()
    record = release(1, now, verdicts=[{"gate": "size", "outcome": "fail", "detail": f"see {secret}"}])
    cause = Cause(kind="parameter", name="data.source.url", sentence=f"https://me:{secret}@x.example -> none")
    place = wanted(CHURN, record.ref, {"production/churn/x.yaml": f"a: {secret}\n".encode()})
    made = planning.build(
        inputs(
            instance(releases=(record,)),
            desired={CHURN: place},
            decisions=[decision(CHURN, detail=f"because {secret}")],
            stale=(Stale(model="churn", stages=("a",), causes=(cause,)),),
            notes=(secret,),
        )
    )
    assert secret not in str(made)
    assert str(made).count("[redacted]") == 5
