"""The ledger: signed, hash-chained entries, and the present that they fold to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from ordain.core.canonical import bytes_digest
from ordain.core.decisions import REMEMBERED, Decision, Deployed, Entry, LedgerState, Stood
from ordain.core.evidence import attestation, sshsig
from ordain.core.reasons import Reason
from ordain.core.specs.governance import POLICY
from ordain.core.specs.identity import ReleaseRef, Target
from ordain.core.value import Value
from ordain.errors import UserError

FOLDER = "manifests/ledger/"
POLICY_TARGET = Target(environment=POLICY, model=POLICY)
_PATH = re.compile(r"manifests/ledger/(\d{8})\.json")
# Fields that the first entries did not have: left out at their defaults, so that old bytes stay the same.
_LATER: dict[str, object] = {"judging": 1, "sighted": ()}
# The rules by which this Ordain judges; what older entries say is judged by the rules of their time.
JUDGING = 5


class Record(Value, frozen=True, kw_only=True):
    """An entry of a checked chain: its file, the digest of its bytes, and who signed it.

    Attributes:
        key: fingerprint of the collector's key.
    """

    path: str
    digest: str
    key: str
    entry: Entry


class Seen(Value, frozen=True, kw_only=True):
    """A ledger as somebody last saw it: the number of its newest entry, and the digest of that file."""

    sequence: int
    digest: str


def seen(records: Sequence[Record]) -> Seen | None:
    """What there is to remember of a proven ledger."""
    return Seen(sequence=len(records), digest=records[-1].digest) if records else None


def check_seen(records: Sequence[Record], before: Seen | None, where: str) -> None:
    """A ledger only ever grows, so whatever was seen of it before is still in it.

    Args:
        records: the proven ledger. before: what the reader remembers of it. where: the branch.

    Raises:
        UserError: reason `history-rewritten`.
    """
    if before is None or (
        len(records) >= before.sequence and records[before.sequence - 1].digest == before.digest
    ):
        return
    now = f"it ends with entry {len(records)}" if len(records) < before.sequence else "it holds another"
    raise UserError(
        f"this clone has seen entry {before.sequence} ({before.digest[:19]}) in the ledger, and now {now}: "
        "the branch was rewritten or cut off",
        where=where,
        fix="git fetch origin, in case this clone is behind; else push the branch back from a clone that "
        "holds the entry; if the new history is the right one, make a new clone",
        reason=Reason.HISTORY_REWRITTEN,
    )


def path_of(sequence: int) -> str:
    """Where an entry lies."""
    return f"{FOLDER}{sequence:08d}.json"


def encode(entry: Entry, sign: attestation.Signer) -> bytes:
    """The bytes of an entry's file: a decision statement in an envelope signed by the collector.

    Args:
        entry: what was decided.
        sign: turns the bytes to be signed into an SSH signature of namespace `ledger@ordain.dev`.
    """
    subjects = {each.transition.target.label: each.transition.id for each in entry.decisions}
    predicate = {
        name: value
        for name, value in msgspec.to_builtins(entry).items()
        if name not in _LATER or getattr(entry, name) != _LATER[name]
    }
    content = attestation.statement(
        attestation.DECISION_TYPE, {"manifests": entry.manifests, **subjects}, predicate
    )
    return attestation.to_bytes(attestation.seal(content, sign))


def decode(data: bytes) -> Entry:
    """The entry in an entry's file. Neither signature nor chain is checked: see `check_chain`.

    Raises:
        UserError: reason `ledger-broken`, when the bytes hold no entry.
    """
    try:
        return _entry(attestation.peek(data))
    except ValueError as error:
        raise _broken(f"not a ledger entry: {error}", "") from error


def _entry(content: attestation.Statement) -> Entry:
    if content.predicate_type != attestation.DECISION_TYPE:
        raise attestation.StatementError(f"the statement is of type {content.predicate_type[:80]}")
    entry = msgspec.convert(content.predicate, type=Entry)
    named = {each.name: each.digest.get("sha256") for each in content.subject}
    meant = {each.transition.target.label: each.transition.id for each in entry.decisions}
    meant["manifests"] = entry.manifests
    said = {name: each.removeprefix("sha256:") for name, each in meant.items()}
    if named != said or not len(content.subject) == len(entry.decisions) + 1 == len(said):
        raise attestation.StatementError("the statement's subjects are not those of its decisions")
    return entry


def fold(entries: Sequence[tuple[str, Entry]]) -> LedgerState:
    """The present state of a ledger.

    Args:
        entries: the digest of each entry's file and the entry, oldest first, already checked.
    """
    state = LedgerState()
    for file_digest, entry in entries:
        state = advance(state, file_digest, entry)
    return state


def advance(state: LedgerState, file_digest: str, entry: Entry) -> LedgerState:
    """The state after one more entry."""
    return replace(
        _decided(state, entry),
        head=file_digest,
        sequence=entry.sequence,
        cursor=entry.source,
        refused=state.refused
        | {(each.transition.id, each.reason.value) for each in entry.decisions if not each.approved},
        pending={each.target: each for each in entry.pending},
        genesis=entry.genesis,
        manifests=entry.manifests,
        reigns=_reigns(state.reigns, entry),
        judging=entry.judging,
    )


def _decided(state: LedgerState, entry: Entry) -> LedgerState:
    """What an entry's decisions make of what runs, of what ran and of the policy."""
    deployed, ran, stood = dict(state.deployed), dict(state.ran), dict(state.stood)
    since, subjects, images = dict(state.since), dict(state.subjects), dict(state.images)
    policy, source = entry.policy, entry.policy_source
    for decision in entry.decisions:
        target = decision.transition.target
        if not decision.approved:
            continue
        since[target] = entry.sequence
        if target == POLICY_TARGET:
            policy, source = decision.transition.after or policy, entry.source
            continue
        running = _deployed(decision, entry)
        if running is None:
            deployed.pop(target, None)
            images.pop(target, None)
            continue
        deployed[target] = running
        stood[target] = Stood(source=entry.source, release=decision.release, waivers=decision.waivers)
        subjects[target] = subjects.get(target, frozenset()) | {running.subject}
        images[target] = _remembered(decision.images, images.get(target, ()))
        if running.release is not None:
            ran[target] = _with(ran.get(target, {}), running.release)
    return replace(
        state, deployed=deployed, ran=ran, stood=stood, since=since, subjects=subjects, images=images,
        policy=policy, policy_source=source,
    )  # fmt: skip


