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
from ordain.core.instance import is_state_path, read_instance
from ordain.core.pipeline import FOLDER
from ordain.core.request import Draft
from ordain.core.retraining import Because, Earlier, Retraining
from ordain.errors import UserError
from ordain.ports import Proposals
from ordain.services import data_pins
from ordain.services.affected import affected
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
    chosen(read_instance(disk.read_state(clone.folder, is_state_path)), [wish.model])
    found, document = retraining.because(wish.evidence, wish.model, wish.where)
    if not found.alarms:
        return Asked(answer="calm", told="nothing in this evidence calls for retraining")
    wanted = retraining.retraining(found, document, bench.author.now)
    clone.fetch(clone.remote(), {"refs/heads/*": "refs/remotes/origin/*"})
    earlier = known(clone, wish.model, base)
    opened = bench.requests.open_requests(retraining.label(wish.model))
    answer, what = retraining.judge(wanted, earlier, opened, wish.cooldown)
    if answer == "resume":
        request = bench.requests.open_request(draft(found, wanted, (what, base), ""))
        return Asked(answer=answer, request=request, branch=what, told="an interrupted request was opened")
    if answer != "ask":
        return Asked(answer=answer, request=what if answer == "open" else "", told=_told(answer, what))
    return ask(bench, found, wanted, base)


def known(clone: Repository, model: str, base: str) -> list[Earlier]:
    """Retrainings that were asked for before: the merged one, and those of branches that still stand."""
    path, found = f"{FOLDER}/{model}/{retraining.FILE}", []
    prefix = f"retrain/{model}-"
    for branch in sorted({base, *(each for each in clone.branches() if each.startswith(prefix))}):
        commit = clone.find(f"refs/remotes/origin/{branch}")
        data = clone.read(commit, [path]).get(path) if commit else None
        read = retraining.decode(data) if data else None
        if read is not None and commit is not None:
            merged = branch == base or clone.is_ancestor(commit, clone.resolve(f"refs/remotes/origin/{base}"))
            found.append(Earlier(retraining=read, branch=None if merged else branch))
    return found


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
        places = _pinned(clone.folder, model)
        outcome = _trained(bench, model)
    except BaseException:
        clone.restore(_tracked(clone, GENERATED))
        clone.leave_branch(branch, before)
        raise
    path = f"{FOLDER}/{model}/{retraining.FILE}"
    disk.write_atomic(disk.inside(clone.folder, path), retraining.encode(wanted))
    made = record(clone, bench.author, retraining.title(model, found), (*GENERATED, *places))
    push(clone, made.commit or "", branch)
    request = bench.requests.open_request(draft(found, wanted, (branch, base), outcome))
    return Asked(answer="ask", request=request, branch=branch, told=outcome)


def draft(found: Because, wanted: Retraining, ends: tuple[str, str], outcome: str) -> Draft:
    """The request to open. `ends`: branch and base."""
    branch, base = ends
    return Draft(
        branch=branch, base=base, title=retraining.title(found.model, found),
        body=retraining.body(found, wanted, outcome), labels=(retraining.label(found.model),),
        draft=found.request == "draft",
    )  # fmt: skip


def _pinned(root: Path, model: str) -> tuple[str, ...]:
    """Pin what is there now; the data file, where it is one of the repository's.

    Raises:
        UserError: when nothing that the model learns from has changed.
    """
    data_pins.pin(root, [model])
    if not any(each.model == model and each.stages for each in affected(root)):
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
        "known": f"this very evidence had its request, made {what}",
        "cooling": f"the last request is too recent; the next may be made {what}",
    }[answer]
