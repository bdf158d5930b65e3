"""Proofs about the ledger: its chain, its signatures, its approvals, its judgements, its manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ordain.adapters import files as disk
from ordain.adapters.git import Repository
from ordain.core.approvals import attested, summary
from ordain.core.approvals.approval import Evidence
from ordain.core.approvals.attested import Attested
from ordain.core.approvals.voices import Hearing
from ordain.core.decisions import Entry, LedgerState
from ordain.core.evidence import attestation
from ordain.core.ledger.ledger import FOLDER, Record, advance, fold
from ordain.core.people.trust import collectors
from ordain.core.reasons import Reason
from ordain.core.rendering.render import RENDERER_VERSION, admitted_files
from ordain.core.reports import verification
from ordain.core.reports.verification import Proof, absent, failed, ok
from ordain.core.specs.identity import files_digest
from ordain.errors import UserError
from ordain.services.judging.book import Book, check_ledger, open_book
from ordain.services.judging.clone import Clone, check_memory
from ordain.services.judging.judging import Context, Walk
from ordain.services.judging.listening import Listening
from ordain.services.judging.past import Past
from ordain.services.judging.states import MANIFESTS, States
from ordain.services.judging.witness import transitions_of


def chain_proofs(clone: Clone) -> tuple[Book, list[Proof]]:
    """The longest ledger that holds, and what is wrong with the files that should hold it."""
    proofs: list[Proof] = []
    if clone.ledger is None:
        return Book.empty(), [absent("ledger", "the branch with the ledger", "git fetch origin")]
    try:
        check_ledger(clone.states, clone.ledger, clone.genesis)
    except UserError as error:
        proofs.append(failed("ledger", error.where or FOLDER, error.what))
    try:
        book = open_book(clone.states, clone.ledger, clone.genesis)
    except UserError as error:
        edited = error.reason == Reason.MANIFESTS_EDITED
        link: verification.Link = "manifest" if edited else "ledger"
        return Book.empty(), [*proofs, failed(link, error.where, error.what)]
    proofs += _remembered(clone, book)
    named = {each.what for each in proofs}
    proofs += [
        failed("ledger", path, "not what the longest ledger that holds has there")
        for path in book.repaired
        if path.startswith(FOLDER) and path not in named
    ]
    if not proofs:
        entries = len(book.records)
        proofs.append(
            ok("ledger", f"{entries} entries", "each follows the one before, signed by a collector")
        )
    return book, proofs


def _remembered(clone: Clone, book: Book) -> list[Proof]:
    """A ledger that lost what this clone has seen of it is proven by nothing that is in it."""
    try:
        check_memory(clone, book.records)
    except UserError as error:
        return [failed("ledger", clone.base.name, error.what)]
    return []


def manifest_proofs(clone: Clone, book: Book) -> Iterator[Proof]:
    """What lies below `manifests/`, at the base branch and in the working tree."""
    recorded = {target.label: each.files for target, each in book.state.deployed.items()}
    if book.records and book.records[-1].entry.renderer == RENDERER_VERSION:
        follows = admitted_files(book.state, clone.states.templates)
        recorded |= {folder: files_digest(files) for folder, files in follows.items()}
    try:
        found = clone.repository.read(clone.ledger or clone.commit, (f"{MANIFESTS}/",))
        if book.state.manifests is not None:
            name = f"{MANIFESTS}/ of {clone.base.name}"
            yield from verification.rendered_proofs(name, recorded, _rendered(found), book.state.manifests)
        yield from _working_tree(clone.repository)
    except UserError as error:
        yield failed("manifest", error.where or MANIFESTS, error.what)


def _rendered(found: Mapping[str, bytes]) -> dict[str, bytes]:
    top = f"{MANIFESTS}/"
    return {path.removeprefix(top): data for path, data in found.items() if not path.startswith(FOLDER)}


def _working_tree(repository: Repository) -> Iterator[Proof]:
    """What only `ordain reconcile` and `ordain release` write: it must be as it is committed."""
    if not repository.has_working_tree():
        return
    tops = (MANIFESTS, "releases")
    head = repository.read(repository.resolve("HEAD"), tuple(f"{each}/" for each in tops))
    here = disk.read_state(repository.folder, lambda _: True, tops=tops)
    known = {path: data for path, data in here.items() if path in head or path.startswith(f"{MANIFESTS}/")}
    wrong = verification.differing(head, known)
    for path in wrong:
        link = _link(path)
        yield Proof(link=link, what=path, outcome="FAILED", detail="the working tree differs from its commit")
    if not wrong:
        yield ok("manifest", "working tree", f"{len(head)} files are as they are committed")


def _link(path: str) -> verification.Link:
    if path.startswith(FOLDER):
        return "ledger"
    return "manifest" if path.startswith(f"{MANIFESTS}/") else "release"


def entry_proofs(clone: Clone, records: Sequence[Record], proven: int = 0) -> Iterator[Proof]:
    """Approvals, judgement and rendering of each entry.

    Judging again starts from the ledger before the entry, with the approvals that the entry carries.

    Args:
        proven: how many of the oldest entries need no proof.
    """
    state = fold([(each.digest, each.entry) for each in records[:proven]])
    past, states = Past(records[:proven]), clone.states
    for record in records[proven:]:
        yield from approval_proofs(states, past, record.entry)
        yield from request_proofs(states, past, record.entry)
        yield from summary_proofs(states, record.entry)
        yield from _judged(states, state, past, record.entry)
        yield from rendering_proofs(states, record.entry)
        state = advance(state, record.digest, record.entry)
        past.add(state, record.entry)


def request_proofs(states: States, past: Past, entry: Entry) -> Iterator[Proof]:
    """Every attestation of a merged request: who signed it, and what the reviewed commits declare.

    Args:
        past: the ledger before the entry.
    """
    policy = states.needed_policy(entry.policy_source)
    for envelope in entry.requests:
        told = attested.read(attestation.to_bytes(envelope))
        if told is None or told.key not in collectors(policy):
            yield failed("approval", f"entry {entry.sequence}", "a request that no collector attests")
            continue
        (step,) = states.repository.commits([told.observed.source])
        parent = step.parents[0] if step.parents else step.id
        for each in told.observed.reviews:
            what = f"entry {entry.sequence}: review of {told.observed.url} by {each.reviewer}"
            if each.commit is None or states.repository.find(each.commit) is None:
                yield absent("approval", what, "the reviewed commit is not in this clone")
                continue
            again = transitions_of(states, past, each.commit, (parent, policy))
            same = set(again) == set(each.transitions)
            yield ok("approval", what) if same else failed("approval", what, "it declares other transitions")


def summary_proofs(states: States, entry: Entry) -> Iterator[Proof]:
    """The verification summaries that an entry carries say what it decided, by a collector's word."""
    wrong = summary.fault(entry, collectors(states.needed_policy(entry.policy_source)))
    what = f"entry {entry.sequence}: {len(entry.summaries)} verification summaries"
    if wrong is not None:
        yield failed("ledger", f"entry {entry.sequence}", wrong)
    elif entry.summaries:
        yield ok("ledger", what, "as decided, signed by a collector")


