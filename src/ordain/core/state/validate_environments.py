"""Environments, their pins and the release records that pins need."""

from __future__ import annotations

from collections.abc import Iterator

from ordain.core.problems import Problem, did_you_mean
from ordain.core.specs.deployment import Deploy
from ordain.core.specs.governance import Environment
from ordain.core.specs.predictionlog import watched_log
from ordain.core.specs.spec import Spec
from ordain.core.state.declared import MODELS, Declared, environment_path, release_path
from ordain.core.state.validate_deploy import log_faults
from ordain.core.yaml.yamldoc import Path
from ordain.core.yaml.yamlscalars import Fault

# Folders of `manifests/` that are no environment.
RESERVED_ENVIRONMENTS = ("argocd", "flux", "ledger")
# Namespaces that belong to the cluster.
RESERVED_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
# Environment, dash and model together name objects whose names become label values.
LABEL_LIMIT = 63
# A pin of what there is no record of also stops the verbs that would make one.
UNPIN = "remove the pin, then: ordain run, and ordain release, which pins what it records"


def environment_problems(declared: Declared) -> Iterator[Problem]:
    """Everything wrong with `environments/`."""
    environments = declared.instance.environments
    spaces: dict[str, str] = {}
    for name, environment in sorted(environments.items()):
        file = environment_path(name)
        if name in RESERVED_ENVIRONMENTS:
            message = f"`{name}` is a folder of manifests/ and cannot name an environment"
            yield declared.at_value(file, (), Fault("reserved-name", message, "rename the file"))
        space, where = environment.namespace, ("namespace",)
        if space in RESERVED_NAMESPACES or space.startswith("kube-"):
            message = f"the namespace `{space}` belongs to the cluster"
            yield declared.at_value(file, where, Fault("reserved-name", message, f"such as `ml-{name}`"))
        if space in spaces:
            message = f"the environment `{spaces[space]}` has the namespace `{space}` already"
            yield declared.at_value(file, where, Fault("repeated", message, "give each its own"))
        spaces.setdefault(space, name)
        if environment.prediction_log:
            for path, fault in log_faults(environment.prediction_log, ("prediction_log",)):
                yield declared.at_value(file, path, fault)
        yield from _alarms(declared, name)
        yield from _pins(declared, name)
    yield from _order(declared)


def _alarms(declared: Declared, name: str) -> Iterator[Problem]:
    """Monitors that tell another forge than the one whose jobs open requests."""
    alarms, forge = declared.instance.environments[name].alarms, declared.instance.policy.forge
    if alarms is not None and forge not in ("local", alarms.forge):
        message = f"monitors tell {alarms.forge}, and the requests of this repository are on {forge}"
        advice = f"write `forge: {forge}`, with the page, the token and the networks of its repository"
        yield declared.at_value(
            environment_path(name), ("alarms", "forge"), Fault("other-forge", message, advice)
        )


def release_problems(declared: Declared) -> Iterator[Problem]:
    """Records whose content differs from their digest or from their path."""
    for model, records in sorted(declared.instance.releases.items()):
        for number, record in records.items():
            file = release_path(model, number)
            if record.model != model:
                message = f"the record says `{record.model}`, its folder says `{model}`"
                yield declared.at_value(file, ("model",), Fault("release-path", message, _restore(file)))
            if record.number != number:
                message = f"the record says {record.number}, its file name says {number}"
                yield declared.at_value(file, ("number",), Fault("release-path", message, _restore(file)))
            if record.digest != record.computed_digest():
                message = "the record was edited: its digest is not that of its content"
                yield declared.at_value(file, ("digest",), Fault("release-edited", message, _restore(file)))


def _restore(file: str) -> str:
    return f"git checkout HEAD -- {file}, or remove it and run `ordain release`"


