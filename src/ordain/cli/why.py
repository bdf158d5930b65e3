"""`ordain why`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ordain.cli.console import Console, clone_options


@click.command()
@click.argument("what", metavar="POD-ANNOTATIONS|MODEL@ENVIRONMENT|PREDICTION-ID")
@clone_options
def command(*, what: str, as_json: bool, quiet: bool, root: Path) -> None:
    """Print the passport of what runs: why it may, back to data, people and commit.

    Follows a pod's annotations, MODEL@ENVIRONMENT or a prediction's id through the ledger to the release,
    its gates and data, the approvals and who made them, and the merge. Annotations come as text, as a
    file, or from standard input (-): JSON or YAML, the whole pod or its annotations alone, or lines of
    key=value. Reads this clone alone, offline; what is not in it is named as absent.

    \b
    Examples:
      ordain why churn@production
      ordain why i4c1f20a9be37d610-9f8e7d6c5b4a-17
      ordain why "$(kubectl get pod NAME -o jsonpath={.metadata.annotations})"
      kubectl get pod NAME -o json | ordain why -
    """
    import msgspec

    from ordain.adapters.artifacts import store_of
    from ordain.adapters.git import find_repository
    from ordain.core.ledger.annotations import LIMIT
    from ordain.core.reports import passport_text
    from ordain.services.reading.why import asked, why

    question = asked(what, lambda: sys.stdin.buffer.read(LIMIT + 1))
    found = why(root, question, store_of(find_repository(root).folder).has)
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(found), passport_text.text(found))
