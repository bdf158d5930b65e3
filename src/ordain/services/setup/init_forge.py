"""What `ordain init` settles of the world around a repository: forge, registry, GitOps tool, DVC remote."""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters import package
from ordain.adapters.git import Repository
from ordain.core import gitnames
from ordain.core.pipelines.dvcconfig import default_remote, plugin_of
from ordain.core.pipelines.dvcfiles import CONFIG
from ordain.core.pipelines.pipeline import TRAINING_LOCK
from ordain.core.setup import automation
from ordain.core.setup.scaffold import REGISTRY
from ordain.core.specs.governance import REPOSITORY_PATTERN, Policy
from ordain.core.specs.parts import BRANCH_PATTERN, GIT_URL_PATTERN, URL_PATTERN
from ordain.core.state import schema
from ordain.core.state.instance import load
from ordain.core.state.validate_data import has_credentials
from ordain.errors import UserError

Forge = Literal["local", "github", "gitlab"]
Gitops = Literal["argocd", "flux"]
# What a policy calls the reconciler's branch where nobody named another.
LIVE = "live"
# Where the private keys of the collector and the bot are made.
KEYS = ".ordain/local"
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
    origin: str | None = None
    branch: str | None = None


class Settled(Struct, frozen=True, kw_only=True):
    """What holds.

    Attributes:
        repository: the name in every approval. branch: the base branch.
        remote: DVC's; None when there is none.
        gitops: the entry of models.yaml, or None. guessed: sentences on what nobody said.
    """

    forge: Forge
    repository: str
    branch: str
    registry: str
    gitops: dict[str, Any] | None
    remote: str | None
    guessed: tuple[str, ...]


def is_address(origin: str) -> bool:
    """Whether an origin is an address on a server, and not a folder of this machine."""
    return "://" in origin or re.match(r"([^/@]+@)?[^/:@]+:", origin) is not None


def settle(folder: Path, asked: Around, bare: Path | None, policy_file: Path | None) -> Settled:
    """Take what was asked for; where nothing was, what the policy or the remote `origin` says.

    Args:
        folder: the repository, or where it will be. bare: the folder of the origin that is about to be made.
        policy_file: the policy to start from, where none is there yet.

    Raises:
        UserError: for a name, an address or a registry that is none; for a forge without a repository; for a
            policy that can't be read.
    """
    origin = gitnames.url(asked.origin) if asked.origin else origin_of(folder)
    found = _ORIGIN.fullmatch(origin) if is_address(origin) else None
    policy = _policy(folder, policy_file)
    forge = asked.forge or (policy.forge if policy else HOSTS.get(found["host"] if found else "", "local"))
    guessed = [] if asked.forge else [f"the forge is {forge}"]
    name = asked.repository or (policy.repository if policy else _name(folder, forge, found))
    if forge != "local" and not asked.repository:
        guessed.append(f"the repository is {name}")
    _check(name, REPOSITORY_PATTERN, "--repository", "write OWNER/NAME")
    branch, said = base_branch(folder, asked.branch, policy)
    guessed += said
    if policy is None:  # another one says which name it has; a flag that says otherwise is refused
        _check_branch(branch, forge, "--branch" if asked.branch is not None else "the base branch")
    registry = asked.registry or REGISTRY
    _check(registry, _REGISTRY.pattern, "--registry", "write HOST/PATH, such as ghcr.io/acme/models")
    if not asked.registry:
        guessed.append(f"artifacts go to {registry}, a place-holder: `ordain init . --registry HOST/PATH`")
    guessed.append("the runtime image in environments/ is a place-holder: docs/containers.md of Ordain")
    remote = asked.remote or (str(bare.resolve().with_suffix(".dvc")) if bare and forge == "local" else None)
    if remote is not None:
        _check_remote(remote)
    gitops = _gitops(asked.gitops, forge, (name, branch), origin)
    return Settled(
        forge=forge, repository=name, branch=branch, registry=registry, gitops=gitops, remote=remote,
        guessed=tuple(guessed),
    )  # fmt: skip


