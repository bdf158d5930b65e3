"""Evidence that has to fit into a forge's event."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.drift import evidence as documents
from ordain.core.drift.brief import LIMIT, brief
from ordain.core.drift.evidence import (
    Cause,
    ColumnReport,
    Evidence,
    Finding,
    Reading,
    Settings,
    Spread,
    decode,
    key_of,
)
from ordain.core.drift.measured import Estimate, Measurement, Performance, Slice

SPREAD = Spread(cells=tuple(map(str, range(12))), reference=(0.1,) * 12, current=(0.05,) * 12)
TESTED = documents.Tested(
    test="location", p=0.001, adjusted=0.01, effect=0.4, drifted=True, direction="higher"
)


def evidence(columns: int = 1, groups: int = 0, words: int = 1, names: int = 0) -> Evidence:
    alarmed = tuple(
        ColumnReport(column=f"c{at}", role="feature", ordered=True, state="drift", drifted=3,
                     alarms=("location",), tests=(TESTED,), spread=SPREAD)
        for at in range(columns)
    )  # fmt: skip
    calm = replace(alarmed[0], column="calm", state="stable", alarms=(), spread=None)
    slices = tuple(
        Slice(name=f"g={at}", rows=50, metrics={"f1": Measurement(value=0.5)}) for at in range(groups)
    )
    said = tuple(
        Finding(kind="drift", alarm=True, detail="word " * words, columns=(f"c{at}",))
        for at in range(columns)
    )
    return Evidence(
        model="churn", environment="production", release="churn@1", artifact="sha256:1", reference="profile",
        observed="2026-11-27T00:00:00Z", settings=Settings(), outcome="fail", request="draft",
        key=key_of("churn", "production", "sha256:1"), windows=(),
        reading=Reading(extra={f"x{at}": 1 for at in range(names)}), columns=(*alarmed, calm),
        findings=(*said, Finding(kind="log-foreign", alarm=False, detail="others")),
        causes=(Cause(suspect="population-shift", because="inputs moved " * words),),
        performance=Performance(
            start="a", end="b", middle="c", known=9, predictions=9, labelled=9, groups=slices
        ),
        estimate=Estimate(refused="no"),
    )  # fmt: skip


def test_what_is_short_is_whole() -> None:
    assert decode(brief(evidence()).encode(), "x") == evidence()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(0, 800), st.integers(1, 400), st.integers(0, 3000))
def test_what_is_long_is_cut_until_it_fits_and_stays_evidence_of_the_same(
    columns: int, groups: int, words: int, names: int
) -> None:
    given_ = evidence(columns, groups, words, names)
    text = brief(given_)
    assert len(json.dumps(text, ensure_ascii=False)) <= LIMIT
    found = decode(text.encode(), "x")
    same = ("model", "environment", "key", "request", "outcome", "release")
    assert [getattr(found, name) for name in same] == [getattr(given_, name) for name in same]
    assert [each.kind for each in found.findings if each.alarm][:1] == ["drift"]


def test_the_least_telling_parts_go_first() -> None:
    def cut(limit: int, made: Evidence) -> Evidence:
        return decode(brief(made, limit).encode(), "x")

    full = len(brief(evidence(30, 300), 10**9))
    alarmed = cut(full, evidence(30, 300))
    assert [each.column for each in alarmed.columns] == [f"c{at}" for at in range(30)]
    assert alarmed.performance is not None
    grouped = cut(full * 2 // 3, evidence(30, 300))
    assert grouped.performance is not None
    assert (len(grouped.performance.groups), len(grouped.columns)) == (0, 30)
    assert len(cut(14_000, evidence(30, 300)).columns) == 20
    bare = cut(100, replace(evidence(30), performance=None))
    assert (bare.columns, bare.performance, bare.estimate) == ((), None, None)
    assert len(bare.findings) == 20
