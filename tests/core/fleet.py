"""A small fleet for tests of rendering: two environments, one release record a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml
from msgspec.structs import replace

from ordain.adapters.files import read_state
from ordain.core.gating.release import Champion, DataRecord, Release
from ordain.core.specs.alarms import Alarms
from ordain.core.specs.deployment import (
    ArgoCd,
    Batch,
    Canary,
    Deploy,
    Flux,
    Gitops,
    LabelSource,
    Monitoring,
    Watch,
)
from ordain.core.specs.governance import (
    Appended,
    Environment,
    Key,
    Pin,
    Policy,
    Prometheus,
    Runtime,
)
from ordain.core.specs.predictionlog import Compact, PredictionLog
from ordain.core.specs.spec import Models, Params, Spec
from ordain.core.state.declared import Instance
from ordain.core.state.instance import is_state_path, load

ROOT = Path(__file__).parents[2]
ARTIFACT, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
IMAGE = "registry.example/ordain/runtime@sha256:" + "ef" * 32
JOBS = "registry.example/ordain/jobs@sha256:" + "1e" * 32
COMBINED = "sha256:" + "0c" * 32
SPEC = msgspec.convert(
    {
        "owner": "retention",
        "description": "Which customers are about to leave.",
        "task": "binary",
        "risk": "high",
        "data": {
            "source": {"path": "data/rows.csv"},
            "target": "left",
            "positive": "Yes",
            "columns": {"left": {"type": "string"}, "age": {"type": "integer"}},
        },
        "selection": {"metric": "roc_auc"},
        "gates": {"quality": [{"metric": "roc_auc", "min": 0.8}]},
    },
    Spec,
)
STAGING = Environment(
    version=1,
    namespace="ml-staging",
    registry="registry.example/models",
    runtime=Runtime(image=IMAGE, pull_secrets=("registry",)),
    allow_from=("gateway", "monitoring"),
)
POLICY = Policy(
    version=1,
    repository="local/example",
    people={},
    collectors=(Key(key="ssh-ed25519 AAAA"),),
    rules=(),
    changes={"reviewer": 1},
)
# Everything that a spec or an environment can turn off is off, and the model is copied.
PLAIN = Environment(
    version=1,
    namespace="ml-production",
    promotes_from="staging",
    registry="registry.example/models",
    runtime=Runtime(image=IMAGE),
)
COPIED = replace(
    SPEC,
    owner="forecasting",
    risk="low",
    deploy=Deploy(model_delivery="init-container", port=9000, invalid_input="accept"),
    monitoring=Monitoring(prediction_log=False),
)


# Every form in which a model can run, everything about it said.
WATCH = Watch(schedule="17 * * * *", log="s3://logs/predictions", allow_to=("10.1.0.0/16",), credentials="s3")
BATCH = Batch(
    schedule="30 4 * * 1-5",
    input="file:///srv/data/in.parquet",
    output="file:///srv/data/out.parquet",
    claim="scores",
)
SHARDED = Batch(
    schedule="0 0,12 * * *",
    time_zone="Europe/Paris",
    input="s3://in/part-{shard}.parquet",
    output="s3://out/$(HOME)/part-{shard}.parquet",
    allow_to=("10.1.0.0/16", "10.2.3.4/32"),
    credentials="s3",
    shards=8,
    parallelism=3,
    concurrency="replace",
    suspend=False,
)
COPY: Literal["init-container"] = "init-container"
LABELLED = replace(
    WATCH,
    labels=LabelSource(url="s3://labels/$(HOME).parquet", id="prediction", label="left", delay_hours=720),
)
FORMS = {
    "rest": replace(SPEC, monitoring=Monitoring(watch=WATCH)),
    "labelled": replace(SPEC, monitoring=Monitoring(watch=LABELLED)),
    "logged": replace(SPEC, monitoring=Monitoring(watch=Watch(schedule="18 * * * *"))),
    "unlogged": replace(SPEC, monitoring=Monitoring(prediction_log=False)),
    "batch": replace(SPEC, deploy=Deploy(mode="batch", batch=BATCH, model_delivery=COPY)),
    "sharded": replace(SPEC, deploy=Deploy(mode="batch", batch=SHARDED), monitoring=Monitoring(watch=WATCH)),
    "edge": replace(SPEC, deploy=Deploy(mode="edge")),
    "edge-copied": replace(SPEC, deploy=Deploy(mode="edge", model_delivery=COPY)),
    "appended": replace(SPEC, deploy=Deploy(model_delivery="appended")),
    "batch-appended": replace(SPEC, deploy=Deploy(mode="batch", batch=BATCH, model_delivery="appended")),
    "kserve": replace(SPEC, deploy=Deploy(platform="kserve")),
    "kserve-copied": replace(SPEC, deploy=Deploy(platform="kserve", model_delivery=COPY)),
    "knative": replace(SPEC, deploy=Deploy(platform="kserve", rollout="canary", canary=Canary(percent=20))),
    "knative-finished": replace(
        SPEC, deploy=Deploy(platform="kserve", rollout="canary", canary=Canary(percent=100))
    ),
    "canary": replace(SPEC, deploy=Deploy(rollout="canary")),
}
SIDECAR = "registry.example/knative/queue@sha256:" + "12" * 32
PROMETHEUS = Prometheus(
    namespace="monitoring", labels={"release": "prometheus"}, address="http://prometheus.monitoring:9090"
)
MADE = Appended(image=COMBINED, runtime=IMAGE.partition("@")[2])
ALARMS = Alarms(
    forge="github",
    repository="https://github.com/acme/models",
    secret="ordain-alarms",
    allow_to=("10.9.0.0/16",),
)
LOG = PredictionLog(
    url="s3://logs/$(HOME)/",
    salt_secret="salt",
    credentials="logs",
    allow_to=("10.9.0.0/16",),
    compact=Compact(schedule="40 3 * * *", keep_days=90),
)
RUNTIME = replace(STAGING.runtime, jobs_image=JOBS)
WATCHED = replace(STAGING, runtime=RUNTIME, prometheus=PROMETHEUS, sidecars=(SIDECAR,), prediction_log=LOG)
GITOPS = Gitops(
    repository="https://git.example/team/models.git", argocd=ArgoCd(), flux=Flux(secret="models-reader")
)


def record(model: str, number: int = 1, **changes: Any) -> Release:
    """A release record that its own digest closes."""
    fields: dict[str, Any] = {
        **dict.fromkeys(("training_slice", "parameters", "code", "lock"), OTHER),
        "data": DataRecord(
            source=OTHER, rows=OTHER, train=OTHER, holdout=OTHER, row_count=100, holdout_count=20
        ),
        "champion": Champion(
            candidate="trees", estimator="xgboost.XGBClassifier", metric="roc_auc", score=0.84
        ),
        "artifact": ARTIFACT,
        "artifact_bytes": 3_000_000,
        "metrics": {"roc_auc": 0.84},
        "verdicts": (),
        "looks": 1,
        **changes,
    }
    release = Release(model=model, number=number, **fields)
    return replace(release, digest=release.computed_digest())


def fleet(models: dict[str, Spec], environments: dict[str, Environment], renderer: int = 1) -> Instance:
    """Every model, pinned at its release 1 in every environment."""
    pins = dict.fromkeys(models, Pin(release=1))
    images = {f"{name}@1": MADE for name, each in models.items() if each.deploy.model_delivery == "appended"}
    return Instance(
        models=Models(version=1, renderer=renderer, models=models),
        params=Params(version=1, candidates={}),
        policy=POLICY,
        environments={
            name: replace(each, models=pins, appended=images) for name, each in environments.items()
        },
        releases={name: {1: record(name)} for name in models},
    )


def example() -> Instance:
    """What the golden files hold: each kind of model in each kind of environment."""
    models = {"churn": SPEC, "demand": COPIED}
    return fleet(models, {"staging": STAGING, "production": PLAIN})


def forms() -> Instance:
    """Every form, in an environment that is watched and in one that is not; Argo CD and Flux follow both."""
    needy = ("canary", "knative", "knative-finished", "logged")
    unwatched = {name: each for name, each in FORMS.items() if name not in needy}
    found = fleet(FORMS, {"staging": WATCHED})
    pins = dict.fromkeys(unwatched, Pin(release=1))
    runtime = replace(PLAIN.runtime, jobs_image=JOBS)
    production = replace(PLAIN, runtime=runtime, models=pins, appended=found.environments["staging"].appended)
    environments = {**found.environments, "production": production}
    return replace(found, environments=environments, models=replace(found.models, gitops=GITOPS))


def own(**deploy: Any) -> Instance:
    """This repository's own declared state, `churn` pinned at a fixed release in every environment.

    Args:
        deploy: what `deploy` of the model says besides.
    """
    files = read_state(ROOT, is_state_path)
    models = yaml.safe_load(files["models.yaml"])
    models["models"]["churn"].setdefault("deploy", {}).update(deploy)
    loaded = load({**files, "models.yaml": yaml.safe_dump(models, sort_keys=False).encode()})
    assert loaded.instance is not None, loaded.problems
    assert not loaded.problems
    pins = {"churn": Pin(release=1)}
    environments = {name: replace(each, models=pins) for name, each in loaded.instance.environments.items()}
    return replace(loaded.instance, environments=environments, releases={"churn": {1: record("churn")}})
