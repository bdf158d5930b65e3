"""What the templates may say about one model: commands, storage, names, and nothing beyond the intent."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ordain.core.artifacts.artifact import FILES
from ordain.core.rendering.workload import Unit, model_values, priority_class
from ordain.core.specs.deployment import Deploy, Monitoring, Quantities, Resources
from ordain.core.specs.identity import Target
from ordain.runtime.sinks import Rotation
from tests.core.fleet import ARTIFACT, COPIED, OTHER, PLAIN, SPEC, STAGING, record

UNIT = Unit(
    target=Target(environment="staging", model="churn"),
    intent=OTHER,
    environment=STAGING,
    owner=SPEC.owner,
    risk=SPEC.risk,
    deploy=SPEC.deploy,
    monitoring=SPEC.monitoring,
    release=record("churn"),
)
QUIET = Monitoring(prediction_log=False)


def values(**changes: Any) -> dict[str, Any]:
    return model_values(replace(UNIT, **changes))


def test_the_server_is_started_as_it_is_started_everywhere() -> None:
    found = values()
    words = "models/churn --name churn --host 0.0.0.0 --port 8080 --invalid-input reject"
    assert found["arguments"] == tuple(words.split())
    assert found["model_folder"] == "/srv/models/churn"
    assert found["variables"] == {
        "ORDAIN_ENVIRONMENT": "staging",
        "ORDAIN_INTENT": OTHER,
        "ORDAIN_RELEASE": "churn@1",
        "ORDAIN_ARTIFACT": ARTIFACT,
        "ORDAIN_PREDICTION_LOG": "log/predictions",
    }


def test_port_and_what_is_done_with_invalid_input_are_the_specs() -> None:
    words = values(deploy=COPIED.deploy)["arguments"]
    assert words[-4:] == ("--port", "9000", "--invalid-input", "accept")


def test_without_a_prediction_log_there_is_no_word_of_one() -> None:
    found = values(monitoring=QUIET)
    assert found["log_limit"] is None
    assert "ORDAIN_PREDICTION_LOG" not in found["variables"]


def test_the_log_has_room_for_all_that_serving_keeps() -> None:
    rotation = Rotation()
    mebibytes = int(values()["log_limit"].removesuffix("Mi"))
    assert mebibytes * 2**20 > rotation.bytes * (rotation.keep + 1)


def test_the_artifact_is_pulled_by_digest_and_the_selector_never_changes_with_it() -> None:
    found, later = values(), values(release=record("churn", 2, artifact=OTHER), risk="low", owner="x")
    assert found["artifact"] == f"registry.example/models/churn@{ARTIFACT}"
    assert later["artifact"].endswith(OTHER)
    assert found["selector"] == later["selector"]
    assert found["selector"].items() <= found["labels"].items() <= found["release_labels"].items()
    assert (found["release_labels"]["app.kubernetes.io/version"], later["labels"]["ordain.dev/risk"]) == (
        "1",
        "low",
    )


def test_pods_carry_what_leads_back_to_the_ledger() -> None:
    assert values()["annotations"] == {
        "ordain.dev/environment": "staging",
        "ordain.dev/model": "churn",
        "ordain.dev/intent": OTHER,
        "ordain.dev/release": "churn@1",
        "ordain.dev/artifact": ARTIFACT,
    }


@pytest.mark.parametrize(
    ("delivery", "monitoring", "storage"),
    [
        ("image-volume", QUIET, "64Mi"),
        ("image-volume", SPEC.monitoring, "112Mi"),
        ("init-container", QUIET, "76Mi"),  # 2.9 MiB of model in 4, and 8 for the copier
        ("init-container", SPEC.monitoring, "124Mi"),
    ],
)
def test_volumes_come_on_top_of_what_the_spec_gives(delivery: Any, monitoring: Any, storage: str) -> None:
    found = values(deploy=Deploy(model_delivery=delivery), monitoring=monitoring)
    assert found["resources"] == {
        "requests": {"cpu": "100m", "memory": "192Mi", "ephemeral-storage": storage},
        "limits": {"cpu": "1", "memory": "512Mi", "ephemeral-storage": storage},
    }
    assert found["tmp_limit"] == "32Mi"


def test_storage_is_counted_in_the_unit_it_needs() -> None:
    def storage(written: str) -> tuple[str, str]:
        amount = Quantities(cpu="1", memory="1Gi", ephemeral_storage=written)
        found = values(deploy=Deploy(resources=Resources(requests=amount, limits=amount)), monitoring=QUIET)
        return found["resources"]["limits"]["ephemeral-storage"], found["tmp_limit"]

    assert storage("1Gi") == ("1024Mi", "512Mi")
    assert storage("2050Ki") == ("2050Ki", "1025Ki")
    assert storage("1Ki") == ("1Ki", "1Ki")  # never 0, which Kubernetes takes for no limit


@pytest.mark.parametrize(
    ("size", "limit"), [(1, "2Mi"), (2**20, "2Mi"), (2**20 + 1, "3Mi"), (2**30, "1025Mi")]
)
def test_a_copied_model_has_room_and_one_mebibyte_to_spare(size: int, limit: str) -> None:
    assert values(deploy=COPIED.deploy, release=record("churn", artifact_bytes=size))["copied"].limit == limit


def test_what_is_copied_is_all_that_an_artifact_holds() -> None:
    copied = values(deploy=COPIED.deploy)["copied"]
    assert copied.lend == ("/usr/bin/busybox", "cp", "/usr/bin/busybox", "/tools/busybox")
    assert copied.fetch[:2] == ("/tools/busybox", "cp")
    assert copied.fetch[-1] == "/model/"
    assert copied.fetch[2:-1] == tuple(f"/{name}" for name in FILES)
    assert values()["copied"] is None


def test_what_an_environment_leaves_out_is_empty() -> None:
    found = values(environment=PLAIN)
    assert (found["allow_from"], found["pull_secrets"]) == ((), ())
    assert values()["pull_secrets"] == ("registry",)


def test_a_priority_class_is_named_after_its_environment() -> None:
    assert priority_class("staging") == values()["priority_class"] == "ordain.staging"