def _reigns(earlier: tuple[tuple[str, str], ...], entry: Entry) -> tuple[tuple[str, str], ...]:
    kept = earlier[:-1] if earlier and earlier[-1][0] == entry.policy_source else earlier
    return (*kept, (entry.policy_source, entry.source))


def _with(earlier: dict[int, str], release: ReleaseRef) -> dict[int, str]:
    """Of two records of one number, which nothing lets run any more, the first is the release."""
    return {**earlier, release.number: earlier.get(release.number, release.record)}


def _remembered(now: tuple[str, ...], earlier: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    others = (each for each in earlier if each != now)
    return (now, *others)[: REMEMBERED + 1]


def _deployed(decision: Decision, entry: Entry) -> Deployed | None:
    transition = decision.transition
    if transition.after is None or decision.intent is None or decision.files is None:
        return None
    return Deployed(
        target=transition.target,
        subject=transition.after,
        intent=decision.intent,
        files=decision.files,
        release=decision.release,
        since=entry.sequence,
        source=entry.source,
        risk=decision.declared,
        namespace=decision.namespace,
    )


def check_chain(files: dict[str, bytes], collectors: Callable[[Entry], frozenset[str]]) -> tuple[Record, ...]:
    """The entries of a ledger, each proven to follow the one before and to be signed by a collector.

    Args:
        files: everything below `manifests/ledger/`, by path.
        collectors: fingerprints that may sign, by the policy that an entry names as its own.

    Raises:
        UserError: reason `ledger-broken`; `where` is the first file that does not hold.
    """
    records: list[Record] = []
    state = LedgerState()
    for sequence, path in enumerate(sorted(files), start=1):
        if path != path_of(sequence):
            known = _PATH.fullmatch(path)
            what = f"entry {sequence} is missing before it" if known else "this is no ledger entry"
            raise _broken(what, path)
        record = _record(path, files[path])
        _linked(record, state, records[-1].entry if records else None)
        if record.key not in collectors(record.entry):
            raise _broken(f"signed by {record.key}, which is no collector of its policy", path)
        records.append(record)
        state = advance(state, record.digest, record.entry)
    return tuple(records)


def _record(path: str, data: bytes) -> Record:
    try:
        opened = attestation.open_envelope(data, attestation.LEDGER_NAMESPACE)
        entry = _entry(opened.statement)
    except (sshsig.SignatureError, attestation.StatementError, msgspec.ValidationError) as error:
        raise _broken(str(error), path) from error
    return Record(path=path, digest=bytes_digest(data), key=opened.key.fingerprint, entry=entry)


def _linked(record: Record, state: LedgerState, previous: Entry | None) -> None:
    """An entry must follow from the state before it."""
    entry = record.entry
    if entry.sequence != state.sequence + 1:
        raise _broken(f"it says it is entry {entry.sequence}", record.path)
    if entry.previous != state.head:
        raise _broken("the entry before it is not the one it names", record.path)
    if entry.judging > JUDGING:
        what = f"it was judged by rules of version {entry.judging}, which this Ordain does not know"
        raise _broken(what, record.path, "install the Ordain that wrote it, or a newer one")
    if entry.judging < max(1, state.judging):
        raise _broken(f"it was judged by the older rules of version {entry.judging}", record.path)
    if previous is None:
        return
    if (entry.policy, entry.policy_source) != (state.policy, state.policy_source):
        raise _broken("it was not judged under the newest approved policy", record.path)
    if entry.genesis != previous.genesis:
        raise _broken("it names another genesis than the entry before it", record.path)


def _broken(what: str, path: str, fix: str = "") -> UserError:
    return UserError(
        what,
        where=path or FOLDER,
        fix=fix or "restore manifests/ledger from a clone that `ordain verify` accepts",
        reason=Reason.LEDGER_BROKEN,
    )
