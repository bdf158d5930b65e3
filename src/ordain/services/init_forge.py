"""What `ordain init` settles of the world around a repository: forge, registry, GitOps tool, DVC remote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters.git import Repository
from ordain.core.governance import REPOSITORY_PATTERN
from ordain.core.instance import load
from ordain.core.parts import GIT_URL_PATTERN, URL_PATTERN
from ordain.core.validate_data import has_credentials
from ordain.errors import UserError

Forge = Literal["local", "github", "gitlab"]
Gitops = Literal["argocd", "flux"]
REGISTRY = "registry.example/models"
HOSTS: dict[str, Forge] = {"github.com": "github", "gitlab.com": "gitlab"}
_ORIGIN = re.compile(
    r"(?:https://|ssh://)?(?:[^@/]*@)?(?P<host>[A-Za-z0-9.-]+)(?::\d+)?[:/](?P<name>[^:]+?)(?:\.git)?/?"
)
_REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+")


class Around(Struct, frozen=True, kw_only=True):
    """What was asked for; None where nobody said, and then `settled` says what it is."""

    forge: Forge | None = None
    repository: str | None = None
    registry: str | None = None
    gitops: Gitops | None = None
    remote: str | None = None


class Settled(Struct, frozen=True, kw_only=True):
    """What holds.

    Attributes:
        repository: the name in every approval. remote: DVC's; None when there is none.
        gitops: the entry of models.yaml, or None. guessed: sentences on what nobody said.
    """

    forge: Forge
    repository: str
    registry: str
    gitops: dict[str, Any] | None
    remote: str | None
    guessed: tuple[str, ...]


def settle(clone: Repository, asked: Around, bare: Path | None) -> Settled:
    """Take what was asked for; where nothing was, what the policy or the remote `origin` says.

    Args:
        clone: the repository, perhaps with no commit yet. bare: the origin that is about to be made.

    Raises:
        UserError: for a name, an address or a registry that is none.
    """
    folder, origin = clone.folder, _origin(clone)
    found = _ORIGIN.fullmatch(origin)
    forge = asked.forge or _declared_forge(folder) or HOSTS.get(found["host"] if found else "", "local")
    guessed = [] if asked.forge else [f"the forge is {forge}"]
    name = asked.repository or (
        found["name"] if found and forge != "local" else f"local/{folder.resolve().name}"
    )
    if forge != "local" and not asked.repository:
        guessed.append(f"the repository is {name}")
    _check(name, REPOSITORY_PATTERN, "--repository", "write OWNER/NAME")
    registry = asked.registry or REGISTRY
    _check(registry, _REGISTRY.pattern, "--registry", "write HOST/PATH, such as ghcr.io/acme/models")
    if not asked.registry:
        guessed.append(f"artifacts go to {registry}, which is a place to be named in environments/")
    remote = asked.remote or (str(bare.resolve().with_suffix(".dvc")) if bare and forge == "local" else None)
    if remote is not None:
        _check_remote(remote)
    gitops = _gitops(asked.gitops, forge, name, origin)
    return Settled(
        forge=forge, repository=name, registry=registry, gitops=gitops, remote=remote, guessed=tuple(guessed)
    )


def notes(found: Settled, folder: Path) -> tuple[str, ...]:
    """What people have to do themselves, for a real forge."""
    if found.forge == "local":
        return ()
    where = folder / ".ordain/local"
    told = [
        f"secret ORDAIN_BOT_KEY: {where / 'bot'}",
        f"secret ORDAIN_COLLECTOR_KEY, of the protected environment `reconcile` alone: {where / 'collector'}",
        "variable ORDAIN_PACKAGE of that environment: a released wheel, as ADDRESS#sha256=DIGEST",
        "tokens and permissions: docs/automation.md of Ordain",
    ]
    told.append(f"policy.yaml: reviews on {found.forge} count for people whose `logins` it gives")
    if found.remote is None:
        told.append("no DVC remote: `dvc remote add --default storage URL`, or training jobs can't hand on")
    return tuple(told)


def _origin(clone: Repository) -> str:
    return clone.line("config", "--get", "remote.origin.url", fine=(0, 1, 128))


def _declared_forge(folder: Path) -> Forge | None:
    """The forge of a policy that is there already."""
    target = disk.inside(folder, "policy.yaml")
    data = disk.read_bytes(target, disk.STATE_LIMIT) if target.is_file() else None
    instance = load({"policy.yaml": data}).instance if data is not None else None
    return instance.policy.forge if instance else None  # `ordain check` says what is wrong with another


def _check(text: str, pattern: str, flag: str, fix: str) -> None:
    if not re.fullmatch(pattern, text):
        raise UserError(f"{text[:100]!a} is not that", where=flag, fix=fix)


def _check_remote(text: str) -> None:
    plain = text.startswith("/") and text.isprintable() and not re.search(r"[\s#;%]", text)
    if not plain and not re.fullmatch(URL_PATTERN, text):
        fix = "write a URL that DVC speaks, such as s3://bucket/path, or an absolute folder"
        raise UserError("this can't be a DVC remote", where="--remote", fix=fix)
    if has_credentials(text):
        fix = "leave it out: the jobs take credentials from the forge's secrets"
        raise UserError("the address of the DVC remote carries a credential", where="--remote", fix=fix)


def _gitops(tool: Gitops | None, forge: Forge, name: str, origin: str) -> dict[str, Any] | None:
    if tool is None:
        return None
    host = {"github": "github.com", "gitlab": "gitlab.com"}.get(forge, "")
    address = origin if re.fullmatch(GIT_URL_PATTERN, origin) else f"https://{host}/{name}"
    if not re.fullmatch(GIT_URL_PATTERN, address):
        fix = "give the repository an origin that a cluster can read, or leave --gitops out"
        raise UserError(f"{tool} needs an address that a cluster can read", where="--gitops", fix=fix)
    return {"repository": address, "branch": "main" if forge == "local" else "live", tool: {}}
