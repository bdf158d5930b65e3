"""Tables: Rich draws them on a terminal, as wide as it is; anywhere else they are plain columns."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ordain.core.reports.report_text import Grid


def grid() -> Grid:
    """What draws a table on standard output."""
    if sys.stdout.isatty():
        return rich_grid
    from ordain.core.reports.report_text import plain_grid

    return plain_grid


def colour() -> bool:
    """Whether standard output wants colour: a terminal, and no NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def rich_grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table that wraps what does not fit; a head of the colour of the terminal's choice."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ordain.core.escaping import visible

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, expand=False)
    for name in head:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    console = Console(force_terminal=True, no_color=not colour(), highlight=False)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines() if line.strip()]
