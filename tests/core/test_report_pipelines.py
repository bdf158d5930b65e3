"""What would be retrained in a fleet: every model by name, and what several of them share said once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from ordain.core.pipelines.stale import Cause, Stale
from ordain.core.reports import report_markdown
from ordain.core.reports.report_pipelines import pipelines
from ordain.core.specs.identity import Target
from tests.core.test_report import DEEP, plan

STAGES = tuple(f"stage-{number}" for number in range(12))
CAUSES = tuple(Cause(kind="code", name=f"src/ordain/learn/{name}.py", sentence=f"code {name} changed")
               for name in ("split", "train", "ingest", "evaluate", "gate"))  # fmt: skip


def fleet(models: int, *, apart: bool = False) -> tuple[Stale, ...]:
    """Models that a newer Ordain trains anew; or that each have a parameter of their own changed."""
    return tuple(
        Stale(
            model=f"model-{number:03}", stages=STAGES, seconds=44.0, environments=("staging",),
            causes=(Cause(kind="parameter", name=f"c{number}", sentence="1 -> 2"),) if apart else CAUSES,
        )
        for number in range(models)
    )  # fmt: skip


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("deployed", [0, 200])
def test_every_model_that_would_be_retrained_is_named_in_the_comment(apart: bool, deployed: int) -> None:
    places = [Target(environment="staging", model=f"deployed-{number}") for number in range(deployed)]
    every = plan(*(replace(DEEP, target=each) for each in places), stale=fleet(200, apart=apart))
    said = report_markdown.comment(every)
    assert len(said) <= report_markdown.LIMIT
    assert [each.model for each in every.stale if f"<code>{each.model}</code>" not in said] == []
    assert ("parameter c199" in said.replace("</code>", "").replace("<code>", "")) == apart
    assert said.count("<code>deployed-") >= min(deployed, 100)


@pytest.mark.parametrize("models", [200, 1000])
def test_all_are_named_where_their_reasons_do_not_fit(models: int) -> None:
    """Each has reasons of its own, long ones; or all share them in one row that is too long."""
    long = tuple(Cause(kind="parameter", name=f"candidate.{'x' * 80}.{each}", sentence="1") for each in "abc")
    apart = [replace(each, causes=(*long, *each.causes)) for each in fleet(models, apart=True)]
    for found in (apart, fleet(models)):
        table = pipelines(found, 30_000, len)
        assert len(table) <= 30_000
        assert [each.model for each in found if f"<code>{each.model}</code>" not in table] == []
    assert 15 <= pipelines(apart, 30_000, len).count("candidate.") < 3 * models, "and why of as many as fit"


def test_what_is_shared_is_said_once_with_what_all_of_it_costs() -> None:
    (odd,) = fleet(1, apart=True)
    table = pipelines((*fleet(3), replace(odd, model="odd", seconds=None)), 10_000, len)
    head, _, first, second = table.splitlines()
    assert head == "| would be retrained | because of | cost | release pinned in |"
    names = ", ".join(f"<code>model-00{number}</code>" for number in range(3))
    assert first.startswith(f"| {names} | code <code>src/ordain/learn/split.py</code>")
    assert (
        "<code>src/ordain/learn/ingest.py</code> and 2 more | about 2 min 12 s | <code>staging</code> |"
        in first
    )
    assert second == "| <code>odd</code> | parameter <code>c0</code> |  | <code>staging</code> |"


def test_one_has_its_own_section_and_no_table() -> None:
    assert pipelines(fleet(1), 10_000, len) == pipelines((), 10_000, len) == ""


def test_what_does_not_fit_is_counted() -> None:
    table = pipelines(fleet(200, apart=True), 500, len)
    assert table.endswith(", 186 more")
    assert len(table) <= 500
    assert pipelines(fleet(200), 60, len) == "_200 more pipelines would run_"


@given(st.lists(st.text(max_size=20), min_size=2, max_size=4, unique=True))
def test_hostile_names_stay_in_their_cells(names: list[str]) -> None:
    causes = {each: (Cause(kind="data", name=each, sentence=each),) for each in names}
    found = [Stale(model=each, stages=(each,), environments=(each,), causes=causes[each]) for each in names]
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(pipelines(found, 10_000, len))
    assert rendered.count("<table>") == 1
    assert rendered.count("<tr>") == len(names) + 1
    assert rendered.count("<td>") == 4 * len(names)
