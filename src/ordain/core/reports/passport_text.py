"""The passport as a person reads it: top to bottom, from what runs to who answers for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ordain.core.decisions import EvidenceKind
from ordain.core.escaping import number, short, shown, visible
from ordain.core.gating.release import Release
from ordain.core.ledger.passport import Passport, Witness
from ordain.core.reports.report import EVIDENCE, count, interval
from ordain.core.reports.report_text import table
from ordain.core.specs.governance import Waiver

_INDENT = " " * 14


def text(passport: Passport) -> str:
    """The whole passport."""
    return "\n".join(line.rstrip() for line in _lines(passport))


def _lines(passport: Passport) -> Iterator[str]:
    entry, target = passport.entry, passport.target
    label = passport.ref.label if passport.ref else "shared files"
    yield f"{target.environment}/{target.model}: {label}"
    yield _row("status", _status(passport))
    yield _row("intent", shown(passport.intent))
    if passport.ref:
        yield _row("artifact", passport.ref.artifact)
    yield _row("entry", f"{entry.sequence} of the ledger, {entry.digest}")
    yield _more(f"signed by collector {entry.collector}")
    if passport.merge:
        commit = passport.merge
        kind = "merge" if len(commit.parents) > 1 else "commit"
        yield _row(kind, f"{short(commit.id)} {visible(commit.subject)}")
        yield _more(f"by {visible(commit.author)}, {commit.time or 'without a date'}")
        yield _more(f"signed by key {commit.signer}" if commit.signer else "not signed by any key")
    else:
        yield _row("commit", short(entry.source))
    if passport.release:
        yield from _release(passport.release, passport)
    yield from _approvals(passport.approvals, passport.contributors)
    for index, each in enumerate(passport.absent):
        yield _row("absent" if index == 0 else "", f"{visible(each)}")


def _row(name: str, value: str) -> str:
    return f"  {name:<12}{value}"


def _more(value: str) -> str:
    return _INDENT + value


def _status(passport: Passport) -> str:
    verb = {"deploy": "deployed", "change": "changed", "rollback": "rolled back to"}.get(
        passport.action, passport.action
    )
    since = f"{verb} {passport.entry.observed}"
    return f"{since}, runs now" if passport.current else f"{since}, replaced {passport.until}"


def _release(release: Release, passport: Passport) -> Iterator[str]:
    champion, data = release.champion, release.data
    yield _row("release", f"{release.model}@{release.number}, record {short(release.digest)}")
    yield _row("champion", f"{champion.candidate} ({champion.estimator})")
    if passport.candidate:
        parameters = passport.candidate.get("parameters") or {}
        yield _more(", ".join(f"{visible(k)}={visible(shown(v))}" for k, v in sorted(parameters.items())))
    score = f"{champion.metric} {number(champion.score)} {interval(champion.interval)}".rstrip()
    yield _more(f"{score} in cross-validation")
    yield _row("data", f"{data.row_count} rows, {data.holdout_count} held out")
    yield _more(f"source {data.source}")
    yield _row("code", short(release.code))
    for index, line in enumerate(_gates(release, passport.waivers)):
        yield _row("gates" if index == 0 else "", line)
    if release.baseline:
        base = release.baseline
        difference = f"{number(base.difference, sign=True)} {interval(base.interval, sign=True)}"
        yield _row("baseline", f"{base.release}, difference {difference}")


def _gates(release: Release, waivers: Sequence[Waiver]) -> list[str]:
    notes = {each.gate: f"waived until {each.expires}: {each.reason}" for each in waivers}
    rows = []
    for each in release.verdicts:
        note = notes.get(each.gate, each.detail) if each.outcome != "pass" else ""
        bound = f"bound {each.bound:g}" if each.bound is not None else ""
        rows.append((each.outcome, each.gate, f"{number(each.value)} {interval(each.interval)}", bound, note))
    return table(rows, "")


def _approvals(approvals: Sequence[Witness], contributors: Sequence[str]) -> Iterator[str]:
    for index, each in enumerate(approvals):
        name = f"{each.name} ({each.person}, {', '.join(each.roles)})" if each.name else each.person
        yield _row("approved by" if index == 0 else "", visible(name))
        yield _more(f"{evidence(each.kind)}, key {each.key}")
    if not approvals:
        yield _row("approved by", "nobody")
    if contributors:
        yield _row("made by", visible(", ".join(contributors)))
        yield _more(f"{count(len(contributors), 'contributor')}, whose approval could not count")


def evidence(kind: EvidenceKind) -> str:
    """`signed by approver` or `attested by collector`: the two are never confused."""
    return EVIDENCE[kind]
