"""`ordain score`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ordain.cli.console import Console, common_options
from ordain.cli.digests import check_told


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--digest", envvar="ORDAIN_ARTIFACT", show_envvar=True, help="The approved digest.")
@click.option(
    "--keep", multiple=True, help="A column of IN that OUT repeats, such as an id; may be given again."
)
@click.option(
    "--invalid-input",
    "policy",
    type=click.Choice(["reject", "accept"]),
    default="reject",
    show_default=True,
    help="What to do with values outside the contract: reject the row, or score it and count them.",
)
@click.option(
    "--threads", default=0, type=click.IntRange(0, 256), help="Default: as many as there are cores."
)
@click.option(
    "--executor",
    type=click.Choice(["auto", "graph", "prepared", "trees", "masks"]),
    default="auto",
    show_default=True,
    help="How the model is run; `auto` takes the fastest on the first rows.",
)
@common_options
def command(artifact: Path, source: str, target: str, **options: Any) -> None:
    """Score every row of IN with ARTIFACT and write OUT.

    IN and OUT are paths or fsspec URLs ending in .parquet, .csv or .jsonl. OUT has one row for each row of
    IN, in its order; a row that breaks the model's contract has nulls, and its reasons are in the rejects
    file beside OUT. A batch that was killed goes on where it stopped: run the same command again.

    \b
    Examples:
      ordain score pipelines/churn/artifact customers.parquet scores.parquet --keep customer_id
      ordain score models/churn s3://lake/in.csv.gz s3://lake/scores.parquet
    """
    check_told(options["digest"], os.environ.get("ORDAIN_ARTIFACT"))
    # Arrow reads it once, at its import: its own pool keeps what it has had, the system's gives it back.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from ordain.adapters.places import place_of
    from ordain.runtime.batch.request import Batch, Report
    from ordain.runtime.batch.start import Pod, cores, run

    as_json, quiet, root = options["as_json"], options["quiet"], options["root"]
    batch = Batch(
        source=place_of(source, root),
        target=place_of(target, root),
        policy=options["policy"],
        keep=tuple(dict.fromkeys(options["keep"])),
        threads=options["threads"] or cores(),
        executor=options["executor"],
    )
    pod = Pod(
        digest=options["digest"] or "",
        release=os.environ.get("ORDAIN_RELEASE", ""),
        intent=os.environ.get("ORDAIN_INTENT", ""),
        environment=os.environ.get("ORDAIN_ENVIRONMENT", ""),
    )
    with _progress(shown=not (quiet or as_json)) as watch:
        report: Report = run(root / artifact, pod, batch, watch)
    Console(as_json=as_json, quiet=quiet).result(_plain(report), told(report))


def told(report: Any) -> str:
    """The result for people."""
    speed = f"{report.rows_per_second:,} rows/s ({report.executor}, {report.threads} threads)"
    scored = f"scored {report.rows:,} rows with {report.model}/{report.version} in {report.seconds:.1f} s"
    lines = [f"{scored}: {speed}"]
    if report.resumed == report.rows and report.rows:
        lines = [
            f"{report.rows:,} rows were scored already, from this input with this artifact: {report.output}"
        ]
    elif report.resumed:
        lines.append(f"{report.resumed:,} of them had been finished before")
    if report.rejected:
        lines.append(f"{report.rejected:,} rows are outside the contract: {report.rejects}")
    return "\n".join(lines)


def _plain(report: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(report)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[Any], None]]:
    """A bar on stderr for people who watch a terminal; otherwise nothing."""
    if not (shown and sys.stderr.isatty()):
        yield lambda _: None
        return
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
    with Progress(*columns, console=Terminal(stderr=True), transient=True) as drawn:
        task = drawn.add_task("rows", total=None, speed="")

        def watch(progress: Any) -> None:
            speed = drawn.tasks[0].speed
            text = f"{speed:,.0f} rows/s, {progress.rejected:,} rejected" if speed else ""
            drawn.update(task, completed=progress.rows, total=progress.total, speed=text)

        yield watch
