"""`ordain plan`: what reconciling would do if a revision, or what lies in the working tree, were merged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct
from msgspec.structs import replace

from ordain.adapters import files as disk
from ordain.adapters.git import Repository, scratch
from ordain.core.decisions import Decision, LedgerState
from ordain.core.git import commits
from ordain.core.ledger.ledger import advance
from ordain.core.plans import planning
from ordain.core.plans.plan import Plan, Point
from ordain.core.plans.planning import Inputs
from ordain.core.problems import Problem
from ordain.core.reports.verification import differing
from ordain.core.specs.identity import Target
from ordain.core.state.declared import Declared, Instance
from ordain.core.state.instance import STATE_PATHS, is_state_path
from ordain.core.state.placeholders import placeholder_images
from ordain.errors import UserError
from ordain.ports import Merges
from ordain.services.judging.clone import check_lent, ground_of
from ordain.services.judging.judged import Judged, entry_of
from ordain.services.judging.judging import Walk
from ordain.services.judging.past import Past
from ordain.services.judging.states import MANIFESTS, States
from ordain.services.judging.workspace import Desk, Setting, at_base, book_of
from ordain.services.reading.measurements import measurements
from ordain.services.training.staleness import Hash, Read, at_commit, in_working_tree, stale_pipelines

WORKING_TREE = "working tree"
NOBODY = commits.Identity(name="Working tree", email="working-tree@ordain.invalid")
TOPS = tuple(each.rstrip("/") for each in STATE_PATHS)


class Wanted(Struct, frozen=True, kw_only=True):
    """What is planned for.

    Attributes:
        commit: whose history says who contributed.
        content: what is declared: the commit itself, or one of the scratch repository that holds the
            working tree's state on top of it.
    """

    point: Point
    commit: str
    content: str


def plan(setting: Setting, revision: str | None, base: str | None, forge: Merges | None = None) -> Plan:
    """Compare what is wanted with what the ledger says is running.

    Args:
        setting: the clone, and what judging needs.
        revision: a commit; None for the working tree, uncommitted changes included.
        base: a revision of the clone to compare with; None for the base branch, fetched from `origin`.
        forge: what knows of merged requests, so that their reviews count as reconciling will count them.

    Raises:
        UserError: when the state is invalid, or conflicts with the base branch. RetryLater: when the
            origin does not answer.
    """
    with _desk(setting, base) as (desk, point):
        wanted = _wanted(setting.clone, desk.repository, revision)
        past = Past(desk.book.records)
        walk = Walk(desk.states, desk.context(past, desk.hearing(past, forge)), desk.book.state, desk.base)
        passed, unreconciled = _rehearse(walk, past, setting.now)
        judged = _look(walk, desk, wanted)
        instance = _usable(judged)
        decisions = {**passed, **{each.transition.target: each for each in judged.decisions}}
        state = desk.book.state
        state = replace(state, policy_source=state.policy_source or walk.genesis)
        read, md5 = _reading(setting.clone, wanted, revision)
        inputs = Inputs(
            revision=wanted.point,
            base=point,
            instance=instance,
            past=_past(desk.states, state, walk.genesis),
            desired=judged.snapshot.wanted,
            state=state,
            decisions=tuple(decisions.values()),
            manifests=_manifests(desk),
            stale=stale_pipelines(instance, read, md5),
            unreconciled=unreconciled,
            restored=desk.book.repaired,
            notes=tuple(map(_noted, placeholder_images(Declared(instance=instance)))),
        )
        return planning.build(replace(inputs, measured=measurements(inputs, read, desk.repository)))


@contextmanager
def _desk(setting: Setting, base: str | None) -> Iterator[tuple[Desk, Point]]:
    """The base branch at the origin; or as the clone has it, where one is named or there is no origin."""
    clone = setting.clone
    if base is None and clone.has_remote():
        with at_base(setting) as desk:
            yield desk, Point(name=f"origin/{desk.ground.branch}", commit=desk.base)
        return
    found, point = ground_of(clone, States(clone, setting.templates), base)
    with scratch(clone.folder) as repository:
        check_lent(clone, repository, found.base)
        states = States(repository, setting.templates)
        address = str(clone.folder.resolve())
        yield (
            Desk(
                repository=repository, address=address, ground=found, states=states,
                book=book_of(states, found), forge=setting.forge(repository, address), setting=setting,
            ),
            point,
        )  # fmt: skip


def _wanted(clone: Repository, repository: Repository, revision: str | None) -> Wanted:
    head = clone.resolve(revision or "HEAD")
    check_lent(clone, repository, head)
    if revision is not None:
        return Wanted(point=Point(name=revision, commit=head), commit=head, content=head)
    here = disk.read_state(clone.folder, is_state_path, tops=TOPS)
    there = {path: data for path, data in clone.read(head, STATE_PATHS).items() if is_state_path(path)}
    edited = differing(there, here)
    point = Point(name=WORKING_TREE, commit=head, uncommitted=edited)
    if not edited:
        return Wanted(point=point, commit=head, content=head)
    tree = head
    for top in sorted({path.partition("/")[0] for path in edited}):
        blobs = {path: data for path, data in here.items() if path.startswith(top + "/")}
        if top in here:
            tree = repository.with_file(tree, top, here[top])
        elif top in there:
            fix = f"git checkout {top}, or commit the removal and use --rev HEAD"
            raise UserError("the file is gone from the working tree", where=top, fix=fix)
        else:
            ids = repository.write_blobs(list(blobs.values()))
            tree = repository.write_tree(tree, top, dict(zip(blobs, ids, strict=True)))
    content = repository.write_commit(commits.compose(tree, (head,), (NOBODY, 0), WORKING_TREE))
    return Wanted(point=point, commit=head, content=content)


def _rehearse(walk: Walk, past: Past, now: str) -> tuple[dict[Target, Decision], tuple[str, ...]]:
    """Walk to the head of the base branch; what reconciling will let through, and the steps to record."""
    passed: dict[Target, Decision] = {}
    steps: list[str] = []
    for commit in walk.steps():
        if walk.own(commit):
            continue
        judged = walk.advance(commit)
        passed.update({each.transition.target: each for each in judged.decisions if each.approved})
        entry = entry_of(walk.state, judged, now)
        if entry.decisions:
            steps.append(commit)
            walk.recorded(advance(walk.state, entry.source, entry))
            past.add(walk.state, entry)
    return passed, tuple(steps)


def _look(walk: Walk, desk: Desk, wanted: Wanted) -> Judged:
    repository = desk.repository
    if repository.is_ancestor(wanted.content, desk.base):
        return walk.look(desk.base, desk.base)
    tree = repository.merged_tree(desk.base, wanted.content)
    if tree is None:
        what = "this conflicts with the base branch, so nobody knows what merging it would give"
        raise UserError(what, where=wanted.point.name, fix="merge the base branch, then plan again")
    return walk.look(wanted.commit, tree)


def _usable(judged: Judged) -> Instance:
    if judged.snapshot.instance is None:
        raise judged.snapshot.fault or UserError("the declared state can't be read", fix="ordain check")
    return judged.snapshot.instance


def _noted(problem: Problem) -> str:
    return f"{problem.file}: {problem.key}: {problem.message}"


def _past(states: States, state: LedgerState, genesis: str) -> dict[str, Instance]:
    """What the commits that the ledger names declare, as far as they are here and can be read."""
    sources = {state.policy_source or genesis, *(each.source for each in state.deployed.values())}
    here = [each for each in sorted(sources) if states.repository.find(each)]
    found = {commit: states.snapshot(commit).instance for commit in here}
    return {commit: each for commit, each in found.items() if each is not None}


def _manifests(desk: Desk) -> dict[str, bytes]:
    blobs = desk.book.manifests
    content = desk.repository.objects(blobs.values(), "blob")
    return {path.removeprefix(f"{MANIFESTS}/"): content[blob] for path, blob in blobs.items()}


def _reading(clone: Repository, wanted: Wanted, revision: str | None) -> tuple[Read, Hash]:
    return in_working_tree(clone.folder) if revision is None else at_commit(clone, wanted.commit)
