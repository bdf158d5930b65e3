"""The types of the deployment slice: how a release runs, is watched, and reaches the cluster.

What a spec leaves out is in no identity (ADR 0008), so a form that a model does not use costs it nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from ordain.core.specs.parts import (
    BRANCH_PATTERN,
    BRANCH_WORDS,
    Bytes,
    Cidr,
    Column,
    Count,
    Cpu,
    GitUrl,
    LabelKey,
    LabelValue,
    Name,
    Part,
    Schedule,
    Url,
    matching,
)
from ordain.core.specs.windows import Alarm, Horizon, Season, Window

DATA_FOLDER = "/srv/data"
SHARD = "{shard}"


class Quantities(Part, frozen=True, kw_only=True):
    """Kubernetes quantities of one container."""

    cpu: Cpu
    memory: Bytes
    ephemeral_storage: Bytes = "64Mi"


class Resources(Part, frozen=True, kw_only=True):
    """What one container asks for and may use."""

    requests: Quantities = Quantities(cpu="100m", memory="192Mi")
    limits: Quantities = Quantities(cpu="1", memory="512Mi")


class Replicas(Part, frozen=True, kw_only=True):
    """Bounds of the horizontal autoscaler."""

    min: Count = 2
    max: Count = 4
    target_cpu_percent: Annotated[int, Meta(ge=10, le=100)] = 70


class Canary(Part, frozen=True, kw_only=True):
    """How a new release is tried on part of the traffic first."""

    percent: Annotated[
        int, Meta(ge=1, le=100, description="Share of the traffic; 100 finishes a roll-out on KServe.")
    ] = 10
    pause_minutes: Annotated[
        int, Meta(ge=1, le=1440, description="How long it is measured; Argo Rollouts only.")
    ] = 10


class Scheduled(Part, frozen=True, kw_only=True):
    """When something runs, how long it may take, and what is kept of its runs."""

    schedule: Schedule
    time_zone: Annotated[
        str,
        matching(
            r"^[A-Z][A-Za-z]*(/[A-Z][A-Za-z0-9_+-]*){0,2}(?!\n)$",
            "a time zone such as Etc/UTC or Europe/Paris",
        ),
    ] = "Etc/UTC"
    deadline_seconds: Annotated[int, Meta(ge=1, description="A run that takes longer is ended.")] = 3600
    start_deadline_seconds: Annotated[
        int, Meta(ge=10, description="A run that could not start for so long is skipped.")
    ] = 600
    retries: Annotated[int, Meta(ge=0, le=10)] = 2
    keep_successful: Annotated[int, Meta(ge=0, le=20, description="Finished runs to keep.")] = 3
    keep_failed: Annotated[int, Meta(ge=0, le=20)] = 3


class Job(Scheduled, frozen=True, kw_only=True):
    """Work on a schedule: what a batch job and a monitor have in common."""

    allow_to: Annotated[
        tuple[Cidr, ...],
        Meta(description="Networks that it may reach over TLS (port 443), with DNS; none by default."),
    ] = ()
    credentials: Annotated[
        Name | None,
        Meta(description="A Secret in the namespace whose files configure fsspec (FSSPEC_CONFIG_DIR)."),
    ] = None
    claim: Annotated[
        Name | None, Meta(description="A PersistentVolumeClaim, mounted at /srv/data (file:///srv/data/…).")
    ] = None


class Batch(Job, frozen=True, kw_only=True):
    """Scoring on a schedule: `ordain score` over one table, or over numbered parts of one."""

    input: Annotated[Url, Meta(description="Parquet, CSV or JSON lines; `{shard}` is the part, from 0.")]
    output: Annotated[Url, Meta(description="Where scores go; `{shard}` is the part, from 0.")]
    keep: Annotated[
        tuple[Column, ...], Meta(description="Columns of the input that the output repeats, such as an id.")
    ] = ()
    shards: Annotated[int, Meta(ge=1, le=10000, description="Parts, each by a pod of its own.")] = 1
    parallelism: Annotated[Count | None, Meta(description="Parts at once; default: all.")] = None
    concurrency: Annotated[
        Literal["forbid", "replace"],
        Meta(description="What happens to a run that is due while another runs: skipped, or takes over."),
    ] = "forbid"
    suspend: Annotated[
        bool, Meta(description="Nothing runs until a change of this to false is approved.")
    ] = True


class Edge(Part, frozen=True, kw_only=True):
    """Which nodes hold a copy of their own, and go on serving when the cluster can't be reached."""

    node_labels: Annotated[
        dict[LabelKey, LabelValue],
        Meta(min_length=1, description="Default: `node-role.kubernetes.io/edge`, as KubeEdge labels them."),
    ] = field(default_factory=lambda: {"node-role.kubernetes.io/edge": ""})
    tolerate: Annotated[tuple[LabelKey, ...], Meta(description="Taints of those nodes.")] = (
        "node-role.kubernetes.io/edge",
    )


class Traces(Part, frozen=True, kw_only=True):
    """Where a server sends a span of each scoring request; its image needs the extra `traces`."""

    endpoint: Annotated[
        str,
        matching(
            r"^https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~-]+)*(?!\n)$",
            "an address such as https://otel.example.org, without a port",
            max_length=500,
            description="OTLP over HTTP, with TLS on port 443.",
        ),
    ]
    allow_to: Annotated[
        tuple[Cidr, ...], Meta(min_length=1, description="Networks in which it is, with DNS.")
    ]


