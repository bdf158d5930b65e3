"""`ordain why`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, common_options

if TYPE_CHECKING:
    from ordain.core.question import Question


@click.command()
@click.argument("what", required=False, metavar="[MODEL@ENVIRONMENT|PREDICTION-ID]")
@click.option(
    "--annotations",
    metavar="FILE",
    help="A pod as `kubectl get pod NAME -o json` prints it, or only its annotations; - for standard input.",
)
@common_options
def command(*, what: str | None, annotations: str | None, as_json: bool, quiet: bool, root: Path) -> None:
    """Print the passport of what runs: why it may, back to data, people and commit.

    Follows a pod's annotations, MODEL@ENVIRONMENT or a prediction's id through the ledger to the release,
    its gates and data, the approvals and who made them, and the merge. Reads this clone alone, offline;
    what is not in it is named as absent.

    \b
    Examples:
      ordain why churn@production
      ordain why i4c1f20a9be37d610-9f8e7d6c5b4a-17
      kubectl get pod NAME -o json | ordain why --annotations -
    """
    import msgspec

    from ordain.adapters.artifacts import store_of
    from ordain.adapters.git import find_repository
    from ordain.core import passport_text
    from ordain.services.why import why

    if (what is None) == (annotations is None):
        raise click.UsageError("name MODEL@ENVIRONMENT or a prediction's id, or pass --annotations FILE")
    found = why(root, _question(what, annotations), store_of(find_repository(root).folder).has)
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(found), passport_text.text(found))


def _question(what: str | None, annotations: str | None) -> Question:
    from ordain.adapters.files import read_bytes
    from ordain.services.why import LIMIT, annotated, asked

    if annotations is None:
        return asked(what or "")
    if annotations == "-":
        return annotated(sys.stdin.buffer.read(LIMIT + 1))
    return annotated(read_bytes(Path(annotations), LIMIT))
