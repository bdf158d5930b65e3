"""What a form needs of the place that it runs in, and how a plan tells of what points a cluster there."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ordain.core.decisions import LedgerState
from ordain.core.deployment import Flux, Gitops
from ordain.core.gitops import targets
from ordain.core.identity import Target
from ordain.core.instance import load
from tests.core.test_planning import OLD, decision, deployed, inputs, instance, only, wanted
from tests.core.test_validate import BATCH, REPLICAS

FLUX = Target(environment="flux", model="_shared")
PROMETHEUS = "prometheus: {namespace: monitoring%s}\n"
SIDECAR = f"sidecars: [registry.example/queue@sha256:{'0' * 64}]\n"


def codes(files: dict[str, bytes], deploy: str, environment: str = "") -> set[str]:
    """The problems of a model that staging pins, beside its missing release record."""
    models = files["models.yaml"].decode().replace(REPLICAS, deploy)
    staging = (
        files["environments/staging.yaml"].decode().replace("models: {}", "models: {churn: {release: 1}}")
    )
    changed = {"models.yaml": models.encode(), "environments/staging.yaml": (staging + environment).encode()}
    return {each.code for each in load({**files, **changed}).problems} - {"unknown-release"}


@pytest.mark.parametrize(
    ("deploy", "environment", "expected"),
    [
        ("rollout: rolling", "", set()),
        ("rollout: canary", "", {"canary-without-metrics"}),
        ("rollout: canary", PROMETHEUS % "", {"canary-without-metrics"}),
        ("rollout: canary", PROMETHEUS % ", address: 'http://prometheus.monitoring:9090'", set()),
        ("rollout: canary\n      platform: kserve", "", {"canary-without-sidecar"}),
        ("rollout: canary\n      platform: kserve", SIDECAR, set()),
    ],
)
def test_a_canary_needs_a_place_that_can_judge_it(
    state_files: dict[str, bytes], deploy: str, environment: str, expected: set[str]
) -> None:
    assert codes(state_files, deploy, environment) == expected


def test_a_job_may_reach_a_network_that_is_opened_to_it(state_files: dict[str, bytes]) -> None:
    remote = BATCH.replace("file:///srv/data/", "s3://bucket/").replace(
        "claim: data", "allow_to: [10.0.0.0/8]"
    )
    assert codes(state_files, remote) == set()


def test_without_gitops_nothing_points_anywhere() -> None:
    assert targets(None) == ()


def test_a_plan_names_what_changes_for_a_tool() -> None:
    told = Gitops(repository="https://git.example/team/models.git", flux=Flux())
    before, after = (
        replace(instance(), models=replace(instance().models, gitops=each))
        for each in (told, replace(told, branch="other"))
    )
    item = only(
        inputs(
            after,
            past={OLD: before},
            desired={FLUX: wanted(FLUX, None, {"flux/_shared/x.yaml": b"branch: other"})},
            state=LedgerState(deployed={FLUX: deployed(FLUX, None)}),
            decisions=[decision(FLUX)],
        )
    )
    assert [(each.key, each.before, each.after) for each in item.changes] == [("branch", "live", "other")]
