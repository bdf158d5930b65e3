"""`ordain retrain`: from evidence to one request with a newly trained model in it.

The request's branch holds everything: the new pin of the data, the pipeline's outputs, the release, the
evidence. What it pins is published and kept before the branch is pushed, and the branch before the request
is opened: whoever is killed in between leaves nothing that points at what is not there, and the next run
goes on. Between branch and request a mark is left, which remembers both whatever becomes of them. Training
that fails is told in the request, whose checks then fail in the same way and in sight of everybody. Whoever
opens it is a contributor, and nothing here decides anything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ordain.adapters import dvc, dvc_remote
from ordain.adapters import files as disk
from ordain.adapters.git import Repository
from ordain.core.drift import proposal, retraining
from ordain.core.drift.asker import asker
from ordain.core.drift.retraining import Because, Retraining
from ordain.core.pipelines.pipeline import FOLDER
from ordain.core.state.instance import Instance, is_state_path, read_instance
from ordain.errors import UserError
from ordain.ports import Proposals
from ordain.services.judging.ground import Ground
from ordain.services.monitoring.asked import Memory, fetch, known, remember, stem, tip
from ordain.services.releases.release import release
from ordain.services.requests.commit import GENERATED, Author, check_signed, push, record
from ordain.services.requests.pins import free_branch, is_numbered
from ordain.services.training import data_pins
from ordain.services.training.affected import affected
from ordain.services.training.data_pull import pull
from ordain.services.training.run import Watcher, chosen, run_lean

COOLDOWN = dt.timedelta(days=3)
SAME = (
    "nothing new: data, code and parameters of {} are those of its last run, which would give the same model"
)


class Wish(Struct, frozen=True, kw_only=True):
    """What is asked for.

    Attributes:
        evidence: the document's bytes. where: its file, for errors.
        cooldown: how long after a request nothing more is asked for.
    """

    model: str
    evidence: bytes
    where: str
    cooldown: dt.timedelta = COOLDOWN


class Asked(Struct, frozen=True, kw_only=True):
    """The answer: what was done about it, the request's page, and why in words.

    Attributes:
        unmended: kinds of alarms of which a request is no cure, such as `log-stale`.
    """

    answer: retraining.Answer
    request: str = ""
    branch: str = ""
    told: str = ""
    unmended: tuple[str, ...] = ()


class Bench(Struct, frozen=True, kw_only=True):
    """Where it is done, and with what.

    Attributes:
        clone: where the work is done. ground: where that is governed. requests: of its forge.
        author: who commits. watcher: sees it run.
        key: fingerprint of the key that the author signs with, where it is known.
        baselines: brings deployed releases to compare with, given the folder and models.
        publish: makes the artifacts of pinned releases available to clusters, given the same.
    """

    clone: Repository
    ground: Ground
    requests: Proposals
    author: Author
    watcher: Watcher
    baselines: Callable[[Path, tuple[str, ...]], object]
    publish: Callable[[Path, tuple[str, ...]], object]
    key: str | None = None


def retrain(bench: Bench, wish: Wish) -> Asked:
    """Open the one request for this evidence, unless there is one, or it is too soon.

    Raises:
        UserError: no evidence for this model; the clone has changes of its own in the way; something can't
            be published or kept.
        RetryLater: when the origin, the forge, the registry or a data source does not answer, or another
            run of this was faster.
    """
    instance = read_instance(disk.read_state(bench.clone.folder, is_state_path))
    chosen(instance, [wish.model])
    found, document = retraining.because(wish.evidence, wish.model, wish.where)
    asked = _asked(bench, wish, (found, document), instance)
    return replace(asked, unmended=found.unmended)


def _asked(bench: Bench, wish: Wish, because: tuple[Because, Any], instance: Instance) -> Asked:
    """What is done about a finding, which is given as it is read and as it came."""
    (found, document), clone = because, bench.clone
    if not found.alarms:
        return Asked(answer="calm", told="nothing in this evidence calls for retraining")
    check_signed(clone, bench.author.sign, bench.ground)
    wanted = retraining.retraining(found, document, bench.author.now, _running(instance, found))
    memory = remembered(bench, wish.model)
    earlier = known(memory, bench.requests, wanted)
    opened = bench.requests.open_requests(proposal.label(wish.model))
    answer, what = retraining.judge(wanted, earlier, opened, wish.cooldown)
    if answer == "ask":
        return ask(bench, found, wanted, memory)
    if answer == "resume":
        push(clone, tip(clone, what) or "", what)
        remember(memory, bench.author, wanted)
        request = bench.requests.open_request(proposal.draft(found, wanted, (what, bench.ground.branch), ""))
        return Asked(answer=answer, request=request, branch=what, told="an interrupted request was opened")
    if answer == "ready":
        bench.requests.ready(opened[0].number, proposal.breached(found))
    if answer == "open" and (marker := retraining.further(wanted, earlier)):
        bench.requests.comment(opened[0].number, marker, proposal.further(found))
        remember(memory, bench.author, replace(wanted, told=True))
    if answer == "ready" or (answer in {"open", "known"} and retraining.unremembered(wanted, earlier)):
        remember(memory, bench.author, wanted)
    return Asked(answer=answer, request=what if opened else "", told=_told(answer, what, found))


def _running(instance: Instance, found: Because) -> str:
    """The artifact that is pinned where something was found; empty when nothing is, or it has no record."""
    release = instance.pinned(found.model, found.environment or "")
    return release.artifact if release else ""


def remembered(bench: Bench, model: str) -> Memory:
    """What the origin holds now of what was asked for; whose word counts there says the approved policy.

    Raises:
        RetryLater: when the origin does not answer.
    """
    clone, ground = bench.clone, bench.ground
    fetch(clone, model)
    trunk = clone.resolve(f"refs/remotes/origin/{ground.branch}")
    email = clone.identity().rpartition("<")[2].rstrip(">")
    trusted = asker(ground.policy, bench.key, email)
    return Memory(clone=clone, model=model, base=ground.branch, trunk=trunk, asker=trusted)


def ask(bench: Bench, found: Because, wanted: Retraining, memory: Memory) -> Asked:
    """Make the branch, train, release, publish, keep, push, and open the request: in this order."""
    clone, model, base = bench.clone, found.model, memory.base
    branch, before = _branch(clone, model, base)
    try:
        places = _pinned(clone, model)
        if places is None and not found.watched:
            _undo(clone, branch, before)
            return Asked(answer="same", told=SAME.format(model))
        outcome = proposal.unlearnable(found) if places is None else _trained(bench, model)
    except BaseException:
        _undo(clone, branch, before)
        raise
    path = f"{FOLDER}/{model}/{retraining.FILE}"
    disk.write_atomic(disk.inside(clone.folder, path), retraining.encode(wanted))
    changed = (*GENERATED, *(places or ()))
    made = record(clone, bench.author, proposal.title(model, found), changed, bench.ground)
    push(clone, made.commit or "", branch)
    remember(memory, bench.author, wanted)
    request = bench.requests.open_request(proposal.draft(found, wanted, (branch, base), outcome))
    return Asked(answer="ask", request=request, branch=branch, told=outcome)


def _branch(clone: Repository, model: str, base: str) -> tuple[str, str]:
    """The branch to work on, checked out, and where to go back to.

    One on which an earlier run was killed before it committed anything is taken up where it stands.

    Raises:
        UserError: when there is something that somebody else has yet to commit.
    """
    here, start = clone.branch(), clone.resolve(f"refs/remotes/origin/{base}")
    begun = here is not None and is_numbered(here, stem(model)) and clone.resolve("HEAD") == start
    if here and begun and clone.find(f"refs/remotes/origin/{here}") is None:
        return here, base
    dirty = clone.unrecorded(GENERATED)
    if dirty:
        fix = "commit or drop it first"
        raise UserError("this clone has changes of its own in a generated place", where=dirty[0], fix=fix)
    branch, before = free_branch(clone, stem(model)), here or clone.resolve("HEAD")
    clone.start_branch(branch, start)
    return branch, before


def _undo(clone: Repository, branch: str, before: str) -> None:
    """Leave no trace of a run that came to nothing."""
    tracked = _tracked(clone, GENERATED)
    for path in clone.unrecorded(GENERATED):
        if path not in tracked:
            disk.inside(clone.folder, path).unlink(missing_ok=True)
    clone.restore(tracked)
    clone.leave_branch(branch, before)


def _pinned(clone: Repository, model: str) -> tuple[str, ...] | None:
    """Pin what is there now; the data file, where it is one of the repository's.

    None when nothing has changed that training could learn from.
    """
    root = clone.folder
    data_pins.pin(root, [model])
    behind = any(each.model == model and each.stages for each in affected(root))
    if not behind and not clone.unrecorded(GENERATED):
        return None
    path = _source(root, model)
    return () if path is None else tuple(
        each for each in (path, f"{path}.dvc") if disk.inside(root, each).is_file()
    )  # fmt: skip


def _source(root: Path, model: str) -> str | None:
    """The model's data file, where it is one of the repository's."""
    return read_instance(disk.read_state(root, is_state_path)).models.models[model].data.source.path


def _trained(bench: Bench, model: str) -> str:
    """Run, release, publish and keep; what came of it, in words.

    Training or judging that fails leaves the pipeline as it was committed: then nothing new is pinned, and
    nothing but the data has to be kept.

    Raises:
        UserError, RetryLater: when what was made can't be published or kept.
    """
    root, clone = bench.clone.folder, bench.clone
    try:
        pull(root, [model], "run", bench.watcher.note)
        run_lean(root, model, bench.watcher)
        pull(root, [model], "release", bench.watcher.note)
        bench.baselines(root, (model,))
        (released,) = release(root, [model], bench.author.now, bench.watcher.note)
    except UserError as error:
        pin = data_pins.path_of(model)
        clone.restore([each for each in _tracked(clone, GENERATED) if each != pin])
        _keep(bench, model, ())
        return proposal.outcome_of(None, f"{error}\n{error.fix}")
    bench.publish(root, (model,))
    _keep(bench, model, (f"{FOLDER}/{model}/dvc.yaml",))
    told = {"release": released.release, "baseline": released.baseline or ""}
    return proposal.outcome_of(told, "")


def _keep(bench: Bench, model: str, made: tuple[str, ...]) -> None:
    """Send what DVC tracks to its remote, so that another clone can have it.

    Without a remote everything stays on this machine, which does for the local forge and for no other.
    """
    root, source = bench.clone.folder, _source(bench.clone.folder, model)
    tracked = f"{source}.dvc"
    data = (tracked,) if source and disk.inside(root, tracked).is_file() else ()
    if not (made or data):
        return
    if bench.ground.policy.forge == "local" and not dvc_remote.has_default(root):
        bench.watcher.note("no DVC remote is set up: outputs stay in the cache of this clone")
        return
    with dvc.exclusive(root, lambda: bench.watcher.note("waiting for an earlier run here to end")) as lock:
        dvc_remote.push(root, [*made, *data], lock)


def _tracked(clone: Repository, places: Sequence[str]) -> list[str]:
    """Files below some places that the newest commit has and that differ here."""
    head = clone.resolve("HEAD")
    listed = clone.listing(head, list(places))
    return [path for path in clone.unrecorded(places) if path in listed]


def _told(answer: str, what: str, found: Because) -> str:
    of = "all that is found about this release" if found.watched else "this very evidence"
    return {
        "open": f"a request is open already: {what}",
        "ready": f"the draft asks for review now: {what}",
        "known": f"{of} had its request, made {what}",
        "cooling": f"the last request is too recent; the next may be made {what}",
    }[answer]
