"""The bar counts stages and says how long the rest takes, by what they took before."""

from __future__ import annotations

import io

import pytest
from rich.console import Console as Terminal

from ordain.cli.run import Bar, time_left

TIMES = {("a", "train"): 60.0, ("a", "gate"): 30.0, ("b", "train"): 30.0}


@pytest.mark.parametrize(("jobs", "expected"), [(1, "about 2 min left"), (2, "about 1 min 30 s left")])
def test_models_at_once_share_what_is_left(jobs: int, expected: str) -> None:
    assert time_left(TIMES, jobs) == expected


def test_nothing_is_promised_without_a_past() -> None:
    assert time_left({}, 2) == ""


def test_the_bar_of_a_run() -> None:
    bar = Bar(TIMES, 1)
    out = io.StringIO()
    bar.progress.live.console = Terminal(file=out, force_terminal=True, width=120, no_color=True)
    with bar:
        bar.total(3)
        bar.note("a [sentence] above")
        bar.stage("a", "train", "running")
        task = bar.progress.tasks[0]
        assert (task.description, task.fields["left"]) == ("a: train", "about 2 min left")
        bar.stage("a", "train", "done")
        assert (task.completed, task.fields["left"]) == (1, "about 1 min left")
        bar.stage("a", "", "running")
        assert task.description == "a: record"
    assert "a [sentence] above" in out.getvalue()
