"""The approved digest, as a command is told it."""

from __future__ import annotations

import click


def check_told(*digests: str | None) -> None:
    """Refuse a digest that is said and empty: an unset variable must not switch verification off.

    Args:
        digests: as options and the environment give them; None where nothing is said.

    Raises:
        click.UsageError: for the first that is empty.
    """
    if any(each is not None and not each.strip() for each in digests):
        raise click.UsageError(
            "the approved digest is empty; give sha256:…, or leave --digest and ORDAIN_ARTIFACT out"
        )
