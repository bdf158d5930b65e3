"""Which artifacts are no garbage, and why: what runs, what it was judged against, what may come back.

Whatever can't be read keeps everything that it could name: nothing is garbage because of a fault.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ordain.core.decisions import Entry, LedgerState
from ordain.core.gating.release import Release
from ordain.core.state.declared import Instance
from ordain.core.state.instance import is_state_path, read_instance, sound_part
from ordain.core.value import Value
from ordain.errors import UserError


class Kept(Value, frozen=True, kw_only=True):
    """One artifact that something needs.

    Attributes:
        digest: of the artifact. releases: such as `churn@1`. reasons: one phrase each, sorted.
    """

    digest: str
    releases: tuple[str, ...]
    reasons: tuple[str, ...]


class Unread(Value, frozen=True, kw_only=True):
    """A declared state that can't be read as a whole.

    Attributes:
        fault: what is wrong with it. records: every sound release record in it.
        complete: whether these are all of its records: it can then name no artifact without a record, but
            any with one, on whatever branch. Else it could name any artifact.
    """

    fault: str
    records: tuple[Release, ...] = ()
    complete: bool = False


class Ledger(Value, frozen=True, kw_only=True):
    """What is proven of a ledger: its entries, and the present that they fold to."""

    entries: tuple[Entry, ...]
    state: LedgerState


def read_tip(files: Mapping[str, bytes]) -> Instance | Unread:
    """What some files declare, as far as it can be read.

    Args:
        files: bytes by path in the repository; what holds no declared state is passed over.
    """
    try:
        return read_instance(files)
    except UserError as error:
        paths = (path for path in files if path.startswith("releases/") and is_state_path(path))
        found = [sound_part(path, files[path]) for path in paths]
        records = tuple(each for each in found if each is not None)
        return Unread(fault=str(error), records=records, complete=len(records) == len(found))


def kept(
    ledger: Ledger,
    records: Iterable[Release],
    tips: Mapping[str, Instance | Unread],
    here: Collection[str],
) -> dict[str, Kept]:
    """What to keep, by the artifact's digest.

    Args:
        records: every release record at hand, of whatever branch.
        tips: what each branch's newest commit and each working tree declares, by its name: a request that
            is still open, or a release that nobody has committed yet, may need what it pins.
        here: the artifacts that there are.
    """
    by_label: dict[str, list[Release]] = {}
    for record in (at_hand := tuple(records)):
        by_label.setdefault(record.ref.label, []).append(record)
    needs = list(_recorded(ledger, by_label))
    by_ledger = frozenset(each.artifact for each in needs)  # for these the branches add no reason
    declared = [
        each
        for name, tip in tips.items()
        for each in (_unread(name, tip, at_hand, here) if isinstance(tip, Unread) else _declared(name, tip))
    ]
    needs += [each._replace(reason="") if each.artifact in by_ledger else each for each in declared]
    needs += _unknown(ledger.state, by_label, here)
    if ledger.state.head is None:
        # It may lie where this clone does not look, as `reconcile --target` may have put it.
        reason = "has a record, and no ledger is here that could say whether it runs"
        needs += [_Need(each.artifact, each.ref.label, reason) for each in at_hand]
    why: dict[str, set[str]] = {}
    named: dict[str, set[str]] = {}
    for each in needs:
        why.setdefault(each.artifact, set()).update({each.reason} - {""})
        named.setdefault(each.artifact, set()).update({each.label} - {""})
    return {
        digest: Kept(digest=digest, releases=tuple(sorted(named[digest])), reasons=tuple(sorted(reasons)))
        for digest, reasons in sorted(why.items())
    }


class _Need(NamedTuple):
    """One reason to keep an artifact, under the name of one release of it; empty where it has none."""

    artifact: str
    label: str
    reason: str


def _recorded(ledger: Ledger, by_label: Mapping[str, Sequence[Release]]) -> Iterator[_Need]:
    """What the ledger says: what runs, what that was judged against, what may come back."""
    for target, running in ledger.state.deployed.items():
        ref = running.release
        if ref is not None:
            yield _Need(ref.artifact, ref.label, f"runs in {target.environment}")
            for record in by_label.get(ref.label, ()):
                yield from _baseline(record)
    for decision in (each for entry in ledger.entries for each in entry.decisions if each.approved):
        ref = decision.release
        if ref is not None:
            yield _Need(ref.artifact, ref.label, f"{decision.transition.environment} may go back to it")
    for target, numbers in ledger.state.ran.items():
        for number in numbers:
            # Another branch may have taken the same number: all of that name are kept.
            for record in by_label.get(f"{target.model}@{number}", ()):
                yield _Need(record.artifact, record.ref.label, f"{target.environment} may go back to it")


def _baseline(record: Release) -> Iterator[_Need]:
    """What a release was judged against, whether or not its own record is at hand."""
    if record.baseline is not None:
        yield _Need(record.baseline.artifact, record.baseline.release, f"baseline of {record.ref.label}")


def _unread(name: str, tip: Unread, records: Iterable[Release], here: Iterable[str]) -> Iterator[_Need]:
    reason = f"{name} can't be read and could name it: {tip.fault}"
    for record in records:
        yield _Need(record.artifact, record.ref.label, reason)
        yield from _baseline(record)
    if not tip.complete:
        yield from (_Need(digest, "", reason) for digest in here)


def _declared(name: str, tip: Instance) -> Iterator[_Need]:
    """What one state pins, and the newest release of each model: it may be promoted."""
    for environment, settings in tip.environments.items():
        for model, pin in settings.models.items():
            pinned = tip.releases.get(model, {}).get(pin.release)
            if pinned is not None:
                yield _Need(pinned.artifact, pinned.ref.label, f"pinned in {environment} on {name}")
                yield from _baseline(pinned)
    for numbered in tip.releases.values():
        if numbered:
            newest = numbered[max(numbered)]
            yield _Need(newest.artifact, newest.ref.label, f"newest release on {name}")
            yield from _baseline(newest)


def _unknown(
    state: LedgerState, by_label: Mapping[str, Sequence[Release]], here: Collection[str]
) -> Iterator[_Need]:
    """Where the record of what runs is not at hand, nobody knows what it was judged against."""
    for running in state.deployed.values():
        ref = running.release
        if ref is not None and all(each.digest != ref.record for each in by_label.get(ref.label, ())):
            reason = f"may be the baseline of {ref.label}, whose record is not here"
            yield from (_Need(digest, "", reason) for digest in here)
