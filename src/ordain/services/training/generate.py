"""`ordain generate`: bring what follows from the declaration up to date, and run nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from ordain.adapters import dvc
from ordain.adapters import files as disk
from ordain.core.pipelines.pipeline import pipeline_files
from ordain.core.state import schema
from ordain.core.state.instance import is_state_path, read_instance
from ordain.services.training.evidence import context
from ordain.services.training.regenerate import Regenerated, regenerate


def generate(root: Path, say: Callable[[str], None]) -> Regenerated:
    """Write the pipeline files and schemas that differ from what is declared, and remove what nothing needs.

    Args:
        root: the repository. say: told of leftovers, and when another run has to be waited for.

    Raises:
        UserError: an invalid state; a person's own file stands in the place of a generated one.
    """
    place = root.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    with dvc.exclusive(place, lambda: say("waiting for an earlier run here to end")):
        made = regenerate(place, pipeline_files(instance, context(place)), say)
        return replace(made, written=tuple(sorted({*made.written, *_schemas(place)})))


def _schemas(root: Path) -> tuple[str, ...]:
    """Renew the copies of the schemas, in a repository that has them: nobody edits those."""
    if not disk.inside(root, schema.FOLDER).is_dir():
        return ()
    files = {f"{schema.FOLDER}/{name}": data for name, data in schema.schema_files().items()}
    here = disk.read_state(root, files.__contains__, tops=(schema.FOLDER,))
    changed = sorted(path for path, data in files.items() if here.get(path) != data)
    for path in changed:
        disk.write_atomic(disk.inside(root, path), files[path])
    return tuple(changed)
