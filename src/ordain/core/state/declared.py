"""The declared state as values, and where each value stands in its file."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from ordain.core.gating.release import Release
from ordain.core.problems import Problem
from ordain.core.specs.governance import Environment, Policy
from ordain.core.specs.spec import Models, Params
from ordain.core.yaml.yamldoc import Document, Path
from ordain.core.yaml.yamlscalars import Fault

MODELS, PARAMS, POLICY = "models.yaml", "params.yaml", "policy.yaml"


def environment_path(name: str) -> str:
    """The file of an environment."""
    return f"environments/{name}.yaml"


def release_path(model: str, number: int) -> str:
    """The file of a release record."""
    return f"releases/{model}/{number}.yaml"


class Instance(Struct, frozen=True, kw_only=True):
    """Everything that one commit declares.

    Attributes:
        models: `models.yaml`. params: `params.yaml`. policy: `policy.yaml`.
        environments: by name. releases: by model, then by number.
    """

    models: Models
    params: Params
    policy: Policy
    environments: dict[str, Environment] = {}
    releases: dict[str, dict[int, Release]] = {}

    def pinned(self, model: str, environment: str) -> Release | None:
        """The record of the release that an environment pins; None without a pin, or a record of it."""
        place = self.environments.get(environment)
        pin = place.models.get(model) if place else None
        return self.releases.get(model, {}).get(pin.release) if pin else None


class Declared(Struct, frozen=True, kw_only=True):
    """An instance together with the documents it was read from, by file."""

    instance: Instance
    documents: Mapping[str, Document] = {}

    def at_value(self, file: str, path: Path, fault: Fault) -> Problem:
        """A problem with the value at a path of a file."""
        return self.documents.get(file, Document(file=file)).at_value(path, fault)

    def at_key(self, file: str, path: Path, fault: Fault) -> Problem:
        """A problem with the key at the end of a path of a file."""
        return self.documents.get(file, Document(file=file)).at_key(path, fault)
