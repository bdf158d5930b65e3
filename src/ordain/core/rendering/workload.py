"""What the templates may say about one model: every value composed here, from the intent's parts only."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from ordain.core.artifacts.artifact import FILES
from ordain.core.gating.release import Release
from ordain.core.rendering.quantities import kibibytes, of_container, quantity
from ordain.core.specs.bounds import Bounds
from ordain.core.specs.deployment import Deploy, Monitoring, Resources
from ordain.core.specs.governance import Environment
from ordain.core.specs.identity import Target
from ordain.core.specs.predictionlog import PredictionLog
from ordain.core.specs.workers import resources_of
from ordain.core.value import Value

USER = 10001
MODELS = "models"
CREDENTIALS_FOLDER = "/srv/credentials"
SALT_FOLDER = "/srv/salt"
PREDICTION_LOG = "log/predictions"
# The static binary in every runtime image that copies an artifact's files where the cluster can't mount it.
COPIER = "/usr/bin/busybox"
COPIER_KIBIBYTES = 8 * 1024
# Five files of 8 MiB at most (`runtime.sinks.Rotation`), and one to spare.
LOG_KIBIBYTES = 48 * 1024

Form = Literal["rest", "canary", "kserve", "edge", "batch"]
# The component of the pods of each form, which their selector names.
COMPONENTS: dict[Form, str] = {"batch": "batch"}


class Unit(Value, frozen=True, kw_only=True):
    """One model in one environment: what its intent covers, and nothing else.

    Attributes:
        target: which one. intent: its digest, which the pods carry.
        environment: its settings; the pins play no part.
        owner, risk, deploy, monitoring: the deployment slice. release: the pinned record, by digest.
        appended: digest of the image that holds runtime and model; None when the model comes on its own.
        bounds: gates that its monitor judges labels by; None without labels.
    """

    target: Target
    intent: str
    environment: Environment
    owner: str
    risk: str
    deploy: Deploy
    monitoring: Monitoring
    release: Release
    appended: str | None = None
    bounds: Bounds | None = None

    @property
    def form(self) -> Form:
        """In which form it runs; `core.validate_deploy` refuses every other combination."""
        if self.deploy.mode != "rest":
            return self.deploy.mode
        if self.deploy.platform == "kserve":
            return "kserve"
        return "canary" if self.deploy.rollout == "canary" else "rest"

    @property
    def log(self) -> PredictionLog | None:
        """Where its servers log to; None when that is a folder of the pod, or when they log nothing."""
        logs = self.form != "batch" and self.monitoring.prediction_log
        return self.environment.prediction_log if logs else None

    @property
    def knative(self) -> bool:
        """Whether KServe runs it on Knative, which alone splits traffic."""
        return self.form == "kserve" and self.deploy.rollout == "canary"


class Copied(Value, frozen=True, kw_only=True):
    """How init containers bring the model where the cluster has no image volumes.

    `lend` runs in the pod's own image and copies its static binary to a shared folder; `fetch` runs that
    binary in the artifact image, which holds the files and no program of its own. An image that holds
    runtime and model has a binary, so nothing is lent.
    """

    lend: tuple[str, ...]
    fetch: tuple[str, ...]
    limit: str
    tools_limit: str


def priority_class(environment: str) -> str:
    """The name of an environment's priority class; these names are the cluster's, not a namespace's."""
    return f"ordain.{environment}"


def artifact_image(unit: Unit) -> str:
    """Where the cluster pulls the pinned artifact from: the artifact itself, or the image that holds it."""
    return f"{unit.environment.registry}/{unit.target.model}@{unit.appended or unit.release.artifact}"


