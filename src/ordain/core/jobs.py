"""Work on a schedule, from a spec: the batch that scores, and the monitor that reads the prediction log."""

from __future__ import annotations

from ordain.core.decisions import Value
from ordain.core.deployment import Batch, Job, Watch
from ordain.core.objects import Wanted
from ordain.core.workload import (
    MODELS,
    Unit,
    container_resources,
    identity_variables,
    pod_selector,
    unit_labels,
)

DATA_FOLDER = "/srv/data"
CREDENTIALS_FOLDER = "/srv/credentials"
SHARD = "{shard}"


class JobValues(Value, frozen=True, kw_only=True):
    """What the templates of a job may name, beside the values of its model.

    Attributes:
        file: what its files' names start with. name: of every object that it consists of.
        command, arguments: what runs; `$(ORDAIN_SHARD)` in an argument is the part's number.
    """

    file: str
    name: str
    container: str
    selector: dict[str, str]
    labels: dict[str, str]
    command: tuple[str, ...]
    arguments: tuple[str, ...]
    variables: dict[str, str]
    resources: dict[str, dict[str, str]]
    schedule: str
    time_zone: str
    suspend: bool
    concurrency: str
    deadline_seconds: int
    start_deadline_seconds: int
    retries: int
    keep_successful: int
    keep_failed: int
    allow_to: tuple[str, ...]
    credentials: str | None
    claim: str | None
    sharded: bool = False
    shards: int = 1
    parallelism: int = 1
    credentials_folder: str = CREDENTIALS_FOLDER
    data_folder: str = DATA_FOLDER


def jobs(unit: Unit) -> tuple[JobValues, ...]:
    """Every job of a model: its batch, and its monitor."""
    batch = (_batch(unit, unit.deploy.batch),) if unit.form == "batch" and unit.deploy.batch else ()
    watch = (_watch(unit, unit.monitoring.watch),) if unit.monitoring.watch else ()
    return (*batch, *watch)


def wanted_of(job: JobValues) -> tuple[Wanted, ...]:
    """The objects of a job, in the order in which they are applied."""
    kinds = ("serviceaccount", "networkpolicy", "cronjob")
    return tuple(
        Wanted(file=f"{job.file}{kind}", template=f"job/{kind}", name=job.name, own={"job": job})
        for kind in kinds
    )


def _batch(unit: Unit, batch: Batch) -> JobValues:
    model = unit.target.model
    places = tuple(_argument(each) for each in (batch.input, batch.output))
    return _job(
        unit,
        batch,
        file="",
        name=model,
        component="batch",
        command=("ordain", "score"),
        arguments=(f"{MODELS}/{model}", *places, *_choices(unit, batch)),
        suspend=batch.suspend,
        concurrency={"forbid": "Forbid", "replace": "Replace"}[batch.concurrency],
        sharded=batch.shards > 1,
        shards=batch.shards,
        parallelism=min(batch.parallelism or batch.shards, batch.shards),
    )


def _choices(unit: Unit, batch: Batch) -> tuple[str, ...]:
    """Options that are not the command's defaults; one word each, as a column may be called anything."""
    policy = unit.deploy.invalid_input
    chosen = () if policy == "reject" else (f"--invalid-input={policy}",)
    return (*chosen, *(f"--keep={name}" for name in batch.keep))


def _watch(unit: Unit, watch: Watch) -> JobValues:
    target = unit.target
    where = ("--artifact", f"{MODELS}/{target.model}", "--log", _argument(watch.log))
    return _job(
        unit,
        watch,
        file="monitor-",
        # A model's name holds no dot, so no model's object has this one.
        name=f"{target.model}.monitor",
        component="monitor",
        command=("ordain", "monitor"),
        arguments=(f"{target.model}@{target.environment}", *where),
        suspend=watch.suspend,
        concurrency="Forbid",
    )


def _job(unit: Unit, job: Job, component: str, **own: object) -> JobValues:
    selector = pod_selector(unit.target.model, component)
    version = {"app.kubernetes.io/version": str(unit.release.number)}
    shared = ("schedule", "time_zone", "deadline_seconds", "start_deadline_seconds", "retries",
              "keep_successful", "keep_failed", "allow_to", "credentials", "claim")  # fmt: skip
    fields: dict[str, object] = {name: getattr(job, name) for name in shared}
    configured = {"FSSPEC_CONFIG_DIR": CREDENTIALS_FOLDER} if job.credentials else {}
    fields |= {
        "container": component,
        "selector": selector,
        "labels": {**selector, **unit_labels(unit), **version},
        "variables": {**identity_variables(unit), **configured},
        "resources": container_resources(unit),
        **own,
    }
    return JobValues(**fields)  # type: ignore[arg-type]  # every field is set above by its own name


def _argument(url: str) -> str:
    """A URL as an argument: the kubelet reads `$(NAME)` as a variable, and here only the part is one."""
    return url.replace("$", "$$").replace(SHARD, "$(ORDAIN_SHARD)")
