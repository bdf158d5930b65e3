"""The types of `policy.yaml` and `environments/<env>.yaml`: who decides, and where things run."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ordain.core.specs.alarms import Alarms
from ordain.core.specs.parts import (
    BRANCH_PATTERN,
    BRANCH_WORDS,
    Count,
    LabelKey,
    LabelValue,
    Name,
    Part,
    Url,
    matching,
)
from ordain.core.specs.predictionlog import PredictionLog

Risk = Literal["low", "medium", "high"]
IMAGE_PATTERN = r"^[a-z0-9]([a-z0-9.:/_-]{0,253}[a-z0-9])?@sha256:[0-9a-f]{64}(?!\n)$"
REGISTRY_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{2,5})?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*(?!\n)$"
KEY_PATTERN = (
    r"^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+|ssh-rsa)"
    r" [A-Za-z0-9+/]+={0,3}( [ -~]*)?(?!\n)$"
)
REPOSITORY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_][A-Za-z0-9_-]*)*(?!\n)$"
Email = Annotated[
    str,
    matching(
        r"^[!-;=?A-~]+@[!-;=?A-~]+(?!\n)$",
        "an e-mail address such as dana@example.org",
        max_length=254,
    ),
]
Login = Annotated[
    str,
    matching(
        r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(\[bot\])?(?!\n)$",
        "an account name: letters, digits and . _ -",
    ),
]
# The public halves of examples/insecure-identities: a flag left out must not make them trusted.
EXAMPLE_KEYS = frozenset(
    {
        "AAAAC3NzaC1lZDI1NTE5AAAAIDaMjPy/0VjYgG7y/jmVjTFPnQ+ByHZDGstj0BEPmEcC",
        "AAAAC3NzaC1lZDI1NTE5AAAAIDrbIbW3SmUHOHaVcy6ptlj5sJmlmm0qqgPhx+MXXLK1",
        "AAAAC3NzaC1lZDI1NTE5AAAAIFVa8K8oHLFtnFz5GmJMTjeX18JNnv+fo+O4trZlm4wO",
        "AAAAC3NzaC1lZDI1NTE5AAAAILfX548BgTC0XfLuzWqsZvDjKKCAI9CqFj/uhcsnFw4N",
        "AAAAC3NzaC1lZDI1NTE5AAAAIN611kq4hq0QJYbdHCbaOA4lCe0zWgWIIvOzEkuPa3Ks",
    }
)
PublicKey = Annotated[
    str,
    matching(
        KEY_PATTERN,
        "a public SSH key on one line, such as ssh-ed25519 AAAA…",
        max_length=2000,
        description="One line as in a `.pub` file.",
    ),
]
Image = Annotated[
    str,
    matching(
        IMAGE_PATTERN,
        "an image by digest: name@sha256: and 64 hexadecimal digits",
        description="name@sha256:…",
    ),
]
Digest = Annotated[
    str,
    matching(r"^sha256:[0-9a-f]{64}(?!\n)$", "a digest: sha256: and 64 hexadecimal digits"),
]
ReleaseLabel = Annotated[
    str,
    matching(
        r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?@[1-9][0-9]{0,8}(?!\n)$", "a release such as churn@7", max_length=50
    ),
]
# The role that people hold for the models that `owners` gives them, and for no other.
OWNER = "owner"
SHARED = "_shared"
POLICY = "_policy"


class Key(Part, frozen=True, kw_only=True):
    """An SSH public key of one person."""

    key: PublicKey
    insecure_example: Annotated[
        bool, Meta(description="The private half is public; only the local forge accepts it.")
    ] = False


class Person(Part, frozen=True, kw_only=True):
    """Someone who may contribute or approve. Two keys or accounts of one person count once."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    emails: Annotated[tuple[Email, ...], Meta(min_length=1)]
    roles: tuple[Name, ...] = ()
    keys: tuple[Key, ...] = ()
    logins: Annotated[dict[Literal["github", "gitlab"], Login], Meta(description="By forge.")] = {}
    bot: Annotated[bool, Meta(description="A bot may contribute; it never counts.")] = False


class Rule(Part, frozen=True, kw_only=True):
    """How many approvals, by role, a transition needs. Every matching rule must be met."""

    environments: Annotated[tuple[Name, ...] | None, Meta(description="Default: all.")] = None
    models: Annotated[tuple[Name, ...] | None, Meta(description="Default: all.")] = None
    risk: Annotated[tuple[Risk, ...] | None, Meta(description="Default: all.")] = None
    approvals: Annotated[
        dict[Name, Count],
        Meta(
            min_length=1,
            description="Role to number of distinct people; nobody fills two places. `owner` is whoever owns "
            "the model by `owners`.",
        ),
    ]
    signed: Annotated[
        bool, Meta(description="Only approvers' own signatures count, no forge's word for a review.")
    ] = False


class Waiver(Part, frozen=True, kw_only=True):
    """A gate that may fail for one model until a date, and why."""

    model: Name
    gate: Annotated[str, Meta(min_length=1, description="Such as `fairness.senior_citizen`.")]
    reason: Annotated[str, Meta(min_length=10, max_length=500)]
    expires: Annotated[
        str,
        matching(
            r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?!\n)$",
            'a quoted date such as "2027-01-31"',
            description="Last valid day, UTC.",
        ),
    ]