def _policy(folder: Path, given: Path | None) -> Policy | None:
    """The policy that is there, or is to be; whose jobs belong here depends on it."""
    found = declared_policy(folder)
    if found is None and disk.inside(folder, "policy.yaml").is_file():
        what = "the policy can't be read, so nobody knows whose jobs belong here"
        raise UserError(what, where="policy.yaml", fix="ordain check")
    return found or given_policy(given)


def base_branch(folder: Path, asked: str | None, policy: Policy | None) -> tuple[str, list[str]]:
    """The branch that requests are merged into, and what to say where nobody named it."""
    if asked is not None:
        return asked, []
    if policy is not None:
        return policy.branch, []
    found = trunk(folder)
    return found, [f"the base branch is {found}, which requests are merged into: --branch NAME says another"]


def trunk(folder: Path) -> str:
    """The branch that a repository merges into: the origin's, or `main` or `master`, or where it stands."""
    if not (folder / ".git").exists():
        return "main"
    repository = Repository(folder)
    words = ("symbolic-ref", "--quiet", "--short")
    theirs = repository.line(*words, "refs/remotes/origin/HEAD", fine=(0, 1, 128))
    if theirs:
        return theirs.removeprefix("origin/")
    there = [each for each in ("main", "master") if repository.find(f"refs/heads/{each}")]
    return there[0] if there else repository.line(*words, "HEAD", fine=(0, 1, 128)) or "main"


def _name(folder: Path, forge: Forge, found: re.Match[str] | None) -> str:
    """The name of a repository that nobody named."""
    if forge == "local":
        return f"local/{_plain(folder.resolve().name)}"
    if found is None:
        fix = f"--origin URL, its address on {forge}; or --repository OWNER/NAME"
        what = f"{forge} needs the repository's name, and there is no origin that says it"
        raise UserError(what, where="--forge", fix=fix)
    return found["name"]


def _plain(name: str) -> str:
    """A folder's name as one of a repository: as it is where it can be, else by its letters and digits."""
    if re.fullmatch(REPOSITORY_PATTERN, f"local/{name}"):
        return name
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(re.findall("[A-Za-z0-9]+", letters)) or "models"


def plugin_note(remote: str | None) -> tuple[str, ...]:
    """How to install what DVC needs for a remote and has not here; nothing when it has, or needs nothing."""
    plugin = plugin_of(remote) if remote else None
    if plugin is None or importlib.util.find_spec(plugin[1]) is not None:
        return ()
    return (f"DVC needs a plug-in for this remote: pip install dvc-{plugin[0]}",)


def duties(found: Settled, folder: Path) -> tuple[str, ...]:
    """What people have to do themselves, for a real forge."""
    if found.forge == "local":
        return ()
    where = folder / KEYS
    told = [
        f"secret ORDAIN_BOT_KEY: {where / 'bot'}",
        f"secret ORDAIN_COLLECTOR_KEY, of the protected environment `reconcile` alone: {where / 'collector'}",
        "variables ORDAIN_BOT_NAME and ORDAIN_BOT_EMAIL: the bot's, as policy.yaml has them",
        "variable ORDAIN_PACKAGE, of the repository and of that environment: a wheel, ADDRESS#sha256=DIGEST",
        "tokens and permissions: docs/automation.md of Ordain",
    ]
    told.append(
        f"policy.yaml: reviews and pushes on {found.forge} count by the `logins` that it gives, "
        "the bot's too: its account is the one that the jobs' token is of"
    )
    if found.forge == "gitlab":
        told.append(
            "turn off the project's setting `ci_allow_fork_pipelines_to_run_in_parent_project`: "
            "a fork's own jobs would run with these secrets"
        )
    if found.remote is None:
        told.append("no DVC remote: `ordain init . --remote URL`, or training jobs can't hand on")
    return tuple(told)


