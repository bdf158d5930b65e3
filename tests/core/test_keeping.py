"""Nothing that runs, was compared with, or may come back is garbage."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.decisions import Deployed, LedgerState
from ordain.core.declared import Instance
from ordain.core.governance import Pin
from ordain.core.identity import Target
from ordain.core.keeping import kept
from ordain.core.release import Baseline, Release
from tests.core.fleet import SPEC, STAGING, fleet, record

CHURN = Target(environment="staging", model="churn")
SHARED = Target(environment="staging", model="_shared")


def artifact(number: int) -> str:
    return f"sha256:{number:064x}"


def released(number: int, baseline: int | None = None) -> Release:
    against = baseline and Baseline(
        release=f"churn@{baseline}", artifact=artifact(baseline), difference=0.0, interval=(0.0, 0.0)
    )
    return record("churn", number, artifact=artifact(number), baseline=against)


def deployed(release: Release | None, target: Target = CHURN) -> Deployed:
    ref = release.ref if release else None
    return Deployed(target=target, subject="s", intent="i", files="f", release=ref, since=1, source="c")


def state(running: Release | None, *ran: int) -> LedgerState:
    found = {SHARED: deployed(None, SHARED)}
    return LedgerState(deployed={**found, CHURN: deployed(running)}, ran={CHURN: ran})


def tip(pinned: int, *records: Release) -> Instance:
    instance = fleet({"churn": SPEC}, {"staging": STAGING})
    environments = {"staging": replace(STAGING, models={"churn": Pin(release=pinned)})}
    numbered: dict[str, Any] = {"churn": {each.number: each for each in records}, "idle": {}}
    return replace(instance, environments=environments, releases=numbered)


def reasons(found: Any, number: int) -> tuple[str, ...]:
    entry = found.get(artifact(number))
    return entry.reasons if entry else ()


def test_what_runs_its_baseline_and_what_may_come_back_are_kept() -> None:
    records = [released(1), released(2), released(3, baseline=2), released(4)]
    found = kept(state(records[2], 1, 3), records, {})
    assert reasons(found, 3) == ("runs in staging", "staging may go back to it")
    assert reasons(found, 2) == ("baseline of churn@3",)
    assert reasons(found, 1) == ("staging may go back to it",)
    assert artifact(4) not in found
    assert found[artifact(3)].releases == ("churn@3",)


def test_an_open_request_keeps_what_it_pins_and_the_newest() -> None:
    records = [released(5), released(6, baseline=5), released(7)]
    found = kept(LedgerState(), [], {"feature": tip(6, *records)})
    assert reasons(found, 6) == ("pinned in staging on feature",)
    assert reasons(found, 5) == ("baseline of churn@6",)
    assert reasons(found, 7) == ("newest release on feature",)


def test_records_that_are_not_at_hand_lead_nowhere() -> None:
    found = kept(state(released(3, baseline=2), 8), [], {"main": tip(9, released(6, baseline=5))})
    assert set(found) == {artifact(3), artifact(6)}
    assert kept(LedgerState(), [], {"main": tip(6, released(6, baseline=5))}).keys() == {artifact(6)}


def test_a_running_release_needs_no_baseline_and_a_pin_no_record() -> None:
    assert reasons(kept(state(released(1)), [released(1)], {}), 1) == ("runs in staging",)
    assert kept(LedgerState(), [], {"main": tip(9)}) == {}
    only = kept(LedgerState(), [], {"main": tip(6, released(6))})
    assert only.keys() == {artifact(6)}
    both = kept(state(released(6)), [released(6)], {"main": tip(6, released(6))})
    assert reasons(both, 6) == ("runs in staging",)


@given(st.sets(st.integers(1, 9), min_size=1), st.integers(1, 9))
def test_nothing_that_ran_is_garbage(ran: set[int], running: int) -> None:
    records = [released(number) for number in range(1, 10)]
    found = kept(state(records[running - 1], *sorted(ran)), records, {})
    assert {artifact(number) for number in {*ran, running}} == set(found)
