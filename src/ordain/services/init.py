"""`ordain init`: give a folder the shape of an Ordain repository, and never lose an edit.

Files that people edit are written once. Files that Ordain generates (schemas, stages) are renewed by a
later run only where they are still as an earlier run left them; `.ordain/scaffold.json` remembers that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ordain._version import __version__
from ordain.adapters import files as disk
from ordain.adapters import package, ssh
from ordain.adapters.git import Repository
from ordain.core import automation, scaffold, schema
from ordain.core.canonical import bytes_digest
from ordain.core.instance import is_state_path, read_instance
from ordain.core.parts import NAME_PATTERN
from ordain.core.pipeline import CODE_TOPS, TRAINING_LOCK, context_of, is_code_path, pipeline_files
from ordain.core.render import RENDERER_VERSION
from ordain.errors import UserError
from ordain.services import init_forge
from ordain.services.init_forge import Around, Settled
from ordain.services.regenerate import regenerate

RECORD = ".ordain/scaffold.json"
# A digest that no image has: the cluster refuses it until a real one is written here.
UNSET_IMAGE = "registry.example/ordain/runtime@sha256:" + "0" * 64


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What `init` did: files written, generated files kept because they were edited, and its guesses."""

    written: tuple[str, ...]
    kept: tuple[str, ...]
    guessed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What `ordain init` was asked for.

    Attributes:
        name, data, target: the first model, its data file and the column to predict; all or none.
        policy: a policy to start from instead of one with the present Git user in it.
        origin: a folder for a bare repository that becomes the remote `origin`.
        around: forge, registry, GitOps tool and DVC remote.
    """

    name: str | None = None
    data: Path | None = None
    target: str | None = None
    policy: Path | None = None
    origin: Path | None = None
    around: Around = Around()


def initialise(folder: Path, asked: Request) -> Outcome:
    """Give a folder the shape of an Ordain repository; see the module's own words.

    The first commit of a new repository is the genesis: it holds the policy, and it deploys nothing.
    """
    drafted = draft_model(folder, asked)  # a model that can't be drafted leaves nothing half-made
    folder.mkdir(parents=True, exist_ok=True)
    repository = Repository(folder)
    if not (folder / ".git").exists():
        repository.run("init", "--quiet", "--initial-branch=main")
    around = init_forge.settle(repository, asked.around, asked.origin)
    owned = owned_files(repository, folder, asked, around)
    outcome = settle(folder, owned, generated_files(around.forge))
    if drafted and asked.data:
        bring_data(folder, asked.data, drafted.path)
        declare(folder, drafted.draft, owner="data-science")
    draw_pipelines(folder)
    notes = (*genesis(repository, asked.origin), *init_forge.notes(around, folder))
    fresh = "policy.yaml" in outcome.written
    guessed = (*(drafted.guesses if drafted else ()), *(around.guessed if fresh else ()))
    return msgspec.structs.replace(outcome, guessed=guessed, notes=notes if fresh or asked.origin else ())


def generated_files(forge: str) -> dict[str, bytes]:
    """Files that follow the Ordain version."""
    schemas = {f"{schema.FOLDER}/{name}": data for name, data in schema.schema_files().items()}
    jobs = automation.files(forge, package.automation(), __version__)
    return {**schemas, **package.stage_scripts(), TRAINING_LOCK: package.training_lock(), **jobs}


def draw_pipelines(folder: Path) -> None:
    """The generated pipeline files, as `ordain run` writes them, so that a new repository is sound."""
    instance = read_instance(disk.read_state(folder, is_state_path))
    context = context_of(disk.read_state(folder, is_code_path, tops=CODE_TOPS), __version__)
    regenerate(folder, pipeline_files(instance, context), lambda _: None)


def owned_files(repository: Repository, folder: Path, asked: Request, around: Settled) -> dict[str, bytes]:
    """Files that belong to people; a policy is drafted only where there is none."""
    files = {
        ".dvc/config": scaffold.dvc_config(around.remote),
        ".gitignore": scaffold.GITIGNORE.encode(),
        ".gitattributes": scaffold.GITATTRIBUTES.encode(),
        "models.yaml": scaffold.empty_models(RENDERER_VERSION, around.gitops),
        "params.yaml": scaffold.empty_params(),
        **scaffold.environments(around.registry, UNSET_IMAGE),
    }
    if asked.policy is not None:
        if not asked.policy.is_file():
            raise UserError("there is no such policy", where=str(asked.policy), fix="name a policy.yaml")
        return {**files, "policy.yaml": asked.policy.read_bytes()}
    if (folder / "policy.yaml").exists():
        return files
    person = present_person(repository)
    keys = {name: ssh.generate(folder / f".ordain/local/{name}") for name in ("collector", "bot")}
    drafted = scaffold.policy(around.repository, around.forge, person, scaffold.Robots(**keys))
    return {**files, "policy.yaml": drafted}


def present_person(repository: Repository) -> scaffold.Person:
    """Whoever Git says is at the keyboard, with the SSH key they sign with.

    Raises:
        UserError: when Git knows no name, e-mail or key; it says which setting is missing.
    """
    values = {}
    for key in ("user.name", "user.email", "user.signingkey"):
        values[key] = repository.line("config", "--get", key, fine=(0, 1))
        if not values[key]:
            raise UserError(
                f"Git has no `{key}`, and the policy needs a first person",
                where="git config",
                fix=f"git config --global {key} ..., or give a policy with --policy FILE",
            )
    key_text = ssh.public_key(Path(values["user.signingkey"]).expanduser()).text
    name = re.sub(r"[^a-z0-9]+", "-", values["user.name"].lower()).strip("-")[:40] or "founder"
    return scaffold.Person(id=name, name=values["user.name"], email=values["user.email"], key=key_text)


def genesis(repository: Repository, origin: Path | None) -> tuple[str, ...]:
    """The first commit, where there is none yet, and the bare repository it is pushed to."""
    notes = []
    if repository.find("HEAD") is None:
        repository.run("add", "--all")
        repository.run("commit", "--quiet", "--message", "Found an Ordain repository")
        notes.append(f"genesis {repository.resolve('HEAD')}: keep it for `ordain verify --root`")
    if origin is not None and not origin.exists():
        where = str(origin.resolve())
        repository.run("init", "--quiet", "--bare", "--initial-branch=main", where)
        repository.run("remote", "add", "origin", where)
        repository.run("push", "--quiet", "--set-upstream", "origin", "main")
        notes.append(f"origin {origin}")
    return tuple(notes)


def settle(root: Path, owned: Mapping[str, bytes], generated: Mapping[str, bytes]) -> Outcome:
    """Write what is missing, renew what is unedited, keep the rest.

    Args:
        root: the repository.
        owned: files that belong to people from the first write on.
        generated: files that follow the Ordain version.
    """
    record = _read_record(root)
    written, kept = [], []
    for path, data in sorted({**owned, **generated}.items()):
        target = disk.inside(root, path)
        now = bytes_digest(target.read_bytes()) if target.is_file() else None
        if now is None or (path in generated and now == record.get(path) and now != bytes_digest(data)):
            disk.write_atomic(target, data)
            written.append(path)
        elif path in generated and now != bytes_digest(data):
            kept.append(path)
        if path in generated and path not in kept:
            record[path] = bytes_digest(data)
    text = json.dumps(record, indent=2, sort_keys=True) + "\n"
    disk.write_atomic(disk.inside(root, RECORD), text.encode())
    return Outcome(written=tuple(written), kept=tuple(kept))


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


class Drafted(msgspec.Struct, frozen=True, kw_only=True):
    """A model's entry as the data suggests it, and where the data will lie in the repository."""

    draft: scaffold.Draft
    path: str
    guesses: tuple[str, ...]