def model_values(unit: Unit) -> dict[str, object]:
    """What the templates of one model may name, by those names."""
    model, deploy, environment = unit.target.model, unit.deploy, unit.environment
    limit = kibibytes(deploy.resources.limits.ephemeral_storage)
    copied = _copied(unit) if deploy.model_delivery == "init-container" else None
    selector = pod_selector(model, COMPONENTS.get(unit.form, "server"))
    labels = {**selector, **unit_labels(unit)}
    return {
        "model": model,
        "namespace": environment.namespace,
        "labels": labels,
        "release_labels": {**labels, "app.kubernetes.io/version": str(unit.release.number)},
        "selector": selector,
        "annotations": _annotations(unit),
        "deploy": deploy,
        "priority_class": priority_class(unit.target.environment),
        "allow_from": _callers(environment),
        "image": artifact_image(unit) if unit.appended else environment.runtime.image,
        "appended": unit.appended is not None,
        "pull_secrets": environment.runtime.pull_secrets,
        "artifact": artifact_image(unit),
        "user": USER,
        "arguments": _arguments(unit),
        "variables": _variables(unit),
        "model_folder": _folder(unit),
        "copied": copied,
        "resources": _resources(unit),
        "confinement": _confinement(unit),
        "log_limit": quantity(_log_kibibytes(unit)) if _log_kibibytes(unit) else None,
        "log": unit.log,
        "networks": _networks(unit),
        "credentials_folder": CREDENTIALS_FOLDER,
        "salt_folder": SALT_FOLDER,
        "edge": deploy.edge if unit.form == "edge" else None,
        "kserve": unit.form == "kserve",
        "knative": unit.knative,
        "deployment_mode": "Knative" if unit.knative else "Standard",
        "tmp_limit": quantity(max(limit // 2, 1)),  # Kubernetes takes 0 for no limit
    }


def pod_selector(model: str, component: str) -> dict[str, str]:
    """The labels by which a model's pods of one kind are found, and no other pods."""
    return {"app.kubernetes.io/name": model, "app.kubernetes.io/component": component}


def unit_labels(unit: Unit) -> dict[str, str]:
    """Labels beyond the selector. Names are at most 40 characters, so each fits in a label's 63."""
    return {
        "app.kubernetes.io/instance": unit.target.model,
        "app.kubernetes.io/part-of": "ordain",
        "app.kubernetes.io/managed-by": "ordain",
        "ordain.dev/environment": unit.target.environment,
        "ordain.dev/owner": unit.owner,
        "ordain.dev/risk": unit.risk,
    }


def _annotations(unit: Unit) -> dict[str, str]:
    """What leads from a pod to the ledger: `ordain why` starts from these."""
    return {
        "ordain.dev/environment": unit.target.environment,
        "ordain.dev/model": unit.target.model,
        "ordain.dev/intent": unit.intent,
        "ordain.dev/release": unit.release.ref.label,
        "ordain.dev/artifact": unit.release.artifact,
    }


def _arguments(unit: Unit) -> tuple[str, ...]:
    model, deploy = unit.target.model, unit.deploy
    words = (f"{MODELS}/{model}", "--name", model, "--host", "0.0.0.0")  # noqa: S104 - a pod's own address
    workers = ("--workers", str(deploy.workers)) if deploy.workers > 1 else ()
    traces = ("--traces",) if deploy.traces else ()
    chosen = ("--port", str(deploy.port), "--invalid-input", deploy.invalid_input)
    return (*words, *chosen, *workers, *traces)


def _variables(unit: Unit) -> dict[str, str]:
    variables = identity_variables(unit)
    if unit.log:
        variables["ORDAIN_PREDICTION_LOG"] = literal(unit.log.of(unit.target.model))
        variables |= configured(unit.log.credentials)
        if unit.log.salt_secret:
            variables["ORDAIN_LOG_SALT_FILE"] = f"{SALT_FOLDER}/salt"
    elif unit.monitoring.prediction_log:
        variables["ORDAIN_PREDICTION_LOG"] = PREDICTION_LOG
    if unit.deploy.traces:
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = unit.deploy.traces.endpoint
    return variables


def literal(text: str) -> str:
    """Text for a command or a variable, in which the kubelet takes `$(NAME)` for a variable."""
    return text.replace("$", "$$")


def configured(credentials: str | None) -> dict[str, str]:
    """What tells fsspec where its settings are."""
    return {"FSSPEC_CONFIG_DIR": CREDENTIALS_FOLDER} if credentials else {}


def identity_variables(unit: Unit) -> dict[str, str]:
    """By which every process of a model knows what it is, and refuses any other artifact."""
    return {
        "ORDAIN_ENVIRONMENT": unit.target.environment,
        "ORDAIN_INTENT": unit.intent,
        "ORDAIN_RELEASE": unit.release.ref.label,
        "ORDAIN_ARTIFACT": unit.release.artifact,
    }


def _networks(unit: Unit) -> tuple[str, ...]:
    """What a server may reach: its log, and the collector of its traces."""
    log = unit.log.allow_to if unit.log else ()
    traces = unit.deploy.traces.allow_to if unit.deploy.traces else ()
    return tuple(dict.fromkeys((*log, *traces)))


def _callers(environment: Environment) -> tuple[str, ...]:
    """The namespaces whose pods may open a connection: callers, and whoever scrapes the metrics."""
    scraper = (environment.prometheus.namespace,) if environment.prometheus else ()
    return tuple(dict.fromkeys((*environment.allow_from, *scraper)))


def _confinement(unit: Unit) -> dict[str, object]:
    """The security context of every container: Pod Security's restricted profile, and a read-only root.

    Knative knows no `privileged`, which is off when it is not said.
    """
    return {
        "allowPrivilegeEscalation": False,
        **({} if unit.knative else {"privileged": False}),
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _resources(unit: Unit) -> dict[str, dict[str, str]]:
    """What a server asks for and may use, its log included."""
    return container_resources(unit, resources_of(unit.deploy), _log_kibibytes(unit))


def _log_kibibytes(unit: Unit) -> int:
    """Room for the log of a pod that keeps it: files of its own for each process."""
    return LOG_KIBIBYTES * unit.deploy.workers if unit.monitoring.prediction_log and not unit.log else 0


def container_resources(unit: Unit, resources: Resources, extra: int = 0) -> dict[str, dict[str, str]]:
    """Requests and limits. The volumes that Ordain adds count as storage of the pod, so they come on top
    of what the spec gives the process; otherwise the kubelet would evict a pod for its own log.

    Args:
        unit: the model. resources: of the process.
        extra: KiB of volumes beside those of a copied model.
    """
    if unit.deploy.model_delivery == "init-container":
        extra += model_kibibytes(unit) + COPIER_KIBIBYTES
    return {
        "requests": of_container(resources.requests, extra),
        "limits": of_container(resources.limits, extra),
    }


def _folder(unit: Unit) -> str:
    return f"/srv/{MODELS}/{unit.target.model}"


def _copied(unit: Unit) -> Copied:
    sources = [f"/{name}" for name in FILES]
    return Copied(
        lend=(COPIER, "cp", COPIER, "/tools/busybox"),
        fetch=("/tools/busybox", "cp", *sources, "/model/"),
        limit=quantity(model_kibibytes(unit)),
        tools_limit=quantity(COPIER_KIBIBYTES),
    )


def copied_for_job(unit: Unit) -> Copied | None:
    """How a job gets the model that its own image does not hold; None when the cluster mounts it."""
    if unit.appended is None:
        return _copied(unit) if unit.deploy.model_delivery == "init-container" else None
    sources = [f"{_folder(unit)}/{name}" for name in FILES]
    fetch = (COPIER, "cp", *sources, "/model/")
    return replace(_copied(unit), lend=(), fetch=fetch)


def model_kibibytes(unit: Unit) -> int:
    """Room for the artifact, in whole MiB and one to spare."""
    return (-(-unit.release.artifact_bytes // 2**20) + 1) * 1024
