"""`ordain compact`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from ordain.cli.console import Console, common_options


@click.command()
@click.argument("log")
@click.option(
    "--keep-days", type=click.IntRange(1, 36_500), help="Remove what is older; default: nothing is removed."
)
@common_options
def command(log: str, keep_days: int | None, as_json: bool, quiet: bool, root: Path) -> None:
    """Turn the JSON lines of a prediction log into Parquet, in place.

    LOG is the folder or fsspec URL that servers write to. Files that they have ended are replaced by
    Parquet, which `ordain monitor` reads as well; lines that are no predictions go to a rejects file. Run one
    at a time. A run that was killed is ended by the next one: no prediction is lost, and none is there twice.

    \b
    Examples:
      ordain compact s3://logs/churn
      ordain compact log/predictions --keep-days 90
    """
    import msgspec

    from ordain.adapters.places import place_of
    from ordain.services.monitoring.compact import compact

    report = compact(place_of(log, root), int(time.time() * 1000), keep_days)
    told = f"{report.files} files became Parquet: {report.rows:,} rows, {report.rejected:,} lines rejected"
    if not report.files:
        told += f"; of {report.left} files there a server ended none" if report.left else f"; {log} is empty"
    if report.removed:
        told += f"\n{report.removed} files were older than {keep_days} days and are removed"
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(report), told)
