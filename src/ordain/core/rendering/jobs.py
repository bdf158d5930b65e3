"""Work on a schedule, from a spec: the batch that scores, and the monitor that reads the prediction log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ordain.core.rendering.objects import Wanted
from ordain.core.rendering.workload import (
    MODELS,
    Copied,
    Unit,
    configured,
    container_resources,
    copied_for_job,
    identity_variables,
    literal,
    model_kibibytes,
    pod_selector,
    unit_labels,
)
from ordain.core.specs import bounds
from ordain.core.specs.deployment import CHOICES, DATA_FOLDER, SHARD, Batch, Job, Scheduled, Watch
from ordain.core.specs.identity import essence
from ordain.core.specs.predictionlog import Compact, PredictionLog, watched_log
from ordain.core.value import Value

TOKEN_FOLDER = "/srv/alarms"  # noqa: S105 - a folder
CHANGES = 2  # the exit code of a monitor that raised an alarm (docs/exit-codes.md)


class JobValues(Value, frozen=True, kw_only=True):
    """What the templates of a job may name, beside the values of its model.

    Attributes:
        file: what its files' names start with. name: of every object that it consists of.
        image: what it runs in. copied: how it gets the model; None when the cluster mounts it.
        reads_model: whether it needs the model at all.
        command, arguments: what runs; `$(ORDAIN_SHARD)` in an argument is the part's number.
        token: the Secret with the token of a forge that is told. final_codes: exit codes after which
            trying again is of no use.
    """

    file: str
    name: str
    image: str
    copied: Copied | None
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
    reads_model: bool = True
    sharded: bool = False
    shards: int = 1
    parallelism: int = 1
    token: str | None = None
    token_folder: str = TOKEN_FOLDER
    final_codes: tuple[int, ...] = ()
    data_folder: str = DATA_FOLDER


def jobs(unit: Unit) -> tuple[JobValues, ...]:
    """Every job of a model: its batch, its monitor, and what compacts its log."""
    batch = (_batch(unit, unit.deploy.batch),) if unit.form == "batch" and unit.deploy.batch else ()
    watch = (_watch(unit, unit.monitoring.watch),) if unit.monitoring.watch else ()
    compact = (_compact(unit, unit.log, unit.log.compact),) if unit.log and unit.log.compact else ()
    return (*batch, *watch, *compact)


def wanted_of(job: JobValues) -> tuple[Wanted, ...]:
    """The objects of a job, in the order in which they are applied."""
    kinds = ("serviceaccount", "networkpolicy", "cronjob")
    own: dict[str, object] = {"job": job, "networks": job.allow_to}
    return tuple(
        Wanted(file=f"{job.file}{kind}", template=f"job/{kind}", name=job.name, own=own) for kind in kinds
    )


def _batch(unit: Unit, batch: Batch) -> JobValues:
    model = unit.target.model
    places = tuple(_argument(each) for each in (batch.input, batch.output))
    return _job(
        unit,
        batch,
        _reach(batch),
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
    target, environment = unit.target, unit.environment
    # Without a log there is no monitor: `check` refuses it.
    log = watched_log(target.model, unit.monitoring, environment.prediction_log) or ""
    where = ("--artifact", f"{MODELS}/{target.model}", "--log", _argument(log))
    of = f"{target.model}@{target.environment}"
    return _job(
        unit,
        watch,
        _watched_reach(unit, watch),
        file="monitor-",
        # A model's name holds no dot, so no model's object has this one.
        name=f"{target.model}.monitor",
        component="monitor",
        command=("ordain", "monitor"),
        arguments=(of, *where, "--exit-code", *chosen_words(watch), *label_words(unit), *alarm_words(unit)),
        suspend=watch.suspend,
        concurrency="Forbid",
        final_codes=(CHANGES,),
    )


def _compact(unit: Unit, log: PredictionLog, compact: Compact) -> JobValues:
    model = unit.target.model
    kept = (f"--keep-days={compact.keep_days}",) if compact.keep_days else ()
    return _job(
        unit,
        compact,
        _reach(log),
        file="compact-",
        name=f"{model}.compact",
        component="compact",
        command=("ordain", "compact"),
        arguments=(_argument(log.of(model)), *kept),
        suspend=False,
        concurrency="Forbid",
        copied=None,
        reads_model=False,
    )


def _reach(of: Job | PredictionLog) -> dict[str, object]:
    """What a job may reach beyond its pod."""
    claim = of.claim if isinstance(of, Job) else None
    return {"allow_to": of.allow_to, "credentials": of.credentials, "claim": claim}


def _watched_reach(unit: Unit, watch: Watch) -> dict[str, object]:
    """What a monitor may reach: its log, wherever that is said, and the forge that it tells."""
    log: Job | PredictionLog = watch if watch.log else unit.environment.prediction_log or watch
    alarms, reach = unit.environment.alarms, _reach(log)
    if alarms is None:
        return reach
    networks = (*log.allow_to, *alarms.allow_to)
    return {**reach, "allow_to": networks, "variables": alarm_variables(unit), "token": alarms.secret}


def _job(unit: Unit, job: Scheduled, reach: Mapping[str, Any], component: str, **own: object) -> JobValues:
    selector = pod_selector(unit.target.model, component)
    version = {"app.kubernetes.io/version": str(unit.release.number)}
    shared = ("schedule", "time_zone", "deadline_seconds", "start_deadline_seconds", "retries",
              "keep_successful", "keep_failed")  # fmt: skip
    fields: dict[str, object] = {name: getattr(job, name) for name in shared}
    fields |= {
        **reach,
        "image": unit.environment.runtime.for_jobs,
        "copied": copied_for_job(unit),
        "container": component,
        "selector": selector,
        "labels": {**selector, **unit_labels(unit), **version},
        "variables": {
            **identity_variables(unit),
            **configured(reach["credentials"]),
            **reach.get("variables", {}),
        },
        "resources": container_resources(
            unit, unit.deploy.resources, model_kibibytes(unit) if unit.appended else 0
        ),
        **own,
    }
    return JobValues(**fields)  # type: ignore[arg-type]  # every field is set above by its own name


def chosen_words(watch: Watch) -> tuple[str, ...]:
    """How a monitor cuts and judges, where that is not the command's default."""
    said = essence(watch)
    return tuple(f"--{name}={said[name]}" for name in CHOICES if name in said)


