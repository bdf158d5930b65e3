"""`ordain compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.core.reports.comparison import Comparison


@click.command()
@click.argument("model")
@click.argument("what", nargs=-1)
@click.option("--experiments", is_flag=True, help="Add every experiment of `dvc exp` that this clone has.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="Sort by this one instead of the selection's; each further one is another column.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "html"]),
    default="text",
    show_default=True,
    help="html is one self-contained page with charts.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write there instead.")
@clone_options
def command(
    *,
    model: str,
    what: tuple[str, ...],
    experiments: bool,
    metrics: tuple[str, ...],
    form: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    root: Path,
) -> None:
    """Put candidates, branches, experiments and releases of MODEL side by side.

    WHAT is any of: `.` for the working tree, a branch or any other revision, a release such as churn@2, the
    name of an experiment of `dvc exp`. Without WHAT it is the working tree and the newest ten releases. Of
    the working tree, a revision and an experiment every candidate is shown by cross-validation, and the
    champion on the holdout; of a release what its record says. Metrics come with 95 % intervals, the cost is
    the wall time that `ordain run` measured.

    Reads this clone alone, also a shallow one, and runs nothing. --json follows
    src/ordain/schemas/compare.schema.json.

    \b
    Examples:
      ordain compare churn
      ordain compare churn . main churn@1 --metric roc_auc --metric brier
      ordain compare churn --experiments --format html --out experiments.html
      ordain compare churn --json | jq '.runs[0]'
    """
    from ordain.services.reading.compare import Wanted, compare

    chosen = metrics[0] if metrics else None
    found = compare(root, Wanted(model=model, what=what, experiments=experiments, metric=chosen))
    told = written(found, "json" if as_json else form, metrics)
    if out is not None:
        Console(as_json=as_json, quiet=quiet).save(out, told)
    elif as_json or not quiet:
        click.echo(told)


def written(found: Comparison, form: str, metrics: tuple[str, ...]) -> str:
    """The comparison in one of its forms."""
    if form == "json":
        import json

        import msgspec

        return json.dumps(msgspec.to_builtins(found), indent=2, sort_keys=True, ensure_ascii=False)
    if form == "html":
        from ordain.adapters.charts import drawer
        from ordain.core.reports.comparison_html import page

        return page(found, drawer()).rstrip("\n")
    from ordain.cli.tables import grid
    from ordain.core.reports.comparison_text import text

    return text(found, metrics, grid())