class Policy(Part, frozen=True, kw_only=True):
    """The file `policy.yaml`. What no rule matches is denied."""

    version: Literal[1]
    repository: Annotated[
        str,
        matching(
            REPOSITORY_PATTERN,
            "a name such as team/repository: letters, digits, and single . / _ -",
            max_length=200,
            description="Names it in every approval.",
        ),
    ]
    branch: Annotated[
        str,
        matching(
            BRANCH_PATTERN,
            BRANCH_WORDS,
            max_length=200,
            description="The branch that approvals speak of.",
        ),
    ] = "main"
    forge: Literal["local", "github", "gitlab"] = "local"
    live: Annotated[
        str,
        matching(
            BRANCH_PATTERN,
            BRANCH_WORDS,
            max_length=200,
            description="The branch that only the reconciler writes manifests and ledger to, on GitHub and "
            "GitLab; with the local forge they stay on `branch`.",
        ),
    ] = "live"
    people: dict[Name, Person]
    collectors: Annotated[
        tuple[Key, ...], Meta(min_length=1, description="Keys that may sign ledger entries.")
    ]
    rules: tuple[Rule, ...]
    rollback: Annotated[
        Annotated[dict[Name, Count], Meta(min_length=1)] | None,
        Meta(description="Approvals for going back to a release that ran there; default: the rules."),
    ] = None
    changes: Annotated[
        dict[Name, Count], Meta(min_length=1, description="Approvals for a change of this file.")
    ]
    waivers: tuple[Waiver, ...] = ()
    owners: Annotated[
        dict[Name, tuple[Name, ...]],
        Meta(description="Model to the people who hold the role `owner` for it."),
    ] = {}
    revoked: Annotated[
        tuple[PublicKey, ...],
        Meta(description="Keys that never count again, whoever lists them and whatever date they signed."),
    ] = ()


def ledger_branch(policy: Policy) -> str:
    """The branch that holds manifests and ledger: main is what people want, live is what has been proven."""
    return policy.branch if policy.forge == "local" else policy.live


class Pin(Part, frozen=True, kw_only=True):
    """Which release of a model an environment runs."""

    release: Count


class Runtime(Part, frozen=True, kw_only=True):
    """The image that serves, that of jobs, both by digest, and the secrets that pull them."""

    image: Image
    jobs_image: Annotated[
        Image | None,
        Meta(description="Runs batches and monitors, which need it; it holds what servers do without."),
    ] = None
    pull_secrets: tuple[Name, ...] = ()

    @property
    def for_jobs(self) -> str:
        """The image of jobs; states from before there was one ran them in the servers' image."""
        return self.jobs_image or self.image


class Appended(Part, frozen=True, kw_only=True):
    """A runtime image with the model of one release in it, as `ordain append` made it."""

    image: Annotated[Digest, Meta(description="By which it is pulled, from `registry` and the model's name.")]
    runtime: Annotated[
        Digest, Meta(description="The runtime image in it; void once `runtime.image` is another.")
    ]


class Prometheus(Part, frozen=True, kw_only=True):
    """The Prometheus that watches the models, through the Prometheus operator."""

    namespace: Annotated[Name, Meta(description="Where it runs; its pods may then scrape the models.")]
    labels: Annotated[
        dict[LabelKey, LabelValue], Meta(description="What its selectors look for, such as `release`.")
    ] = {}
    address: Annotated[
        Url | None, Meta(description="Its address in the cluster, which a canary's analysis asks.")
    ] = None


class Environment(Part, frozen=True, kw_only=True):
    """The file `environments/<env>.yaml`."""

    version: Literal[1]
    namespace: Name
    promotes_from: Annotated[
        Name | None, Meta(description="The environment before this one; none for the first.")
    ] = None
    registry: Annotated[
        str,
        matching(
            REGISTRY_PATTERN,
            "a registry and path such as registry.example.org/models, no scheme",
            max_length=255,
            description="Where artifacts are pulled from.",
        ),
    ]
    runtime: Runtime
    allow_from: Annotated[
        tuple[Name, ...], Meta(description="Namespaces whose pods may call the models.")
    ] = ()
    models: dict[Name, Pin] = {}
    appended: Annotated[
        dict[ReleaseLabel, Appended],
        Meta(description="By release: its image, for `model_delivery: appended`."),
    ] = {}
    prometheus: Annotated[Prometheus | None, Meta(description="Default: nothing is scraped.")] = None
    alarms: Annotated[
        Alarms | None, Meta(description="Default: monitors end with an error and tell nobody.")
    ] = None
    prediction_log: Annotated[
        PredictionLog | None,
        Meta(description="Default: a folder of the pod, from which files are collected."),
    ] = None
    sidecars: Annotated[
        tuple[Image, ...],
        Meta(description="Images that the platform puts into pods, which the cluster then admits too."),
    ] = ()
    admission_prefix: Annotated[
        Name | None,
        Meta(
            description="Where repositories share a cluster: what the name of this environment's admission "
            "policy has before the environment's, as images.ordain.<prefix>.<environment>."
        ),
    ] = None
