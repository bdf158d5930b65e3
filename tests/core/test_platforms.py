"""What a form needs of the place that it runs in, and how a plan tells of what points a cluster there."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ordain.core.decisions import LedgerState
from ordain.core.rendering.gitops import targets
from ordain.core.specs.deployment import Flux, Gitops
from ordain.core.specs.identity import Target
from ordain.core.state.instance import load
from tests.core.test_planning import OLD, decision, deployed, inputs, instance, only, wanted
from tests.core.test_validate import BATCH, REPLICAS

FLUX = Target(environment="flux", model="_shared")
PROMETHEUS = "prometheus: {namespace: monitoring%s}\n"
SIDECAR = f"sidecars: [registry.example/queue@sha256:{'0' * 64}]\n"


JOBS = f"jobs_image: registry.example/jobs@sha256:{'1' * 64}"
LOG = "prediction_log: {url: 's3://logs', allow_to: [10.0.0.0/8]%s}\n"
COMPACT = ", compact: {schedule: '30 4 * * *'}"
WATCH = "rollout: rolling\n    monitoring: {watch: {schedule: '30 4 * * *'%s}}"
ELSEWHERE = ", log: 's3://other', allow_to: [10.0.0.0/8]"


def codes(files: dict[str, bytes], deploy: str, environment: str = "", runtime: str = "") -> set[str]:
    """The problems of a model that staging pins, beside its missing release record."""
    models = files["models.yaml"].decode().replace(REPLICAS, deploy)
    staging = (
        files["environments/staging.yaml"].decode().replace("models: {}", "models: {churn: {release: 1}}")
    )
    staging = staging.replace("runtime:\n", f"runtime:\n  {runtime}\n" if runtime else "runtime:\n")
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
        ("rollout: canary\n      platform: kserve\n      canary: {percent: 100}", SIDECAR, set()),
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
    assert codes(state_files, remote, runtime=JOBS) == set()


@pytest.mark.parametrize(
    ("deploy", "environment", "expected"),
    [
        (BATCH, "", {"jobs-without-image"}),
        (WATCH % ELSEWHERE, "", {"jobs-without-image"}),
        (WATCH % "", LOG % "", {"jobs-without-image"}),
        ("rollout: rolling", LOG % COMPACT, {"jobs-without-image"}),
        ("rollout: rolling", LOG % "", set()),
        ("rollout: rolling\n    monitoring: {prediction_log: false}", LOG % COMPACT, set()),
    ],
)
def test_a_job_needs_an_image_to_run_in(
    state_files: dict[str, bytes], deploy: str, environment: str, expected: set[str]
) -> None:
    assert codes(state_files, deploy, environment) == expected
    assert codes(state_files, deploy, environment, JOBS) == set()


def test_a_monitor_needs_a_log_that_the_spec_or_the_environment_names(state_files: dict[str, bytes]) -> None:
    assert codes(state_files, WATCH % "", runtime=JOBS) == {"watch-without-log"}


def test_a_batch_writes_no_log_that_a_monitor_could_read(state_files: dict[str, bytes]) -> None:
    watched = BATCH + "\n    monitoring: {watch: {schedule: '30 4 * * *'%s}}"
    assert codes(state_files, watched % "", LOG % "", JOBS) == {"watch-without-log"}
    assert codes(state_files, watched % ELSEWHERE, LOG % "", JOBS) == set()


@pytest.mark.parametrize(
    ("policy", "expected"), [("local", []), ("gitlab", []), ("github", ["alarms.forge"])]
)
def test_monitors_tell_the_forge_whose_jobs_open_requests(
    state_files: dict[str, bytes], policy: str, expected: list[str]
) -> None:
    said = "alarms: {forge: gitlab, repository: 'https://gitlab.com/acme/models', secret: alarms}\n"
    changed = {
        "policy.yaml": state_files["policy.yaml"] + f"forge: {policy}\n".encode(),
        "environments/staging.yaml": state_files["environments/staging.yaml"] + said.encode(),
    }
    problems = [each for each in load({**state_files, **changed}).problems if each.code == "other-forge"]
    assert [each.key for each in problems] == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("window: 6h, season: 7d, alarm: 3/4, level: 0.01, effect: 0.2, fewest: 30", set()),
        ("window: 1000rows, fewest: 20, horizon: 5", set()),
        ("season: 36h", {"out-of-range"}),
        ("season: 7d, window: 100rows", {"out-of-range"}),
        ("season: 7d, horizon: 9", {"out-of-range"}),
        ("season: 7d, horizon: 10", set()),
        ("season: 7d, window: 5m", {"out-of-range"}),
        ("alarm: 3/2", {"out-of-range"}),
        ("window: 99999999w", {"out-of-range"}),
        ("window: soon", {"malformed"}),
        ("season: 10rows", {"malformed"}),
        ("fewest: 19", {"out-of-range"}),
        ("effect: .nan", {"not-finite"}),
    ],
)
def test_windows_that_could_not_be_cut_are_refused_before_they_run(
    state_files: dict[str, bytes], said: str, expected: set[str]
) -> None:
    assert codes(state_files, WATCH % f"{ELSEWHERE}, {said}", runtime=JOBS) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://logs/{model}", {"placeholder"}),
        ("s3://user:hunter2@logs", {"secret"}),
        ("file:///srv/data/log", {"local-log"}),
        ("s3://logs/a?endpoint=b", {"malformed"}),
        ("s3://logs/a#b", {"malformed"}),
        ("simplecache::s3://logs", {"local-log", "malformed"}),
    ],
)
def test_a_log_is_a_place_that_outlives_a_pod(
    state_files: dict[str, bytes], url: str, expected: set[str]
) -> None:
    found = codes(state_files, "rollout: rolling", (LOG % COMPACT).replace("s3://logs", url), JOBS)
    assert found
    assert found <= expected


def test_a_compaction_runs_at_a_time_that_a_clock_shows(state_files: dict[str, bytes]) -> None:
    wrong = LOG % COMPACT.replace("30 4", "61 4")
    assert codes(state_files, "rollout: rolling", wrong, JOBS) == {"schedule"}


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
