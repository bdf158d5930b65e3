"""What a clone says about a model: from where its monitor reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ordain.cli.monitor import declared_log
from ordain.errors import UserError
from ordain.services.monitoring.watched import Approved, watched
from ordain.services.requests.pinned import Pinned, pinned
from tests.watch.world import artifact

REPLICAS = "replicas: {min: 2, max: 4}"
WATCH = "\n    monitoring: {watch: {schedule: '30 4 * * *'%s}}"
LOG = "prediction_log: {url: 's3://logs/', allow_to: [10.0.0.0/8]}\n"
OWN = ", log: 's3://own', allow_to: [10.0.0.0/8]"


def found(folder: Path, files: dict[str, bytes], watch: str, environment: str) -> Pinned:
    changed = {
        "models.yaml": files["models.yaml"].decode().replace(REPLICAS, REPLICAS + watch).encode(),
        "environments/staging.yaml": files["environments/staging.yaml"] + environment.encode(),
    }
    for name, data in {**files, **changed}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return pinned(folder, "churn", "staging")


@pytest.mark.parametrize(
    ("watch", "environment", "log"),
    [
        ("", "", None),
        (WATCH % OWN, "", "s3://own"),
        (WATCH % OWN, LOG, "s3://own"),
        (WATCH % "", LOG, "s3://logs/churn"),
        ("", LOG, "s3://logs/churn"),
    ],
)
def test_the_log_is_the_specs_or_else_the_environments(
    state_files: dict[str, bytes], tmp_path: Path, watch: str, environment: str, log: str | None
) -> None:
    declared = found(tmp_path, state_files, watch, environment)
    assert (declared.log, declared.release) == (log, None)
    subject = watched(tmp_path, "churn@staging", artifact(tmp_path / "artifact"), Approved())
    if log:
        assert declared_log(subject) == log
    else:
        with pytest.raises(UserError, match="no prediction log is named"):
            declared_log(subject)


def test_a_model_that_is_not_pinned_has_nothing_to_watch(
    state_files: dict[str, bytes], tmp_path: Path
) -> None:
    found(tmp_path, state_files, "", LOG)
    with pytest.raises(UserError, match="no release of churn is pinned in staging"):
        watched(tmp_path, "churn@staging", None, Approved())
