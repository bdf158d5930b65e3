"""`ordain init`: give a folder the shape of an Ordain repository, and never lose an edit.

Files that people edit are written once. Files that Ordain generates (schemas, stages) are renewed by a
later run only where they are still as an earlier run left them; `.ordain/scaffold.json` remembers that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from ordain._version import __version__
from ordain.adapters import files as disk
from ordain.adapters import ssh
from ordain.adapters.git import Repository
from ordain.core.canonical import bytes_digest
from ordain.core.pipelines.pipeline import (
    CODE_TOPS,
    DVC_FILES,
    context_of,
    is_code_path,
    pipeline_files,
)
from ordain.core.rendering.render import RENDERER_VERSION
from ordain.core.setup import scaffold
from ordain.core.setup.scaffold import Kind
from ordain.core.state import schema
from ordain.core.state.instance import is_state_path, read_instance
from ordain.core.state.placeholders import UNSET
from ordain.errors import UserError
from ordain.services.setup import init_again, init_first, init_forge, init_model, init_people
from ordain.services.setup.init_again import Flags
from ordain.services.setup.init_forge import Around, Settled
from ordain.services.training.regenerate import regenerate

RECORD = ".ordain/scaffold.json"
# Where every generated file of any version lies that may be removed again.
GENERATED = (".github/", ".gitlab/", f"{schema.FOLDER}/", "stages/")
# A digest that no image has: the cluster refuses it until a real one is written here.
UNSET_IMAGE = f"registry.example/ordain/runtime{UNSET}"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What `init` did: files written, generated files kept because they were edited, and its guesses.

    Attributes:
        removed: files that an earlier version generated and this one does not. outlived: those of them that
            were edited, and stay.
    """

    written: tuple[str, ...]
    kept: tuple[str, ...]
    removed: tuple[str, ...] = ()
    outlived: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What `ordain init` was asked for.

    Attributes:
        name, data, target, task: of the first model, as `init_model.First`.
        policy: a policy to start from instead of one with the present Git user in it.
        reviewers: who approves besides the present Git user: `NAME <EMAIL>` and the file of a public key.
        origin: a folder for a bare repository that becomes the remote `origin`.
        around: forge, registry, GitOps tool, DVC remote, and the address of an origin that there is.
    """

    name: str | None = None
    data: Path | None = None
    target: str | None = None
    task: Kind | None = None
    policy: Path | None = None
    reviewers: tuple[tuple[str, Path], ...] = ()
    origin: Path | None = None
    around: Around = Around()


def initialise(folder: Path, asked: Request) -> Outcome:
    """Give a folder the shape of an Ordain repository; see the module's own words.

    The first commit of a new repository is the genesis: it holds the policy, and it deploys nothing.

    Raises:
        UserError: for what can't be read or guessed, and for every flag that can't take effect in a
            repository that is there already; nothing was written then.
    """
    first = init_model.First(name=asked.name, data=asked.data, target=asked.target, task=asked.task)
    drafted = init_model.draft_model(folder, first)
    around = init_forge.settle(folder, asked.around, asked.origin, asked.policy)
    flags = Flags(
        policy=asked.policy, reviewers=asked.reviewers, bare=asked.origin, around=asked.around,
        settled=around, drafted=drafted,
    )  # fmt: skip
    fresh = now(folder, "policy.yaml") is None
    generated = init_forge.generated_files(around)
    if fresh and now(folder, RECORD) is None:
        init_first.refuse_foreign(folder, generated)
    amended = init_again.amendments(folder, flags)
    folder.mkdir(parents=True, exist_ok=True)
    repository = Repository(folder)
    if not (folder / ".git").exists():
        repository.run("init", "--quiet", f"--initial-branch={around.branch}")
    elif fresh and repository.find("HEAD") is None:  # whatever Git calls a branch without a commit
        repository.run("symbolic-ref", "HEAD", f"refs/heads/{around.branch}")
    owned = owned_files(repository, folder, asked, around)
    outcome, paths = write(folder, (owned, generated), amended, flags)
    paths = init_again.of_git(folder, paths)
    notes = genesis(repository, paths)
    if fresh and not notes:
        notes = ("commit what was written: the first commit with a policy is the genesis",)
    notes += (*init_again.left_out(repository, paths), *connect(repository, asked, around.branch))
    if fresh:
        guesses = (*around.guessed, *lonely(asked))
        outcome = msgspec.structs.replace(outcome, guessed=(*outcome.guessed, *guesses))
        notes += init_forge.duties(around, folder)
    return msgspec.structs.replace(outcome, notes=(*outcome.notes, *notes))


def write(
    folder: Path, made: tuple[dict[str, bytes], dict[str, bytes]], amended: dict[str, bytes], flags: Flags
) -> tuple[Outcome, set[str]]:
    """Write everything; what was done, and the paths that belong into a first commit.

    Args:
        made: files that belong to people, and those that Ordain generates. amended: people's, as asked.
    """
    (owned, generated), drafted = made, flags.drafted
    changed = {**needed_lines(folder), **amended}
    large: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()
    if drafted:
        texts = {path: changed.get(path) or now(folder, path) or owned[path] for path in init_model.FILES}
        additions = init_model.declarations(texts, drafted)
        changed |= additions
        guesses = drafted.guesses if init_model.FILES[0] in additions else ()
        large = init_model.left_to_dvc(drafted)
    outcome = settle(folder, owned, generated, changed)
    paths = {*owned, *changed, *generated, RECORD, *draw_pipelines(folder)}
    return msgspec.structs.replace(
        outcome,
        guessed=guesses,
        notes=(*large, *init_forge.plugin_note(flags.around.remote)),
    ), paths - ({drafted.path} if drafted and large else set())


def lonely(asked: Request) -> tuple[str, ...]:
    """What a policy with one person in it means."""
    if asked.policy is not None or asked.reviewers:
        return ()
    told = "you are the only reviewer, and nobody approves their own work: name a second person with"
    return (f"{told} --reviewer, or in policy.yaml before you push the first commit",)


def draw_pipelines(folder: Path) -> tuple[str, ...]:
    """The generated pipeline files, as `ordain run` writes them, so that a new repository is sound."""
    instance = read_instance(disk.read_state(folder, is_state_path))
    context = context_of(disk.read_state(folder, is_code_path, tops=CODE_TOPS), __version__)
    files = pipeline_files(instance, context)
    regenerate(folder, files, lambda _: None)
    return (*files, *DVC_FILES)


def owned_files(repository: Repository, folder: Path, asked: Request, around: Settled) -> dict[str, bytes]:
    """Files that belong to people; a policy is drafted only where there is none, environments likewise."""
    files = {
        ".dvc/config": scaffold.dvc_config(around.remote),
        ".gitignore": scaffold.GITIGNORE.encode(),
        ".gitattributes": scaffold.GITATTRIBUTES.encode(),
        "models.yaml": scaffold.empty_models(RENDERER_VERSION, around.gitops),
        "params.yaml": scaffold.empty_params(),
    }
    if not any((folder / "environments").glob("*.yaml")):
        files |= scaffold.environments(around.registry, UNSET_IMAGE)
    if (folder / "policy.yaml").exists():
        return files
    if asked.policy is not None:
        return {**files, "policy.yaml": asked.policy.read_bytes()}
    people = init_people.people(repository, asked.reviewers)
    init_first.hide_keys(folder)
    keys = {name: ssh.generate(folder / init_forge.KEYS / name) for name in ("collector", "bot")}
    drafted = scaffold.policy(around.repository, around.branch, around.forge, people, scaffold.Robots(**keys))
    return {**files, "policy.yaml": drafted}


def genesis(repository: Repository, paths: Iterable[str]) -> tuple[str, ...]:
    """The first commit, where there is none yet: of what was written here, not of whatever lies around."""
    if repository.find("HEAD") is not None:
        return ()
    repository.run(
        "add", "--force", "--", *sorted(each for each in paths if (repository.folder / each).exists())
    )
    repository.run("commit", "--quiet", "--message", "Found an Ordain repository")
    return (f"genesis {repository.resolve('HEAD')}: keep it for `ordain verify --root`",)


def connect(repository: Repository, asked: Request, base: str) -> tuple[str, ...]:
    """The remote `origin`: an address, or a bare repository that is made and pushed to."""
    address = asked.around.origin or (str(asked.origin.resolve()) if asked.origin else "")
    if not address or init_forge.origin_of(repository.folder) == address:
        return init_again.unreachable(repository)
    repository.run("remote", "add", "origin", address)
    if asked.origin is None:
        return (f"origin {address}: `git push --set-upstream origin {base}` when it is there",)
    repository.run("init", "--quiet", "--bare", f"--initial-branch={base}", address)
    repository.run("push", "--quiet", "--set-upstream", "origin", f"HEAD:{base}")
    return (f"origin {asked.origin}",)


def now(root: Path, path: str) -> bytes | None:
    """A file's bytes as they are; None when there is no such file."""
    target = disk.inside(root, path)
    return target.read_bytes() if target.is_file() else None


