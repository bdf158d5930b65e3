"""`ordain retrain`: from evidence to one request with a newly trained model in it.

The request's branch holds everything: the new pin of the data, the pipeline's outputs, the release, the
evidence. Training that fails is told in the request, whose checks then fail in the same way and in sight
of everybody. Whoever opens it is a contributor, and nothing here decides anything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters.git import Repository
from ordain.core import retraining
from ordain.core.instance import Instance, is_state_path, read_instance
from ordain.core.pipeline import FOLDER
from ordain.core.request import Draft, Opened
from ordain.core.retraining import Because, Earlier, Retraining
from ordain.errors import UserError
from ordain.ports import Proposals
from ordain.services import data_pins
from ordain.services.affected import affected
from ordain.services.asked import known, remember
from ordain.services.commit import GENERATED, Author, push, record
from ordain.services.data_pull import pull
from ordain.services.pins import free_branch
from ordain.services.release import release
from ordain.services.run import Watcher, chosen, run_lean
from ordain.services.workspace import base_branch

COOLDOWN = dt.timedelta(days=3)


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
    """The answer: what was done about it, the request's page, and why in words."""

    answer: retraining.Answer
    request: str = ""
    branch: str = ""
    told: str = ""


class Bench(Struct, frozen=True, kw_only=True):
    """Where it is done: a clone, the forge's requests, who commits, who watches, and what brings deployed
    releases to compare with."""

    clone: Repository
    requests: Proposals
    author: Author
    watcher: Watcher
    baselines: Callable[[Path, tuple[str, ...]], object]


def retrain(bench: Bench, wish: Wish) -> Asked:
    """Open the one request for this evidence, unless there is one, or it is too soon.

    Raises:
        UserError: no evidence for this model; nothing has changed that training could learn from; the
            clone has changes of its own in the way.
        RetryLater: when the origin, the forge or a data source does not answer, or another run of this
            was faster.
    """
    clone, base = bench.clone, base_branch(bench.clone)
    instance = read_instance(disk.read_state(clone.folder, is_state_path))
    chosen(instance, [wish.model])
    found, document = retraining.because(wish.evidence, wish.model, wish.where)
    if not found.alarms:
        return Asked(answer="calm", told="nothing in this evidence calls for retraining")
    wanted = retraining.retraining(found, document, bench.author.now, _running(instance, found))
    earlier = known(clone, wish.model, base)
    opened = bench.requests.open_requests(retraining.label(wish.model))
    answer, what = retraining.judge(wanted, earlier, opened, wish.cooldown)
    if answer == "ask":
        return ask(bench, found, wanted, base)
    if answer == "resume":
        request = bench.requests.open_request(draft(found, wanted, (what, base), ""))
        remember(clone, wish.model, wanted)
        return Asked(answer=answer, request=request, branch=what, told="an interrupted request was opened")
    if answer == "ready":
        bench.requests.ready(opened[0].number, retraining.breached(found))
    if answer == "ready" or _unmarked(earlier, opened, wanted):
        remember(clone, wish.model, wanted)
    return Asked(answer=answer, request=what if opened else "", told=_told(answer, what))


def _running(instance: Instance, found: Because) -> str:
    """The artifact that is pinned where something was found; empty when nothing is, or it has no record."""
    environment = instance.environments.get(found.environment or "")
    pin = environment.models.get(found.model) if environment else None
    release = instance.releases.get(found.model, {}).get(pin.release) if pin else None
    return release.artifact if release else ""


def _unmarked(earlier: Sequence[Earlier], opened: Sequence[Opened], wanted: Retraining) -> bool:
    """Whether the open request is for this evidence and was interrupted before it left its mark."""
    waiting = {each.branch for each in earlier if each.retraining.digest == wanted.digest}
    return any(each.branch in waiting for each in opened)


