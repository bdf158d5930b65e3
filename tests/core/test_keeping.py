"""Nothing that runs, was compared with, or may come back is garbage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.decisions import Decision, Deployed, Entry, LedgerState
from ordain.core.gating.release import Baseline, Release
from ordain.core.ledger.keeping import Kept, Ledger, Unread, read_tip
from ordain.core.ledger.keeping import kept as keep
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Pin
from ordain.core.specs.identity import Target, Transition
from ordain.core.state.declared import Instance
from tests.core.fleet import ROOT, SPEC, STAGING, fleet, record

CHURN = Target(environment="staging", model="churn")
SHARED = Target(environment="staging", model="_shared")
OWN = {
    str(path.relative_to(ROOT)): path
    for top in ("models.yaml", "params.yaml", "policy.yaml", "environments/*.yaml", "releases/*/*.yaml")
    for path in sorted(ROOT.glob(top))
}
HERE = [f"sha256:{number:064x}" for number in range(1, 12)]


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
    there = {**found, CHURN: deployed(running)}
    return LedgerState(head="h", deployed=there, ran={CHURN: dict.fromkeys(ran, "r")})


def test_without_a_ledger_every_record_keeps_its_artifact() -> None:
    records = [released(number) for number in (1, 2, 3)]
    found = keep(Ledger(entries=(), state=LedgerState()), records, {}, HERE)
    assert list(found) == [artifact(number) for number in (1, 2, 3)]
    assert "no ledger is here" in found[artifact(1)].reasons[0]


def kept(
    state: LedgerState, records: Iterable[Release], tips: Mapping[str, Instance | Unread]
) -> dict[str, Kept]:
    ledger = Ledger(entries=(), state=state)
    return keep(ledger, [*records, *(each for tip in tips.values() for each in recorded(tip))], tips, HERE)


def recorded(tip: Instance | Unread) -> list[Release]:
    if isinstance(tip, Unread):
        return list(tip.records)
    return [each for numbered in tip.releases.values() for each in numbered.values()]


def tip(pinned: int, *records: Release) -> Instance:
    instance = fleet({"churn": SPEC}, {"staging": STAGING})
    environments = {"staging": replace(STAGING, models={"churn": Pin(release=pinned)})}
    numbered: dict[str, Any] = {"churn": {each.number: each for each in records}, "idle": {}}
    return replace(instance, environments=environments, releases=numbered)


def decided(release: Release, *, approved: bool) -> Decision:
    transition = Transition(repository="r", branch="main", environment="staging", model="churn",
                            before=None, after="s")  # fmt: skip
    reason = Reason.APPROVED if approved else Reason.SELF_APPROVAL
    return Decision(
        transition=transition, action="deploy", approved=approved, reason=reason, release=release.ref
    )


def policy_change() -> Decision:
    return replace(decided(released(1), approved=True), action="policy", release=None)


def entry(*decisions: Decision) -> Entry:
    return Entry(
        sequence=1, previous=None, repository="r", branch="main", source="c", policy="p", policy_source="c",
        renderer=1, decisions=decisions, manifests="", observed="", genesis="g",
    )  # fmt: skip


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
    found = kept(LedgerState(head="h"), [], {"feature": tip(6, *records)})
    assert reasons(found, 6) == ("pinned in staging on feature",)
    assert reasons(found, 5) == ("baseline of churn@6",)
    assert reasons(found, 7) == ("newest release on feature",)


def test_a_baseline_is_kept_whether_or_not_its_own_record_is_at_hand() -> None:
    assert kept(LedgerState(), [], {"main": tip(6, released(6, baseline=5))}).keys() == {
        artifact(6),
        artifact(5),
    }
    newest = kept(LedgerState(), [], {"main": tip(9, released(6, baseline=5))})
    assert reasons(newest, 5) == ("baseline of churn@6",)


def test_a_record_of_what_runs_that_is_not_at_hand_could_name_anything() -> None:
    found = kept(state(released(3, baseline=2), 8), [released(3)], {})
    assert set(found) == set(HERE)
    assert reasons(found, 7) == ("may be the baseline of churn@3, whose record is not here",)
    assert found[artifact(7)].releases == ()


def test_what_ran_is_kept_by_the_ledgers_own_word() -> None:
    """Its digest stands in the entry, so no record is needed; a refusal puts nothing in place."""
    before, refused = decided(released(2), approved=True), decided(released(4), approved=False)
    ledger = Ledger(entries=(entry(before), entry(refused), entry(policy_change())), state=state(None))
    found = keep(ledger, [], {}, HERE)
    assert {each: one.reasons for each, one in found.items()} == {artifact(2): ("staging may go back to it",)}


@pytest.mark.parametrize("complete", [True, False])
def test_what_cannot_be_read_keeps_all_that_it_could_name(*, complete: bool) -> None:
    broken = Unread(fault="models.yaml:3: no", records=(released(2, baseline=1),), complete=complete)
    found = kept(state(None), [released(5)], {"feature": broken})
    named = {artifact(number) for number in (1, 2, 5)}
    assert set(found) == (named if complete else set(HERE))
    assert reasons(found, 5) == ("feature can't be read and could name it: models.yaml:3: no",)
    assert found[artifact(1)].releases == ("churn@1",)


def test_a_state_is_read_as_far_as_it_goes() -> None:
    files = {path: place.read_bytes() for path, place in OWN.items()}
    whole = read_tip(files)
    assert isinstance(whole, Instance)
    records = sorted(recorded(whole), key=lambda each: each.ref.label)
    broken = read_tip({**files, "models.yaml": b"- no"})
    assert isinstance(broken, Unread)
    assert broken.complete
    assert sorted(broken.records, key=lambda each: each.ref.label) == records
    assert "models.yaml" in broken.fault
    path = next(each for each in files if each.startswith("releases/"))
    worse = read_tip({**files, path: b"<<<<<<< HEAD", "releases/notes.txt": b""})
    assert isinstance(worse, Unread)
    assert not worse.complete
    assert len(worse.records) == len(records) - 1


@given(
    st.dictionaries(st.sampled_from(["models.yaml", "releases/churn/1.yaml", "x"]), st.binary(max_size=60))
)
def test_no_bytes_stop_the_reading(files: dict[str, bytes]) -> None:
    found = read_tip(files)
    assert isinstance(found, Unread)
    assert found.complete == ("releases/churn/1.yaml" not in files)


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
