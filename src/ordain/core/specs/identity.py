"""The identities of DESIGN section 1: slices, intent, subject, transition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from ordain.core.canonical import bytes_digest, digest
from ordain.core.specs.bounds import rendered_bounds
from ordain.core.specs.governance import Environment
from ordain.core.specs.spec import Candidate, Spec


def plain(part: Any) -> Any:
    """A declared part as JSON-like data, defaults written out, so that a default spelt out and a
    default left out are one identity."""
    return msgspec.to_builtins(part, str_keys=True)


def essence(part: Any) -> Any:
    """What a declared part says beyond its types' defaults: the form that identities are made of.

    A default spelt out and a default left out are one identity, and a field that a later Ordain adds
    changes no digest that an earlier one recorded. The price is a rule: the default of a field never
    changes; what must change is a new field (ADR 0008, held by a golden file of all defaults).
    """
    if isinstance(part, msgspec.Struct):
        fields = _fields(type(part))
        said = {each.encode_name: getattr(part, each.name) for each in fields if not _is_default(part, each)}
        return {name: essence(value) for name, value in said.items()}
    if isinstance(part, Mapping):
        return {str(key): essence(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [essence(each) for each in part]
    return part


@lru_cache(maxsize=256)
def _fields(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _is_default(part: msgspec.Struct, field: msgspec.structs.FieldInfo) -> bool:
    value = getattr(part, field.name)
    if field.default_factory is not msgspec.NODEFAULT:
        return bool(value == field.default_factory())
    return field.default is not msgspec.NODEFAULT and bool(value == field.default)


Form = Callable[[Any], Any]


def training_content(
    spec: Spec, candidates: Mapping[str, Candidate], seed: int, form: Form = essence
) -> dict[str, Any]:
    """All that decides the release: data contract, split, candidates, selection, gates.

    Args:
        form: `essence` for identities, `plain` to show people what was meant.
    """
    return {
        "task": spec.task,
        "data": form(spec.data),
        "split": form(spec.split),
        "selection": form(spec.selection),
        "threshold": spec.threshold,
        "gates": form(spec.gates),
        "candidates": {name: form(each) for name, each in candidates.items()},
        "seed": seed,
    }


def training_slice(spec: Spec, candidates: Mapping[str, Candidate], seed: int) -> str:
    """Digest of all that decides the release."""
    return digest("training/v1", training_content(spec, candidates, seed))


def deployment_slice(spec: Spec, form: Form = essence) -> dict[str, Any]:
    """All that decides the manifests. Risk and owner belong to it: lowering the risk is a decision.

    So do the gates of a model whose monitor judges labels in a pod: they are rendered for it.
    """
    bounds = rendered_bounds(spec)
    return {
        "owner": spec.owner,
        "risk": spec.risk,
        "deploy": form(spec.deploy),
        "monitoring": form(spec.monitoring),
        **({} if bounds is None else {"bounds": form(bounds)}),
    }


def environment_settings(environment: Environment, form: Form = essence) -> dict[str, Any]:
    """An environment without its pins and their images: those belong to each model's own intent."""
    settings: dict[str, Any] = form(environment)
    settings.pop("models", None)
    settings.pop("appended", None)
    return settings


class ReleaseRef(msgspec.Struct, frozen=True, kw_only=True):
    """A pinned release: `churn@7` with the digests of its record and of its artifact."""

    model: str
    number: int
    record: str
    artifact: str

    @property
    def label(self) -> str:
        """Such as `churn@7`."""
        return f"{self.model}@{self.number}"


class Target(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One thing that can be deployed: a model in an environment, or `_shared` of an environment."""

    environment: str
    model: str

    @property
    def label(self) -> str:
        """Such as `staging/churn`."""
        return f"{self.environment}/{self.model}"


def intent(target: Target, settings: Mapping[str, Any], content: Any, renderer: int) -> str:
    """Digest of what one target should be.

    Args:
        target: which model in which environment.
        settings: `environment_settings` of that environment.
        content: for a model, `{"deployment": deployment_slice(spec), "release": plain(ref)}`, and `image`
            when it is appended to the runtime image; None for `_shared`.
        renderer: version of the renderer.
    """
    return digest(
        "intent/v1",
        {
            "target": plain(target),
            "environment": dict(settings),
            "content": content,
            "renderer": renderer,
        },
    )


def files_digest(files: Mapping[str, bytes]) -> str:
    """Digest of rendered files: their paths below `manifests/` and the digest of each."""
    return digest("files/v1", {path: bytes_digest(data) for path, data in files.items()})


def subject(intent_digest: str, files: str) -> str:
    """Digest of an intent and the digest of the files rendered from it."""
    return digest("subject/v1", {"intent": intent_digest, "files": files})


class Transition(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """From what is deployed to what is wanted: what an approval covers.

    Attributes:
        repository: `policy.repository`. branch: the base branch.
        environment, model: the target; `_policy`/`_policy` for a change of `policy.yaml`.
        before, after: subject digests; None where nothing is (or shall be) deployed.
        since: the ledger entry that put `before` in place, 0 for none. It tells the second way from A
            to B from the first, so that going back and forth needs new approvals each time.
    """

    repository: str
    branch: str
    environment: str
    model: str
    before: str | None
    after: str | None
    since: int = 0

    @property
    def target(self) -> Target:
        """The thing that changes."""
        return Target(environment=self.environment, model=self.model)

    @property
    def id(self) -> str:
        """The digest that an approval signs."""
        return digest("transition/v1", msgspec.to_builtins(self))
