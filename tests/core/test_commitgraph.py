"""The graph of commits answers as Git does."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordain.core.git.commitgraph import Graph

Rows = list[tuple[str, ...]]


@st.composite
def histories(draw: st.DrawFn) -> Rows:
    """Up to thirty commits, each with up to three parents among the earlier ones."""
    rows: Rows = []
    for number in range(draw(st.integers(1, 30))):
        earlier = [row[0] for row in rows]
        parents = draw(st.lists(st.sampled_from(earlier), max_size=3, unique=True)) if earlier else []
        rows.append((f"c{number}", *parents))
    return rows


def reachable(rows: Rows, commit: str) -> set[str]:
    parents = {row[0]: row[1:] for row in rows}
    found, waiting = set[str](), [commit]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += parents[each]
    return found


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.data())
def test_it_answers_as_the_definitions_do(rows: Rows, data: st.DataObject) -> None:
    graph = Graph()
    graph.add(rows)
    names = st.sampled_from([row[0] for row in rows])
    left, right = data.draw(names), data.draw(names)
    below, above = reachable(rows, left), reachable(rows, right)
    assert graph.is_ancestor(left, right) == (left in above)
    assert set(graph.between(left, right)) == above - below
    common = below & above
    best = {each for each in common if not any(each in reachable(rows, o) - {o} for o in common)}
    assert set(graph.merge_bases(left, right)) == best


@given(histories(), st.data())
def test_first_parents_lead_somewhere_or_they_do_not(rows: Rows, data: st.DataObject) -> None:
    graph = Graph()
    graph.add(rows)
    names = st.sampled_from([row[0] for row in rows])
    base, head = data.draw(names), data.draw(names)
    chain = list(graph.first_parents(head))
    expected = chain[: chain.index(base)] if base in chain else None
    assert graph.first_parents_after(base, head) == expected


@given(histories())
def test_children_come_before_parents(rows: Rows) -> None:
    graph = Graph()
    graph.add([("root",), *rows])
    newest = rows[-1][0]
    order = graph.between("root", newest)
    parents = {row[0]: row[1:] for row in rows}
    for place, commit in enumerate(order):
        assert all(order.index(each) > place for each in parents[commit])


def test_first_parents_and_what_is_known() -> None:
    graph = Graph()
    graph.add([("a",), ("b", "a"), ("x", "a"), ("m", "b", "x")])
    assert list(graph.first_parents("m")) == ["m", "b", "a"]
    assert "x" in graph
    assert "y" not in graph


def test_nothing_leads_to_a_commit_as_old_as_the_start() -> None:
    """Two roots: the first-parent history ends before generations tell them apart."""
    graph = Graph()
    graph.add([("root",), ("other",), ("next", "root")])
    assert graph.first_parents_after("other", "root") is None
    assert graph.first_parents_after("root", "next") == ["next"]