def _pins(declared: Declared, name: str) -> Iterator[Problem]:
    instance, file = declared.instance, environment_path(name)
    models = instance.models.models
    for model, pin in sorted(instance.environments[name].models.items()):
        where: Path = ("models", model)
        records = instance.releases.get(model, {})
        if model not in models:
            advice = did_you_mean(model, models) or f"remove the pin, or add the model to {MODELS}"
            if records:  # it is no slip of the pen
                advice = "remove the pin: a renamed model is another model, which `ordain release` pins anew"
            unknown = Fault("unknown-model", f"the model `{model}` is not in {MODELS}", advice)
            yield declared.at_key(file, where, unknown)
        else:
            for fault in _needs(model, models[model], instance.environments[name]):
                yield declared.at_key(file, where, fault)
        if pin.release not in records:
            there = ", ".join(str(number) for number in sorted(records)[-5:])
            advice = f"the latest records are {there}" if there else UNPIN
            message = f"there is no record of {model}@{pin.release}"
            fault = Fault("unknown-release", message, advice)
            yield declared.at_value(file, (*where, "release"), fault)
        length = len(name) + 1 + len(model)
        if length > LABEL_LIMIT:
            message = f"`{name}-{model}` has {length} characters, and Kubernetes takes {LABEL_LIMIT}"
            yield declared.at_key(file, where, Fault("name-too-long", message, "shorten one of the two"))


def _needs(model: str, spec: Spec, environment: Environment) -> Iterator[Fault]:
    """What a spec asks of the environment that runs it, and that is not there."""
    platform = _platform(spec.deploy, environment)
    if platform:
        yield platform
    watch = spec.monitoring.watch
    if watch and watched_log(model, spec.monitoring, environment.prediction_log) is None:
        message = f"the monitor of {model} has no log to read: neither the spec nor this file names one"
        advice = f"name it in `watch.log` of {model} in {MODELS}, or add `prediction_log` here"
        yield Fault("watch-without-log", message, advice)
    elif watch and watch.log is None and spec.deploy.mode == "batch":
        message = f"the monitor of {model} would read where servers log, and a batch writes no prediction log"
        advice = f"name in `watch.log` of {model} in {MODELS} what somebody writes there, or remove `watch`"
        yield Fault("watch-without-log", message, advice)
    if environment.runtime.jobs_image is None:
        log = environment.prediction_log if spec.monitoring.prediction_log else None
        compact = log is not None and log.compact is not None and spec.deploy.mode != "batch"
        work = {"batch": spec.deploy.mode == "batch", "monitor": watch is not None, "compaction": compact}
        there = [name for name, wanted in work.items() if wanted]
        if there:
            message = f"the {there[0]} of {model} can't run in the servers' image, and no other is named"
            advice = "build one with scripts/image, and name it in `runtime.jobs_image`"
            yield Fault("jobs-without-image", message, advice)


def _platform(deploy: Deploy, environment: Environment) -> Fault | None:
    """What a canary needs of the environment that it runs in."""
    if deploy.rollout != "canary":
        return None
    if deploy.platform == "kserve":
        message = "a canary on KServe runs on Knative, whose proxy the cluster would refuse in every pod"
        advice = "add the queue-proxy's image, by digest, to `sidecars`"
        return None if environment.sidecars else Fault("canary-without-sidecar", message, advice)
    address = environment.prometheus.address if environment.prometheus else None
    message = "a canary is judged by its metrics, and this environment names no Prometheus to ask"
    advice = "add `prometheus: {namespace, address}`"
    return None if address else Fault("canary-without-metrics", message, advice)


def _order(declared: Declared) -> Iterator[Problem]:
    """Promotion goes along one tree: exactly one first environment, and from there to every other."""
    environments = declared.instance.environments
    before = {name: each.promotes_from for name, each in sorted(environments.items())}
    first = [name for name, earlier in before.items() if earlier is None]
    for name, earlier in before.items():
        file, where = environment_path(name), ("promotes_from",)
        if earlier is None:
            if len(first) > 1:
                message = f"releases are pinned in one first environment, and there are {', '.join(first)}"
                fault = Fault("several-first-environments", message, "add `promotes_from` to all but one")
                yield declared.at_value(file, (), fault)
        elif earlier not in environments:
            advice = did_you_mean(earlier, environments) or f"add {environment_path(earlier)}"
            fault = Fault("unknown-environment", f"there is no environment `{earlier}`", advice)
            yield declared.at_value(file, where, fault)
        elif _leads_back(name, before):
            message = f"promotion leads from `{name}` back to `{name}`"
            yield declared.at_value(file, where, Fault("promotion-cycle", message, "make one the first"))


def _leads_back(name: str, before: dict[str, str | None]) -> bool:
    seen, at = set[str](), before[name]
    while at is not None and at not in seen:
        if at == name:
            return True
        seen.add(at)
        at = before.get(at)
    return False
