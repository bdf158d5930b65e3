"""Which artifacts are no garbage, and why: what runs, what it was judged against, what may come back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ordain.core.decisions import LedgerState, Value
from ordain.core.declared import Instance
from ordain.core.release import Release


class Kept(Value, frozen=True, kw_only=True):
    """One artifact that something needs.

    Attributes:
        digest: of the artifact. releases: such as `churn@1`. reasons: one phrase each, sorted.
    """

    digest: str
    releases: tuple[str, ...]
    reasons: tuple[str, ...]


def kept(state: LedgerState, records: Iterable[Release], tips: Mapping[str, Instance]) -> dict[str, Kept]:
    """What to keep, by the artifact's digest.

    Args:
        state: the ledger's present.
        records: every release record at hand, of whatever branch.
        tips: what the newest commit of each branch declares, by the branch's name: a request that is still
            open may need what it pins.
    """
    by_label: dict[str, list[Release]] = {}
    for record in records:
        by_label.setdefault(record.ref.label, []).append(record)
    needs = list(_recorded(state, by_label))
    by_ledger = frozenset(each.artifact for each in needs)  # for these the branches add no reason
    for branch, instance in tips.items():
        for pinned, reason in _declared(branch, instance):
            said = "" if pinned.artifact in by_ledger else reason
            needs.append(_Need(pinned.artifact, pinned.ref.label, said))
    why: dict[str, set[str]] = {}
    named: dict[str, set[str]] = {}
    for each in needs:
        why.setdefault(each.artifact, set()).update({each.reason} - {""})
        named.setdefault(each.artifact, set()).add(each.label)
    return {
        digest: Kept(digest=digest, releases=tuple(sorted(named[digest])), reasons=tuple(sorted(reasons)))
        for digest, reasons in sorted(why.items())
    }


class _Need(NamedTuple):
    """One reason to keep an artifact, under the name of one release of it."""

    artifact: str
    label: str
    reason: str


def _recorded(state: LedgerState, by_label: Mapping[str, Sequence[Release]]) -> Iterable[_Need]:
    """What the ledger says: what runs, what that was judged against, what may come back."""
    for target, running in state.deployed.items():
        ref = running.release
        if ref is not None:
            yield _Need(ref.artifact, ref.label, f"runs in {target.environment}")
            for record in by_label.get(ref.label, ()):
                if record.baseline is not None:
                    name = record.baseline.release
                    yield _Need(record.baseline.artifact, name, f"baseline of {ref.label}")
    for target, numbers in state.ran.items():
        for number in numbers:
            # Another branch may have taken the same number: all of that name are kept.
            for record in by_label.get(f"{target.model}@{number}", ()):
                yield _Need(record.artifact, record.ref.label, f"{target.environment} may go back to it")


def _declared(branch: str, instance: Instance) -> Iterable[tuple[Release, str]]:
    """What a branch pins, and the newest release of each model: it may be promoted."""
    for name, environment in instance.environments.items():
        for model, pin in environment.models.items():
            record = instance.releases.get(model, {}).get(pin.release)
            if record is not None:
                yield record, f"pinned in {name} on {branch}"
                if record.baseline is not None:
                    number = int(record.baseline.release.rpartition("@")[2])
                    before = instance.releases.get(model, {}).get(number)
                    if before is not None:
                        yield before, f"baseline of {record.ref.label}"
    for numbered in instance.releases.values():
        if numbered:
            yield numbered[max(numbered)], f"newest release on {branch}"
