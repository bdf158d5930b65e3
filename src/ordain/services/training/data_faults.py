"""`ordain data faults`: by which columns and rows a pipeline stopped, from the data that it was given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ordain.adapters import files as disk
from ordain.core.data.broken import Broken, broken
from ordain.core.specs.spec import Spec
from ordain.core.state.instance import is_state_path, read_instance
from ordain.errors import UserError
from ordain.services.training.data_pins import breach, pinned
from ordain.services.training.run import chosen
from ordain.services.training.staleness import in_working_tree, stale_pipelines

STAGE = "contract"


def faults(root: Path, models: Sequence[str]) -> tuple[Broken, ...]:
    """Hold the data of every model whose stage `contract` has yet to run to that contract.

    Where the stage ran, the data passed it, and is not read again.

    Args:
        root: the repository, with the locks of its pipelines as they ended. models: none means every one.

    Raises:
        UserError: an invalid state. RetryLater: a host did not answer.
    """
    place = root.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    behind = {each.model for each in stale_pipelines(instance, *in_working_tree(place))
              if STAGE in each.stages}  # fmt: skip
    held = [each for each in chosen(instance, models) if each in behind]
    found = ((each, _breach(place, each, instance.models.models[each])) for each in held)
    return tuple(broken(model, error) for model, error in found if error is not None)


def _breach(root: Path, model: str, spec: Spec) -> UserError | None:
    """None, too, for data that is not here or is no table: it was never held to a contract."""
    from ordain.adapters.datasource import read_source

    try:
        table = read_source(root, spec.data.source, pinned(root, model))
    except UserError:
        return None
    error = breach(table, spec)
    target = spec.data.target
    if (
        error is not None
        and spec.data.columns[target].personal
        and error.what.startswith(f"the target `{target}` is")
    ):
        return UserError(
            f"`{target}`: nothing can be learned from it; its values are personal", fix=error.fix
        )
    return error