def ask(bench: Bench, found: Because, wanted: Retraining, base: str) -> Asked:
    """Make the branch, train, release, publish, and open the request."""
    clone, model = bench.clone, found.model
    before = clone.branch() or clone.resolve("HEAD")
    dirty = clone.unrecorded(GENERATED)
    if dirty:
        fix = "commit or drop it first"
        raise UserError("this clone has changes of its own in a generated place", where=dirty[0], fix=fix)
    branch = free_branch(clone, f"retrain/{model}-")
    clone.start_branch(branch, clone.resolve(f"refs/remotes/origin/{base}"))
    try:
        places = _pinned(clone.folder, found)
        outcome = retraining.unlearnable(found) if places is None else _trained(bench, model)
    except BaseException:
        clone.restore(_tracked(clone, GENERATED))
        clone.leave_branch(branch, before)
        raise
    path = f"{FOLDER}/{model}/{retraining.FILE}"
    disk.write_atomic(disk.inside(clone.folder, path), retraining.encode(wanted))
    made = record(clone, bench.author, retraining.title(model, found), (*GENERATED, *(places or ())))
    push(clone, made.commit or "", branch)
    request = bench.requests.open_request(draft(found, wanted, (branch, base), outcome))
    remember(clone, model, wanted)
    return Asked(answer="ask", request=request, branch=branch, told=outcome)


def draft(found: Because, wanted: Retraining, ends: tuple[str, str], outcome: str) -> Draft:
    """The request to open. `ends`: branch and base."""
    branch, base = ends
    return Draft(
        branch=branch, base=base, title=retraining.title(found.model, found),
        body=retraining.body(found, wanted, outcome), labels=(retraining.label(found.model),),
        draft=found.request == "draft",
    )  # fmt: skip


def _pinned(root: Path, found: Because) -> tuple[str, ...] | None:
    """Pin what is there now; the data file, where it is one of the repository's. None when nothing that the
    model learns from has changed, and findings about what runs are told without.

    Raises:
        UserError: when nothing has changed and the evidence is of new data.
    """
    model = found.model
    data_pins.pin(root, [model])
    if not any(each.model == model and each.stages for each in affected(root)):
        if found.watched:
            return None
        raise UserError(
            f"data, code and parameters of {model} are those of its last run: it would be the same model",
            where=f"{FOLDER}/{model}",
            fix="bring new data, or change how the model is trained, in a request of your own",
        )
    path = read_instance(disk.read_state(root, is_state_path)).models.models[model].data.source.path
    return () if path is None else tuple(
        each for each in (path, f"{path}.dvc") if disk.inside(root, each).is_file()
    )  # fmt: skip


def _trained(bench: Bench, model: str) -> str:
    """Run and release; what came of it, in words. A failure leaves the pipeline as it was committed."""
    root = bench.clone.folder
    try:
        pull(root, [model], "run", bench.watcher.note)
        run_lean(root, model, bench.watcher)
        pull(root, [model], "release", bench.watcher.note)
        bench.baselines(root, (model,))
        (released,) = release(root, [model], bench.author.now, bench.watcher.note)
    except UserError as error:
        pin = data_pins.path_of(model)
        bench.clone.restore([each for each in _tracked(bench.clone, GENERATED) if each != pin])
        return retraining.outcome_of(None, f"{error}\n{error.fix}")
    told = {"release": released.release, "baseline": released.baseline or ""}
    return retraining.outcome_of(told, "")


def _tracked(clone: Repository, places: Sequence[str]) -> list[str]:
    """Files below some places that the newest commit has and that differ here."""
    head = clone.resolve("HEAD")
    listed = clone.listing(head, list(places))
    return [path for path in clone.unrecorded(places) if path in listed]


def _told(answer: str, what: str) -> str:
    return {
        "open": f"a request is open already: {what}",
        "ready": f"the draft asks for review now: {what}",
        "known": f"this very evidence had its request, made {what}",
        "cooling": f"the last request is too recent; the next may be made {what}",
    }[answer]