def origin_of(folder: Path) -> str:
    """The address of the remote `origin`; empty when there is none, or no repository."""
    if not (folder / ".git").exists():
        return ""
    return Repository(folder).line("config", "--get", "remote.origin.url", fine=(0, 1, 128))


def remote_of(folder: Path) -> str | None:
    """The address of DVC's default remote as it is set up; None where there is none that is clear."""
    config = disk.inside(folder, CONFIG)
    try:
        return default_remote(config.read_text("utf-8", "replace")) if config.is_file() else None
    except ValueError:
        return None


def declared_policy(folder: Path) -> Policy | None:
    """The policy that is there already, where it can be read."""
    return given_policy(disk.inside(folder, "policy.yaml"))


def given_policy(target: Path | None) -> Policy | None:
    """The policy in a file, where it can be read."""
    data = disk.read_bytes(target, disk.STATE_LIMIT) if target and target.is_file() else None
    instance = load({"policy.yaml": data}).instance if data is not None else None
    return instance.policy if instance else None  # `ordain check` says what is wrong with another


def _check(text: str, pattern: str, flag: str, fix: str) -> None:
    if not re.fullmatch(pattern, text):
        raise UserError(f"{text[:100]!a} is not that", where=flag, fix=fix)


def _check_branch(name: str, forge: Forge, where: str) -> None:
    fix = "write a plain name, such as main" if where.startswith("-") else "--branch NAME, a plain one"
    _check(name, rf"(?!refs/)(?=.{{1,200}}\Z){BRANCH_PATTERN}", where, fix)
    if forge != "local" and name == LIVE:
        what = f"`{LIVE}` is the branch that only the reconciler writes to"
        raise UserError(what, where=where, fix="--branch NAME, another one")


def _check_remote(text: str) -> None:
    plain = text.startswith("/") and text.isprintable() and not re.search(r"[#;%]|\s\Z", text)
    if not plain and not re.fullmatch(URL_PATTERN, text):
        fix = "write a URL that DVC speaks, such as s3://bucket/path, or an absolute folder"
        raise UserError("this can't be a DVC remote", where="--remote", fix=fix)
    if has_credentials(text):
        fix = "leave it out: the jobs take credentials from the forge's secrets"
        raise UserError("the address of the DVC remote carries a credential", where="--remote", fix=fix)


def _gitops(tool: Gitops | None, forge: Forge, where: tuple[str, str], origin: str) -> dict[str, Any] | None:
    """The entry of models.yaml. `where`: the repository's name and its base branch."""
    if tool is None:
        return None
    name, branch = where
    found = _ORIGIN.fullmatch(origin) if is_address(origin) else None
    host = {"github": "github.com", "gitlab": "gitlab.com"}.get(forge, "")
    page = f"https://{found['host']}/{found['name']}" if found else f"https://{host}/{name}"
    address = origin if re.fullmatch(GIT_URL_PATTERN, origin) else page
    if not re.fullmatch(GIT_URL_PATTERN, address):
        fix = (
            f"give it with --origin URL; or leave --gitops out now, and later: ordain init . --gitops {tool}"
        )
        raise UserError(f"{tool} needs an address that a cluster can read", where="--gitops", fix=fix)
    return {"repository": address, "branch": branch if forge == "local" else LIVE, tool: {}}


def generated_files(around: Settled) -> dict[str, bytes]:
    """Files that follow the Ordain version; with a forge, what trains is what its jobs install."""
    schemas = {f"{schema.FOLDER}/{name}": data for name, data in schema.schema_files().items()}
    jobs = automation.files(around.forge, package.automation(), around.branch)
    lock = package.training_lock() if around.forge == "local" else package.jobs_lock()
    return {**schemas, **package.stage_scripts(), TRAINING_LOCK: lock, **jobs}