def needed_lines(folder: Path) -> dict[str, bytes]:
    """The Git settings of a project that had some before its first `ordain init`, with the needed lines."""
    if now(folder, RECORD) is not None:
        return {}
    needed = {".gitignore": scaffold.GITIGNORE, ".gitattributes": scaffold.GITATTRIBUTES}
    there = {path: now(folder, path) for path in needed}
    return {
        path: scaffold.with_lines(data.decode("utf-8", "surrogateescape"), needed[path]).encode(
            "utf-8", "surrogateescape"
        )
        for path, data in there.items()
        if data is not None
    }


def settle(
    root: Path,
    owned: Mapping[str, bytes],
    generated: Mapping[str, bytes],
    changed: Mapping[str, bytes] | None = None,
) -> Outcome:
    """Write what is missing or asked for, renew what is unedited, remove it once it is none of ours any more,
    and keep the rest.

    Args:
        root: the repository.
        owned: files that belong to people from the first write on.
        generated: files that follow the Ordain version.
        changed: files of people that were asked to be other than they are.
    """
    record, asked = _read_record(root), changed or {}
    written, kept = [], []
    for path, data in sorted({**owned, **generated, **asked}.items()):
        before = now(root, path)
        digest = None if before is None else bytes_digest(before)
        unedited = path in generated and digest == record.get(path)
        if before is None or (before != data and (unedited or path in asked)):
            disk.write_atomic(disk.inside(root, path), data)
            written.append(path)
        elif path in generated and before != data:
            kept.append(path)
        if path in generated and path not in kept:
            record[path] = bytes_digest(data)
    removed, outlived = _drop(root, record, generated)
    text = json.dumps(record, indent=2, sort_keys=True) + "\n"
    disk.write_atomic(disk.inside(root, RECORD), text.encode())
    return Outcome(written=tuple(written), kept=tuple(kept), removed=removed, outlived=outlived)


def _drop(
    root: Path, record: dict[str, str], generated: Mapping[str, bytes]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Take what is generated no more from the record and, where it is unedited, from the folder.

    The jobs of one forge are no leftovers because the policy names another: whoever asked for them has them.
    """
    kinds = tuple(kind for kind in GENERATED if any(each.startswith(kind) for each in generated))
    gone = sorted(each for each in record.keys() - generated.keys() if each.startswith(kinds))
    there = {path: data for path in gone if (data := now(root, path)) is not None}
    removed = tuple(path for path, data in there.items() if bytes_digest(data) == record[path])
    for path in gone:
        if path in removed:
            disk.inside(root, path).unlink()
        if path in removed or path not in there:
            del record[path]
    return removed, tuple(path for path in there if path not in removed)


def _read_record(root: Path) -> dict[str, str]:
    path = disk.inside(root, RECORD)
    if not path.is_file():
        return {}
    try:
        record: dict[str, str] = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except msgspec.DecodeError as error:
        raise UserError(
            f"not a record of what `ordain init` wrote: {error}", where=RECORD, fix=f"git checkout {RECORD}"
        ) from error
    return record
