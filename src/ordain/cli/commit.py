"""`ordain commit`."""

from __future__ import annotations

from pathlib import Path

import click

from ordain.cli.console import Console, clone_options
from ordain.cli.keys import KeyFile


@click.command()
@click.option(
    "--push", "branch", metavar="BRANCH", help="Publish on this branch of the origin, never by force."
)
@click.option("--message", default="Train, judge and record", show_default=True, help="The commit's message.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Also add a line `pushed=COMMIT`, or `pushed=`, to this file, such as "$GITHUB_OUTPUT".',
)
@click.option(
    "--key",
    type=KeyFile(),
    envvar="ORDAIN_BOT_KEY",
    help="Sign with this SSH key; default: $ORDAIN_BOT_KEY, a file or the key itself, else as Git is set up.",
)
@clone_options
def command(
    *,
    branch: str | None,
    message: str,
    output: Path | None,
    key: Path | None,
    as_json: bool,
    quiet: bool,
    root: Path,
) -> None:
    """Commit what `ordain generate`, `ordain run` and `ordain release` wrote, and nothing else.

    Whoever commits is a contributor, whose approval does not count. Exits 75 when somebody pushed to the
    branch first.

    \b
    Examples:
      ordain commit
      ordain commit --push "$GITHUB_HEAD_REF"
    """
    import msgspec

    from ordain.adapters.git import find_repository
    from ordain.cli import wiring
    from ordain.services.requests.commit import commit
    from ordain.services.training.affected import append_lines

    made = commit(find_repository(root), wiring.author(key), message, branch)
    if output is not None:
        append_lines(output, [f"pushed={made.commit if made.pushed else ''}"])
    lines = [f"recorded {path}" for path in made.files] or ["nothing new was generated"]
    lines += [f"pushed {(made.commit or '')[:12]} to {made.pushed}"] if made.pushed else []
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(made), "\n".join(lines))