def place_of(root: Path, source: Path) -> str:
    """The data file's path inside the repository: where it is, or below `data/` when it lies outside."""
    resolved = source.resolve()
    if resolved.is_relative_to(root.resolve()):
        return resolved.relative_to(root.resolve()).as_posix()
    return f"data/{source.name}"


def bring_data(root: Path, source: Path, path: str) -> None:
    """Copy the data file into the repository, unless something is there already."""
    target = disk.inside(root, path)
    if not target.exists():
        disk.write_atomic(target, source.read_bytes())


def draft_model(root: Path, asked: Request) -> Drafted | None:
    """Read the data once and draft the model's entry from it; None when no model was asked for.

    Raises:
        UserError: when the name, the file or the target won't do; nothing was written.
    """
    from ordain.learn.infer import infer

    if not (asked.name and asked.data and asked.target):
        return None
    if not re.fullmatch(NAME_PATTERN, asked.name):
        what = f"{asked.name!a} can't name a model: lower-case letters, digits and inner dashes, at most 40"
        raise UserError(what, where="--name", fix="choose a name such as churn-eu")
    if not asked.data.is_file():
        raise UserError("there is no such data file", where=str(asked.data), fix="name a CSV or Parquet file")
    frame, path = _read_as_text(asked.data), place_of(root, asked.data)
    try:
        guess = infer(frame, asked.target)
    except ValueError as error:
        fix = "name the column to predict with --target"
        raise UserError(str(error), where=str(asked.data), fix=fix) from error
    kind = "parquet" if path.endswith(".parquet") else "csv"
    draft = scaffold.Draft(
        name=asked.name, source={"path": path, "format": kind}, target=asked.target, task=guess.task,
        positive=guess.positive, id=guess.id_column, sensitive=guess.sensitive, columns=guess.columns,
    )  # fmt: skip
    return Drafted(draft=draft, path=path, guesses=guess.notes)


def _read_as_text(path: Path) -> Any:
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (ValueError, OSError) as error:
        raise UserError(
            f"can't be read as a table: {error}", where=str(path), fix="check the file"
        ) from error


def declare(root: Path, draft: scaffold.Draft, owner: str) -> None:
    """Add the drafted model and its candidates to `models.yaml` and `params.yaml`."""
    additions = (
        ("models.yaml", "models", scaffold.model_block(draft, owner)),
        ("params.yaml", "candidates", scaffold.candidates_block(draft.task)),
    )
    for path, key, block in additions:
        target = disk.inside(root, path)
        text = target.read_text(encoding="utf-8")
        if f"\n  {draft.name}:" in text:
            continue
        try:
            changed = scaffold.add_entry(text, key, draft.name, block)
        except ValueError as error:
            raise UserError(str(error), where=path, fix=f"move `{key}:` to the end of {path}") from error
        disk.write_atomic(target, changed.encode())