def label_words(unit: Unit) -> tuple[str, ...]:
    """What a monitor is told of labels: where they are, what they are called, and which gates judge them."""
    labels = unit.monitoring.watch.labels if unit.monitoring.watch else None
    if labels is None:
        return ()
    said = {"labels": labels.url, "label-id": labels.id, "label-column": labels.label}
    words = [f"--{name}={literal(value)}" for name, value in said.items()]
    words += [f"--label-delay={labels.delay_hours}h"] if labels.delay_hours else []
    words += [f"--gates={literal(bounds.encode(unit.bounds))}"] if unit.bounds else []
    return tuple(words)


def alarm_words(unit: Unit) -> tuple[str, ...]:
    """Which forge a monitor tells."""
    alarms = unit.environment.alarms
    if alarms is None:
        return ()
    return f"--tell={alarms.repository}", f"--forge={alarms.forge}", f"--branch={alarms.branch}"


def alarm_variables(unit: Unit) -> dict[str, str]:
    """Where a monitor finds the token of the forge that it tells."""
    alarms = unit.environment.alarms
    return {} if alarms is None else {f"{alarms.forge.upper()}_TOKEN_FILE": f"{TOKEN_FOLDER}/token"}


def _argument(url: str) -> str:
    """A URL as an argument, in which only the part is a variable."""
    return literal(url).replace(SHARD, "$(ORDAIN_SHARD)")
