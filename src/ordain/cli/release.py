"""`ordain release`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.services.releases.release import Released


@click.command()
@click.argument("models", nargs=-1)
@click.option(
    "--refused",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where a model is not released, also write why into this file, for `ordain report --failed`.",
)
@clone_options
def command(*, models: tuple[str, ...], refused: Path | None, as_json: bool, quiet: bool, root: Path) -> None:
    """Judge champions against what is deployed, and record those that changed.

    Writes releases/MODEL/NUMBER.yaml and pins the release in the first environment, in the same change.
    Without MODELS, every model has its turn. A second run changes nothing. A gate that fails, or that
    lacks evidence, blocks, unless an unexpired waiver in policy.yaml covers it.

    \b
    Examples:
      ordain release
      ordain release churn --json
      ordain release churn --refused refused.json
    """
    from datetime import UTC, datetime

    import msgspec

    from ordain.adapters.files import write_atomic
    from ordain.core.releasing.refused import NotReleasedError, encode
    from ordain.services.releases.release import release

    console = Console(as_json=as_json, quiet=quiet)
    try:
        done = release(root, models, datetime.now(UTC), console.say)
    except NotReleasedError as error:
        if refused is not None:
            write_atomic(refused.absolute(), encode(error.refused))
        raise
    console.result({"models": msgspec.to_builtins(done)}, "\n".join(summary(done)))


def summary(done: tuple[Released, ...]) -> list[str]:
    """What was written for each model, and what comes next."""
    if not done:
        return ["no model is declared in models.yaml"]
    lines: list[str] = []
    for each in done:
        lines += _told(each)
    if any(each.written for each in done):
        lines.append("next: ordain plan, then commit the change")
    return lines


def _told(each: Released) -> list[str]:
    if not each.recorded and not each.written:
        return [f"{each.model}: {each.release} is the champion already; nothing to do"]
    kind = "recorded" if each.recorded else "was recorded before"
    pinned = f", pinned in {each.pinned}" if each.pinned else ""
    lines = [f"{each.model}: {each.release} {kind}{pinned}", f"  artifact {each.artifact}"]
    lines += [f"  judged against {each.baseline}"] if each.baseline else []
    lines += [f"  {note}" for note in each.notes]
    lines += [f"  {gate} does not pass; a waiver covers it" for gate in each.waived]
    return [*lines, *(f"  wrote {path}" for path in each.written)]
