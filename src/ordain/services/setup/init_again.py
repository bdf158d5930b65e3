"""`ordain init` where there is a repository already: what the flags change in files that people own.

Everything is looked at before anything is written, and every flag that can't take effect is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters.git import Repository
from ordain.core.pipelines.dvcfiles import CONFIG
from ordain.core.setup.amend import FIX, Wanted, amend
from ordain.core.state.instance import is_state_path, read_instance
from ordain.errors import UserError
from ordain.services.setup import init_forge, init_model
from ordain.services.setup.init_forge import Around, Settled
from ordain.services.setup.init_model import Drafted
from ordain.services.setup.init_people import Reviewer, email_of
from ordain.services.training.regenerate import check_place


class Flags(Struct, frozen=True, kw_only=True):
    """What was asked for, and what that means here.

    Attributes:
        policy: a file. reviewers: as `NAME <EMAIL>`, with a key. bare: a folder for a new origin.
        around: as asked. settled: as it holds.
        drafted: the model that was asked for.
    """

    policy: Path | None
    reviewers: tuple[Reviewer, ...]
    bare: Path | None
    around: Around
    settled: Settled
    drafted: Drafted | None


def amendments(folder: Path, flags: Flags) -> dict[str, bytes]:
    """Files of people with other bytes than before: by flags, and with the drafted model's entries.

    Raises:
        UserError: for flags that can't take effect, all in one; when the declared state can't be read.
    """
    check_place(folder, {"dvc.yaml": b""})  # a project may have a pipeline of its own
    refused = [*_origin(folder, flags), *_policy(folder, flags)]
    changed: dict[str, bytes] = {}
    if flags.drafted:
        refused += init_model.occupied(folder, flags.drafted)
    if (folder / "policy.yaml").is_file() and (flags.around != Around() or flags.drafted or flags.reviewers):
        # The DVC settings are beside the declared state: `read_state` looks into no hidden folder.
        config = disk.inside(folder, CONFIG)
        files = disk.read_state(folder, is_state_path)
        settings = {CONFIG: disk.read_bytes(config)} if config.is_file() else {}
        instance = read_instance(files)
        found = amend(instance, {**files, **settings}, _wanted(flags))
        refused = [*found.refused, *refused]
        changed = dict(found.files)
        if flags.drafted:
            refused += init_model.declared_otherwise(instance, flags.drafted)
    if refused:
        raise UserError("; ".join(refused), fix=FIX)
    return changed


def _wanted(flags: Flags) -> Wanted:
    asked = flags.around
    gitops = flags.settled.gitops if asked.gitops else None
    return Wanted(
        forge=asked.forge, repository=asked.repository, branch=asked.branch, registry=asked.registry,
        gitops=gitops, remote=asked.remote, reviewers=tuple(email_of(named) for named, _ in flags.reviewers),
    )  # fmt: skip


def _origin(folder: Path, flags: Flags) -> list[str]:
    wanted = flags.around.origin or (str(flags.bare.resolve()) if flags.bare else "")
    now = init_forge.origin_of(folder)
    if not wanted or now == wanted:
        return []
    if now:
        return [f"--origin: the origin is {now}"]
    if flags.bare and flags.bare.exists():
        return [f"--origin: there is something already at {flags.bare}; `git remote add origin` takes it"]
    return []


def _policy(folder: Path, flags: Flags) -> list[str]:
    """What keeps the policy to start from; and which branch it says, where it will hold."""
    given = flags.policy
    if given is None:
        return []
    if not given.is_file():
        raise UserError("there is no such policy", where=str(given), fix="name a policy.yaml")
    target = disk.inside(folder, "policy.yaml")
    if target.is_file():
        same = target.read_bytes() == given.read_bytes()
        return [] if same else ["--policy: there is another policy.yaml"]
    policy = init_forge.given_policy(given)
    wanted = flags.around.branch
    if policy is None or wanted in (None, policy.branch):
        return []
    return [f"--branch: {given} says {policy.branch}"]


def of_git(folder: Path, paths: Iterable[str]) -> set[str]:
    """What of the files written belongs to Git: of data that DVC tracks, its `.dvc` file and `.gitignore`."""
    found = set(paths)
    tracked = {each for each in found if (folder / f"{each}.dvc").is_file()}
    beside = {str(Path(each).with_name(".gitignore")) for each in tracked}
    return found - tracked | {f"{each}.dvc" for each in tracked} | beside


def unreachable(repository: Repository) -> tuple[str, ...]:
    """What keeps every verb from the origin that is there, such as a token in its address; nothing mostly."""
    try:
        if repository.has_remote():
            repository.remote()
    except UserError as error:
        return (f"origin: {error.what}; {error.fix}",)
    return ()


def left_out(repository: Repository, paths: Iterable[str]) -> tuple[str, ...]:
    """What Git was told to ignore of what was written here, and how it comes into a commit all the same."""
    written = sorted(each for each in paths if (repository.folder / each).is_file())
    rules = repository.ignored(written)
    if not rules:
        return ()
    told = "; ".join(f"{path} ({rule})" for path, rule in rules.items())
    return (f"Git ignores what every clone needs: {told}; `git add --force {' '.join(rules)}`",)
