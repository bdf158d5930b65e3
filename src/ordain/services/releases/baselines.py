"""Artifacts of deployed releases, fetched from a registry where the store has them not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ordain.adapters import files as disk
from ordain.adapters.artifacts import Store
from ordain.core.approvals.baseline import deployed_baseline
from ordain.core.artifacts.reference import parse_repository
from ordain.core.reasons import Reason
from ordain.core.specs.identity import ReleaseRef
from ordain.core.state.instance import Instance, is_state_path, read_instance
from ordain.errors import UserError
from ordain.ports import Registry
from ordain.services.releases.release import History
from ordain.services.training.run import chosen


def fetch(
    root: Path, models: Sequence[str], store: Store, open_registry: Callable[[], Registry]
) -> tuple[str, ...]:
    """Bring what champions of some models are compared with into the store.

    Args:
        models: names; none means every model. open_registry: called when something has to be fetched.

    Returns:
        labels of the releases that had to be fetched.

    Raises:
        UserError: when no registry of an environment has one. RetryLater: when one does not answer.
    """
    instance, history = _known(root)
    wanted = []
    for model in chosen(instance, models):
        deployed = deployed_baseline(model, instance, history.ledger)
        if deployed is not None and instance.models.models[model].gates.non_inferiority is not None:
            wanted.append(deployed)
    return _bring(instance, wanted, store, open_registry)


def fetch_running(
    root: Path, models: Sequence[str], store: Store, open_registry: Callable[[], Registry]
) -> tuple[str, ...]:
    """Bring every release of some models that runs anywhere, by the ledger, into the store; as `fetch`."""
    instance, history = _known(root)
    deployed = history.ledger.deployed if history.ledger else {}
    names = chosen(instance, models)
    found = [each.release for target, each in sorted(deployed.items()) if target.model in names]
    return _bring(instance, [each for each in found if each is not None], store, open_registry)


def _known(root: Path) -> tuple[Instance, History]:
    place = root.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    return instance, History.around(place)


def _bring(
    instance: Instance, wanted: Sequence[ReleaseRef], store: Store, open_registry: Callable[[], Registry]
) -> tuple[str, ...]:
    absent = {each.label: each for each in wanted if not store.has(each.artifact)}
    for each in absent.values():
        _fetch(instance, each.model, each.artifact, (store, open_registry()))
    return tuple(absent)


def _fetch(instance: Instance, model: str, artifact: str, ends: tuple[Store, Registry]) -> None:
    store, registry = ends
    registries = dict.fromkeys(each.registry for _, each in sorted(instance.environments.items()))
    for name in registries:
        reference = parse_repository(f"{name}/{model}").at(artifact)
        if registry.has(reference):
            store.put(registry.pull(reference))
            return
    raise UserError(
        f"the deployed release of {model} is in no registry: {artifact}",
        where=", ".join(registries),
        fix="ordain publish, where it was released",
        reason=Reason.ARTIFACT_ABSENT,
    )
