"""Propose another pin on a branch of its own: what `promote` and `rollback` share."""

from __future__ import annotations

from itertools import count

from msgspec import Struct

from ordain.adapters.git import Repository
from ordain.core.state.declared import Instance, environment_path
from ordain.core.state.instance import STATE_PATHS, read_instance
from ordain.core.yaml.edit import set_pin
from ordain.errors import UserError
from ordain.services.judging.workspace import Desk
from ordain.services.requests.commit import check_signed


class Proposal(Struct, frozen=True, kw_only=True):
    """A change to approve.

    Attributes:
        branch: checked out, with one new commit. release, before: numbers; None where nothing ran.
    """

    branch: str
    commit: str
    model: str
    environment: str
    release: int
    before: int | None


def declared(desk: Desk, model: str, environment: str) -> Instance:
    """The state of the base branch, which must know both.

    Raises:
        UserError: when it does not, or is invalid.
    """
    try:
        instance = read_instance(desk.repository.read(desk.base, STATE_PATHS))
    except UserError as error:
        where = f"origin/{desk.ground.branch}: {error.where}"
        raise UserError(error.what, where=where, fix=error.fix, reason=error.reason) from error
    check_declared(instance, model, environment)
    return instance


def check_declared(instance: Instance, model: str, environment: str) -> None:
    """A state must know a model and an environment.

    Raises:
        UserError: naming what is declared instead.
    """
    if model not in instance.models.models:
        names = ", ".join(sorted(instance.models.models)) or "none"
        raise UserError(
            f"there is no model `{model}`; declared: {names}", where="models.yaml", fix="ordain status"
        )
    if environment not in instance.environments:
        names = ", ".join(sorted(instance.environments)) or "none"
        raise UserError(
            f"there is no environment `{environment}`; declared: {names}",
            where="environments/",
            fix="ordain status",
        )


def propose(desk: Desk, instance: Instance, kind: str, wanted: tuple[str, str, int]) -> Proposal:
    """Commit another pin on top of the base branch, on a new branch, and check that out.

    Whatever else is committed in the clone stays where it is, and edits are never lost.

    Args:
        desk: the base branch. instance: as `declared` gave it. kind: the verb, which names the branch.
        wanted: model, environment and release number.

    Raises:
        UserError: when the release has no record, is pinned already, Git can't commit, the commit would be
            unsigned and no forge proves its author (`author-unproven`), or uncommitted changes stand in
            the way; nothing is checked out then.
    """
    check_signed(desk.setting.clone, None, desk.ground)
    model, environment, release = wanted
    if release not in instance.releases.get(model, {}):
        where = f"releases/{model}/"
        raise UserError(f"{model}@{release} has no record", where=where, fix="ordain status")
    pin = instance.environments[environment].models.get(model)
    if pin is not None and pin.release == release:
        what = f"{model}@{release} is pinned in {environment} already"
        raise UserError(what, where=environment_path(environment), fix="ordain plan")
    clone, base, path = desk.setting.clone, desk.base, environment_path(environment)
    name = desk.ground.branch
    clone.fetch(desk.address, {f"refs/heads/{name}": f"refs/remotes/origin/{name}"})
    data = set_pin(clone.read(base, (path,))[path], model, release, path)
    before = pin.release if pin else None
    verb = "Promote" if kind == "promote" else "Roll back"
    message = f"{verb} {model} to {model}@{release} in {environment}\n"
    commit = clone.commit_as_user(clone.with_file(base, path, data), base, message)
    branch = free_branch(clone, f"{kind}/{model}-{environment}-")
    clone.start_branch(branch, commit)
    return Proposal(
        branch=branch, commit=commit, model=model, environment=environment, release=release, before=before
    )


def free_branch(clone: Repository, stem: str) -> str:
    """The first name `<stem><n>` that no branch has, here or at the origin."""
    taken = clone.branches()
    return next(f"{stem}{n}" for n in count(1) if f"{stem}{n}" not in taken)


def is_numbered(branch: str, stem: str) -> bool:
    """Whether `free_branch` may have made this of a stem. `retrain/bin-eu-1` is none of `retrain/bin-`."""
    number = branch.removeprefix(stem)
    return number != branch and number.isascii() and number.isdecimal()