def approval_proofs(states: States, past: Past, entry: Entry) -> Iterator[Proof]:
    """Every approval that an entry carries.

    Args:
        past: the ledger before the entry.
    """
    policy = states.policy(entry.policy_source)
    if policy is None:
        return
    hearing = Hearing(policy, (), frozenset(), Listening(states, past, (entry.genesis, entry.source)).first)
    for decision in entry.decisions:
        for each in decision.approvals:
            yield _within(entry, verification.approval_proof(each, decision.transition, hearing))


def _within(entry: Entry, proof: Proof) -> Proof:
    what = f"entry {entry.sequence}: {proof.what}"
    return Proof(link=proof.link, what=what, outcome=proof.outcome, detail=proof.detail)


def _judged(states: States, state: LedgerState, past: Past, entry: Entry) -> Iterator[Proof]:
    what = f"entry {entry.sequence}"
    try:
        told = _attested(entry)
        context = Context(
            evidence=_evidence(entry), now=entry.observed, present=lambda _: True,
            attest=lambda commit, _parent, _policy: told.get(commit), past=past, judging=entry.judging,
        )  # fmt: skip
        walk = Walk(states, context, state, entry.source)
        steps = [each for each in walk.steps() if not walk.own(each)] or [entry.source]
        if entry.source != steps[-1]:
            yield failed("judgement", what, f"{entry.source[:12]} is no step of the branch")
            return
        for commit in steps[:-1]:
            walk.advance(commit)
        yield verification.judged_proof(what, entry.decisions, walk.advance(steps[-1]).decisions)
    except UserError as error:
        yield failed("judgement", what, str(error))


def _evidence(entry: Entry) -> tuple[Evidence, ...]:
    envelopes = [attestation.to_bytes(a.envelope) for each in entry.decisions for a in each.approvals]
    return tuple(one for data in dict.fromkeys(envelopes) for one in verification.evidence_in(data))


def _attested(entry: Entry) -> dict[str, Attested]:
    """What the entry carries of forges' words, by the step of the base branch."""
    found = (attested.read(attestation.to_bytes(each)) for each in entry.requests)
    return {each.observed.source: each for each in found if each is not None}


def rendering_proofs(states: States, entry: Entry) -> Iterator[Proof]:
    """Whether rendering what was approved again gives the same bytes."""
    wanted = [each for each in entry.decisions if each.approved and each.files is not None]
    if not wanted:
        return
    snapshot = states.snapshot(entry.source)
    for decision in wanted:
        target = decision.transition.target
        what = f"entry {entry.sequence}: {target.label} rendered again"
        found = snapshot.wanted.get(target)
        if snapshot.fault is not None and snapshot.fault.reason == Reason.RENDERER_MISMATCH:
            yield absent("manifest", what, f"needs renderer version {entry.renderer}")
        elif found is None:
            yield failed("manifest", what, str(snapshot.fault or "its commit wants no such thing"))
        elif (found.intent, found.files_digest) != (decision.intent, decision.files):
            yield failed("manifest", what, "other bytes than were approved")
        else:
            yield ok("manifest", what, "the same bytes")


def running_entries(book: Book) -> list[Record]:
    """The entries that put in place what runs now."""
    since = {each.since for each in book.state.deployed.values()}
    return [each for each in book.records if each.entry.sequence in since]
