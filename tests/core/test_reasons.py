"""The list of reasons is closed, and its page is the list."""

from __future__ import annotations

import re
from pathlib import Path

from ordain.core.reasons import Reason

PAGE = Path(__file__).parents[2] / "docs" / "reasons.md"


def test_the_page_has_a_row_for_each_reason_in_their_order() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rows == [each.value for each in Reason]
