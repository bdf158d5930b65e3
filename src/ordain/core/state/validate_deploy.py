"""The deployment slice: bounds, forms that do not go together, and where jobs read and write."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ordain.core.data import batchfiles
from ordain.core.data.addresses import remote
from ordain.core.specs.deployment import (
    DATA_FOLDER,
    SHARD,
    Batch,
    Deploy,
    Gitops,
    Job,
    Monitoring,
    Quantities,
    Scheduled,
    Watch,
)
from ordain.core.specs.predictionlog import PredictionLog
from ordain.core.specs.spec import Spec
from ordain.core.specs.windows import Cut, alarm_of, window_of
from ordain.core.specs.workers import resources_of
from ordain.core.state.validate_data import Finding, has_credentials
from ordain.core.yaml.yamldoc import Path
from ordain.core.yaml.yamlscalars import Fault

_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
# Lowest and highest of each field of a schedule. Kubernetes takes 0 to 6 for weekdays, and no 7.
_SCHEDULE = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}
_LOCAL = f"file://{DATA_FOLDER}/"


def deploy_faults(deploy: Deploy, path: Path) -> Iterator[Finding]:
    """Bounds the wrong way round, and forms that do not go together.

    Args:
        deploy: the deployment slice. path: of it in `models.yaml`.
    """
    yield from _forms(deploy, path)
    if deploy.batch:
        yield from _batch(deploy.batch, (*path, "batch"))
    low, high = deploy.replicas.min, deploy.replicas.max
    if low > high:
        message = f"`min` {low} is greater than `max` {high}"
        yield (*path, "replicas", "min"), Fault("min-above-max", message)
    resources = resources_of(deploy)
    requests, limits = _amounts(resources.requests), _amounts(resources.limits)
    for name, (amount, written) in requests.items():
        if amount > limits[name][0]:
            message = f"the request {written} is greater than the limit {limits[name][1]}"
            yield (*path, "resources", "requests", name), Fault("request-above-limit", message)
    if requests["cpu"][0] == 0:
        message = "a request of no CPU gives the autoscaler nothing to compare its target with"
        yield (*path, "resources", "requests", "cpu"), Fault("out-of-range", message)
    for name, (amount, written) in limits.items():
        if amount == 0:
            fault = Fault("out-of-range", f"a limit of {written} lets nothing run")
            yield (*path, "resources", "limits", name), fault


def monitoring_faults(monitoring: Monitoring, path: Path) -> Iterator[Finding]:
    """A monitor that could not read anything.

    Args:
        monitoring: what is watched. path: of it in `models.yaml`.
    """
    watch = monitoring.watch
    if watch is None:
        return
    where = (*path, "watch")
    if not monitoring.prediction_log:
        message = "there is no prediction log to watch: `prediction_log` is false"
        yield where, Fault("watch-without-log", message, "set `prediction_log: true`, or remove `watch`")
    yield from schedule_faults(watch, where)
    if watch.log is not None:
        yield from _place(watch, watch.log, (*where, "log"))
    if watch.labels:
        yield from _place(watch, watch.labels.url, (*where, "labels", "url"))
    yield from _windows(watch, where)


def _windows(watch: Watch, path: Path) -> Iterator[Finding]:
    """Windows that could not be cut, or whose season is out of reach."""
    alarm = alarm_of(watch.alarm)
    if alarm is None:
        fault = Fault("out-of-range", f"`{watch.alarm}` asks for more windows than there are", "such as 2/3")
        yield (*path, "alarm"), fault
        return
    length, rows = window_of(watch.window) or (0.0, 0)
    season, _ = window_of(watch.season or "") or (0.0, 0)
    delay = watch.labels.delay_hours * 3600.0 if watch.labels else 0.0
    cut = Cut(length=length, rows=rows, windows=alarm[1], season=season, delay=delay, asked=watch.horizon)
    misfit = cut.misfit()
    if misfit:
        key, why = misfit
        yield (*path, key), Fault("out-of-range", why)


def gitops_faults(gitops: Gitops, path: Path) -> Iterator[Finding]:
    """A repository that nothing follows."""
    if gitops.argocd is None and gitops.flux is None:
        message = "neither `argocd` nor `flux` is said, so nothing is told to follow it"
        yield path, Fault("gitops-without-tool", message, "add `argocd: {}` or `flux: {}`")


def _forms(deploy: Deploy, path: Path) -> Iterator[Finding]:
    if deploy.mode == "batch" and deploy.batch is None:
        message = "mode `batch` needs a schedule, an input and an output"
        yield (*path, "mode"), Fault("batch-missing", message, "add `batch: {schedule, input, output}`")
    if deploy.mode != "batch" and deploy.batch is not None:
        message = f"mode `{deploy.mode}` runs no batch"
        yield (*path, "batch"), Fault("other-mode", message, "set `mode: batch`, or remove it")
    for key, said in (("workers", deploy.workers > 1), ("traces", deploy.traces is not None)):
        if deploy.mode == "batch" and said:
            message = f"`{key}` is for a server, and mode `batch` has none"
            yield (*path, key), Fault("other-mode", message, f"remove `{key}`")
    for key, value in (("platform", deploy.platform), ("rollout", deploy.rollout)):
        if deploy.mode != "rest" and value in ("kserve", "canary"):
            message = f"`{key}: {value}` is for mode `rest`, and this is mode `{deploy.mode}`"
            yield (*path, key), Fault("other-mode", message, f"remove `{key}`")
    if deploy.rollout == "canary" and deploy.platform != "kserve" and deploy.canary.percent == 100:
        message = "a canary of all traffic leaves nothing to go back to; Argo Rollouts finishes by itself"
        yield (*path, "canary", "percent"), Fault("out-of-range", message, "write 99 or less")


def _batch(batch: Batch, path: Path) -> Iterator[Finding]:
    yield from schedule_faults(batch, path)
    for key, url in (("input", batch.input), ("output", batch.output)):
        where = (*path, key)
        yield from _place(batch, url, where)
        if batch.shards > 1 and SHARD not in url:
            message = f"every one of the {batch.shards} parts would have the same {key}"
            yield where, Fault("shard-missing", message, f"put {SHARD} in it, such as part-{SHARD}.parquet")
        elif batch.shards == 1 and SHARD in url:
            message = f"{SHARD} is the number of a part, and there is one part only"
            yield where, Fault("shard-without-shards", message, "say how many in `shards`, or remove it")
    if batchfiles.format_of(_last(batch.input)) is None:
        message = "the name does not say which format it is"
        advice = "let it end in .parquet, .csv or .jsonl; text may be packed (.csv.gz)"
        yield (*path, "input"), Fault("format", message, advice)
    if not batchfiles.plain(_last(batch.output)):
        message = "output is written plain, as its name's ending says"
        yield (*path, "output"), Fault("format", message, "let it end in .parquet, .csv or .jsonl")
    if batchfiles.readable_only(batch.output):
        message = "such a URL can only be read"
        yield (*path, "output"), Fault("read-only", message, "write to a store, such as s3://")
    if batch.input in batchfiles.written(batch.output):
        message = "the output would replace the input"
        yield (*path, "output"), Fault("repeated", message, "write somewhere else")


def kept_faults(spec: Spec, path: Path) -> Iterator[Finding]:
    """Columns that a batch is to repeat and that its output has anyway.

    Args:
        spec: the model. path: of its `deploy` in `models.yaml`.
    """
    target = spec.data.columns.get(spec.data.target)
    answers = {"prediction"} if spec.task == "regression" else {"label"}
    if spec.task != "regression" and target is not None:
        answers |= {f"p_{each}" for each in target.categories or ()}
    for place, name in enumerate(spec.deploy.batch.keep if spec.deploy.batch else ()):
        if name in answers:
            message = f"the output has a column `{name}` of its own"
            yield (*path, "batch", "keep", place), Fault("kept-answer", message, "keep it under another name")


def _last(url: str) -> str:
    """The last segment of a URL."""
    return url.rstrip("/").rpartition("/")[2]


def schedule_faults(job: Scheduled, path: Path) -> Iterator[Finding]:
    """Times that no clock shows.

    Args:
        job: anything that runs on a schedule. path: of it in its file.
    """
    for (name, (low, high)), field in zip(_SCHEDULE.items(), job.schedule.split(" "), strict=True):
        bare, _, step = field.partition("/")
        numbers = [int(each) for each in re.findall(r"[0-9]+", bare)]
        ranges = [each.split("-") for each in bare.split(",") if "-" in each]
        message = ""
        if any(not low <= each <= high for each in numbers):
            message = f"its {name} `{field}` is not within {low} to {high}"
        elif any(int(first) > int(last) for first, last in ranges):
            message = f"its {name} `{field}` is a range the wrong way round"
        elif step and not 1 <= int(step) <= high:
            message = f"its {name} `{field}` has a step that is not within 1 to {high}"
        if message:
            yield (*path, "schedule"), Fault("schedule", message)


def _place(job: Job, url: str, path: Path) -> Iterator[Finding]:
    """Where a job reads or writes: on its claim, or in a network that it may reach; no password in it."""
    unknown = [each for each in _braces(url) if each != SHARD]
    if unknown:
        message = f"`{unknown[0]}` is nothing that is filled in"
        yield path, Fault("placeholder", message, f"only {SHARD} is")
    yield from _secrets(url, path)
    if not remote(url):
        if (
            job.claim is None
            or not url.startswith(_LOCAL)
            or {"..", ""} & set(url.removeprefix(_LOCAL).split("/"))
            or "::" in url
        ):
            message = f"files of a job are on its claim, below {DATA_FOLDER}"
            yield path, Fault("no-claim", message, f"name a `claim`, and write {_LOCAL}…")
    elif not job.allow_to:
        message = "no network is opened to it, so the job could not reach it"
        yield path, Fault("no-network", message, "add the network to `allow_to`")


def log_faults(log: PredictionLog, path: Path) -> Iterator[Finding]:
    """A log that servers could not write, or whose address says what it must not.

    Args:
        log: the environment's. path: of it in the environment's file.
    """
    where = (*path, "url")
    if _braces(log.url):
        message = f"`{_braces(log.url)[0]}` is nothing that is filled in"
        yield where, Fault("placeholder", message, "each model has a folder of its own there anyway")
    yield from _secrets(log.url, where)
    if re.search(r"[?#]", log.url):
        message = "an address with a query or a fragment has no folders below it"
        yield where, Fault("malformed", message, "put settings into the Secret that `credentials` names")
    if not remote(log.url):
        message = "a pod's own files end with it, and no job could read them"
        yield where, Fault("local-log", message, "name an object store, or remove `prediction_log`")
    if log.compact:
        yield from schedule_faults(log.compact, (*path, "compact"))


def _braces(url: str) -> list[str]:
    return re.findall(r"\{[^}]*\}?|\}", url)


def _secrets(url: str, path: Path) -> Iterator[Finding]:
    if has_credentials(url):
        message = "a password in an address would be in Git and in manifests"
        yield path, Fault("secret", message, "put it in the Secret that `credentials` names")


def _amounts(quantities: Quantities) -> dict[str, tuple[float, str]]:
    """Each quantity as a number, in cores or bytes, and as it is written."""
    amounts = {"cpu": (_cores(quantities.cpu), quantities.cpu)}
    for name in ("memory", "ephemeral_storage"):
        written: str = getattr(quantities, name)
        amounts[name] = (int(written[:-2]) * _UNITS[written[-2:]], written)
    return amounts


def _cores(written: str) -> float:
    return int(written[:-1]) / 1000 if written.endswith("m") else float(written)