class Deploy(Part, frozen=True, kw_only=True):
    """How the release runs."""

    mode: Literal["rest", "batch", "edge"] = "rest"
    model_delivery: Annotated[
        Literal["image-volume", "init-container", "appended"],
        Meta(
            description="`image-volume` needs Kubernetes 1.36; `init-container` copies the files; `appended` "
            "runs an image that holds them (`ordain append`)."
        ),
    ] = "image-volume"
    port: Annotated[int, Meta(ge=1024, le=65535)] = 8080
    replicas: Replicas = Replicas()
    resources: Resources = Resources()
    invalid_input: Annotated[
        Literal["reject", "accept"],
        Meta(description="What serving does with a value outside the contract: refuse, or count."),
    ] = "reject"
    platform: Annotated[
        Literal["kubernetes", "kserve"],
        Meta(description="`kserve` gives an InferenceService instead of a Deployment; mode `rest` only."),
    ] = "kubernetes"
    rollout: Annotated[
        Literal["rolling", "canary"],
        Meta(description="`canary` needs Argo Rollouts, or KServe on Knative; mode `rest` only."),
    ] = "rolling"
    canary: Canary = Canary()
    batch: Annotated[Batch | None, Meta(description="Required by mode `batch`.")] = None
    edge: Edge = Edge()
    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Serving processes of a pod; resources left at their default are for each.",
        ),
    ] = 1
    traces: Annotated[Traces | None, Meta(description="Default: no traces are sent.")] = None


class LabelSource(Part, frozen=True, kw_only=True):
    """Where it becomes known which predictions were right."""

    url: Annotated[Url, Meta(description="CSV, JSON lines or Parquet: a file, or a folder of them.")]
    id: Annotated[Column, Meta(description="The column of prediction ids.")] = "id"
    label: Annotated[Column, Meta(description="The column of true classes or values.")] = "label"
    delay_hours: Annotated[
        int,
        Meta(
            ge=0,
            le=8760,
            description="How long labels take; younger predictions are not expected to have one.",
        ),
    ] = 0


class Watch(Job, frozen=True, kw_only=True):
    """`ordain monitor` on a schedule."""

    log: Annotated[
        Url | None,
        Meta(
            description="Where the prediction log is; default: where the environment's `prediction_log` "
            "says, reached as it says."
        ),
    ] = None
    labels: Annotated[
        LabelSource | None, Meta(description="Default: performance is estimated, and no gate is judged.")
    ] = None
    window: Annotated[Window, Meta(description="How long one is, or of how many predictions.")] = "1d"
    alarm: Annotated[Alarm, Meta(description="k/m: flags in k of the newest m windows.")] = "2/3"
    season: Annotated[
        Season | None,
        Meta(description="Compare with the same time so long before; default: with the release's profile."),
    ] = None
    horizon: Annotated[
        Horizon | None,
        Meta(description="Windows to look back; default: 30, or as far as labels and seasons need."),
    ] = None
    level: Annotated[
        float, Meta(ge=1e-6, le=0.5, description="Largest chance of any false flag in a window.")
    ] = 0.05
    effect: Annotated[
        float, Meta(ge=0, le=2, description="Smallest drift worth a flag, in standard deviations.")
    ] = 0.1
    fewest: Annotated[int, Meta(ge=20, description="Predictions below which a window is `insufficient`.")] = (
        50
    )
    suspend: bool = False


# What a watch says by words of the command, each option called like its key.
CHOICES = ("window", "alarm", "season", "horizon", "level", "effect", "fewest")


class Monitoring(Part, frozen=True, kw_only=True):
    """What is watched once it runs."""

    prediction_log: Annotated[bool, Meta(description="Whether predictions are logged.")] = True
    latency_objective_ms: Annotated[
        float, Meta(gt=0, le=5000, description="Watched as the next bucket of the server's histogram.")
    ] = 50
    availability_objective: Annotated[float, Meta(gt=0, lt=1)] = 0.999
    watch: Watch | None = None


class ArgoCd(Part, frozen=True, kw_only=True):
    """Where Argo CD is, and which cluster it deploys to."""

    namespace: Name = "argocd"
    server: Annotated[Url, Meta(description="The cluster's API server as Argo CD knows it.")] = (
        "https://kubernetes.default.svc"
    )


class Flux(Part, frozen=True, kw_only=True):
    """Where Flux is."""

    namespace: Name = "flux-system"
    secret: Annotated[
        Name | None, Meta(description="The Secret in its namespace that reads the repository.")
    ] = None
    interval_minutes: Annotated[int, Meta(ge=1, le=1440)] = 1


class Gitops(Part, frozen=True, kw_only=True):
    """Which repository and branch a cluster follows, and by what."""

    repository: GitUrl
    branch: Annotated[
        str,
        matching(
            BRANCH_PATTERN,
            BRANCH_WORDS,
            max_length=200,
            description="Where `ordain reconcile --target` writes manifests.",
        ),
    ] = "live"
    argocd: ArgoCd | None = None
    flux: Flux | None = None
