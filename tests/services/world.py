"""A small world for tests: a bare repository, people with SSH keys and clones, and a reconciler.

Everything is real: Git, `ssh-keygen`, commit signatures, the command's own services. Only the clock and
the artifact store are given. Git's and ssh's configuration of the machine is kept out.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ordain.adapters.forge_local import LocalForge
from ordain.adapters.git import Repository
from ordain.adapters.resources import templates
from ordain.adapters.ssh import public_key, signer
from ordain.core.approvals import approval, summary
from ordain.core.evidence import attestation
from ordain.core.gating.release import Champion, DataRecord, Release
from ordain.core.gating.verdicts import Verdict
from ordain.core.git import commits
from ordain.core.specs.identity import training_slice
from ordain.core.specs.spec import Models, Params
from ordain.services.judging.workspace import Setting, at_base
from ordain.services.reconciling.order import Collector, Order, Outcome, Place
from ordain.services.reconciling.reconcile import reconcile
from ordain.services.requests.approve import Approved, Approver, approve
from ordain.services.requests.pins import Proposal
from ordain.services.requests.promote import promote
from ordain.services.requests.rollback import rollback

PEOPLE = {
    "ada": ("Ada Okafor", ["platform"]),
    "dana": ("Dana Reyes", ["data-scientist", "reviewer"]),
    "ravi": ("Ravi Menon", ["reviewer"]),
    "mei": ("Mei Tanaka", ["reviewer", "risk-officer"]),
    "omar": ("Omar Haddad", ["reviewer", "risk-officer"]),
}
NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
IMAGE = "registry.ordain.example/ordain/runtime@sha256:" + "0" * 64
SPEC: dict[str, Any] = {
    "deploy": {"replicas": {"min": 2, "max": 4}},
    "owner": "retention",
    "description": "Which customers are about to leave.",
    "task": "binary",
    "risk": "high",
    "data": {
        "source": {"path": "data/rows.csv"},
        "target": "left",
        "positive": "Yes",
        "columns": {
            "left": {"type": "string", "categories": ["No", "Yes"]},
            "age": {"type": "integer", "min": 0, "max": 120},
        },
    },
    "selection": {"metric": "roc_auc"},
    "gates": {"quality": [{"metric": "roc_auc", "min": 0.7}]},
    "monitoring": {"latency_objective_ms": 50},
}
CANDIDATES = {"plain": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 1.0}}}
PARITY = Verdict(gate="parity", outcome="pass", value=1e-07, bound=1e-05)
PASSED = (Verdict(gate="quality.roc_auc", outcome="pass", value=0.8, bound=0.7), PARITY)
FAILED = (Verdict(gate="quality.roc_auc", outcome="fail", value=0.6, bound=0.7), PARITY)


class _Plain(yaml.SafeDumper):
    """Writes equal parts out each time, as people do."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def sha(text: str) -> str:
    """A digest that stands for something."""
    import hashlib

    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def plain_slice(model: str) -> str:
    """What a model is made of that declares nothing of its own."""
    spec = msgspec.convert(models_file((model,)), Models).models[model]
    return training_slice(spec, msgspec.convert(params_file((model,)), Params).candidates[model], 0)


def record(
    model: str,
    number: int,
    verdicts: tuple[Verdict, ...] = PASSED,
    salt: str = "",
    made_of: str | None = None,
) -> Release:
    """A sound release record."""
    made = Release(
        model=model,
        number=number,
        training_slice=made_of or plain_slice(model),
        parameters=sha("parameters"),
        code=sha("code"),
        lock=sha(f"lock {model} {number} {salt}"),
        data=DataRecord(
            source=sha("source"), rows=sha("rows"), train=sha("train"), holdout=sha("holdout"),
            row_count=100, holdout_count=20,
        ),
        champion=Champion(candidate="plain", estimator="sklearn.linear_model.LogisticRegression",
                          metric="roc_auc", score=0.8),
        artifact=sha(f"artifact {model} {number} {salt}"),
        artifact_bytes=1000,
        metrics={
            each.gate.removeprefix("quality."): each.value
            for each in verdicts
            if each.gate.startswith("quality.") and each.value is not None
        },
        verdicts=verdicts,
        looks=1,
    )  # fmt: skip
    return msgspec.structs.replace(made, digest=made.computed_digest())


def models_file(names: tuple[str, ...], **changes: Any) -> dict[str, Any]:
    """`models.yaml` with some equal models."""
    return {"version": 1, "renderer": 1, "models": {name: {**SPEC, **changes} for name in names}}


def params_file(names: tuple[str, ...]) -> dict[str, Any]:
    """`params.yaml` for them."""
    return {"version": 1, "candidates": dict.fromkeys(names, CANDIDATES)}


def partial_clone(world: World, left_out: str) -> Path:
    """A new clone without some content, which Git means to fetch when it is asked for."""
    where = world.root / "partial"
    world.run(world.origin, "git", "config", "uploadpack.allowFilter", "true")
    address = f"file://{world.origin}"
    world.run(world.root, "git", "clone", "-q", f"--filter={left_out}", address, str(where))
    return where


def environment_file(name: str, pins: Mapping[str, int], **changes: Any) -> dict[str, Any]:
    """`environments/<name>.yaml`."""
    before = {"promotes_from": "staging"} if name == "production" else {}
    return {
        "version": 1, "namespace": f"ml-{name}", "registry": "registry.ordain.example/models",
        "runtime": {"image": IMAGE}, "models": {model: {"release": n} for model, n in pins.items()},
        **before, **changes,
    }  # fmt: skip


@cache
def keys_folder() -> Path:
    """Key pairs, made once a test process: for everyone, a second one of Ravi's, and a stranger's."""
    import atexit
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="ordain-test-keys-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in (*PEOPLE, "ravi-second", "stranger", "collector", "collector-second", "bot"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(words, check=True, capture_output=True)
    return folder


class World:
    """One origin, its people, and the verbs as they call them.

    Args:
        root: an empty folder.
    """

    def __init__(self, root: Path, policy: Mapping[str, Any] | None = None) -> None:
        self.root = root
        self.keys = keys_folder()
        self.origin = root / "origin.git"
        self.now = NOON
        self.absent: set[str] = set()
        (root / "home").mkdir()
        self.run(root, "git", "init", "-q", "--bare", "-b", "main", str(self.origin))
        ada = self.enter("ada")
        self.write(ada, "policy.yaml", {**self.policy(), **(policy or {})})
        for name in ("staging", "production"):
            self.write(ada, f"environments/{name}.yaml", environment_file(name, {}))
        self.commit("ada", "Found the repository")
        self.run(ada, "git", "push", "-q", "origin", "HEAD:main")

    def copied(self, root: Path) -> World:
        """A world that stands where this one does, in an empty folder, and goes its own way from there."""
        shutil.copytree(self.root, root, symlinks=True, dirs_exist_ok=True)
        twin = copy(self)
        twin.root, twin.origin, twin.absent = root, root / self.origin.name, set(self.absent)
        for settings in root.glob("*/.git/config"):  # each clone names its origin by path
            settings.write_text(settings.read_text().replace(str(self.root), str(root)))
        return twin

    # -- policy ----------------------------------------------------------------------------------

    @staticmethod
    def public(name: str) -> str:
        """Somebody's public key, type and body."""
        return " ".join((keys_folder() / f"{name}.pub").read_text().split()[:2])

    @classmethod
    def policy(cls) -> dict[str, Any]:
        """The policy that a world starts from; every call gives a new copy."""
        people = {
            name: {"name": full, "emails": [f"{name}@x.example"], "roles": list(roles),
                   "keys": [{"key": cls.public(name)}]}
            for name, (full, roles) in PEOPLE.items()
        }  # fmt: skip
        return {
            "version": 1,
            "repository": "local/test",
            "branch": "main",
            "forge": "local",
            "people": people,
            "collectors": [{"key": cls.public("collector")}],
            "rules": [
                {"environments": ["staging"], "approvals": {"reviewer": 1}},
                {"environments": ["production"], "approvals": {"reviewer": 1, "risk-officer": 1}},
            ],
            "rollback": {"reviewer": 1},
            "changes": {"reviewer": 1, "risk-officer": 1},
        }

    # -- Git, as people use it -------------------------------------------------------------------

    def environment(self, name: str, email: str = "") -> dict[str, str]:
        """A clean environment with one person's identity."""
        full = PEOPLE.get(name, (name.title(), []))[0]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        identity = {"NAME": full, "EMAIL": email or f"{name}@x.example"}
        return {
            **kept, "HOME": str(self.root / "home"), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C",
            **{f"GIT_AUTHOR_{key}": each for key, each in identity.items()},
            **{f"GIT_COMMITTER_{key}": each for key, each in identity.items()},
        }  # fmt: skip

    def run(self, where: Path, *words: str, who: str = "ada", check: bool = True) -> str:
        """One command as one person; what it printed."""
        done = subprocess.run(
            words, cwd=where, env=self.environment(who), capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def git(self, who: str, *words: str, check: bool = True) -> str:
        """One Git command in somebody's clone."""
        return self.run(self.enter(who), "git", *words, who=who, check=check)

    def enter(self, who: str) -> Path:
        """Somebody's clone, which signs commits with their key; made when it is first asked for."""
        where = self.root / who
        if not where.exists():
            settings = {
                "gpg.format": "ssh", "user.signingkey": str(self.keys / who), "commit.gpgsign": "true",
                "user.name": PEOPLE.get(who, (who, []))[0], "user.email": f"{who}@x.example",
                "checkout.defaultRemote": "origin", "core.hooksPath": os.devnull,
            }  # fmt: skip
            told = [word for each in settings.items() for word in ("-c", "=".join(each))]
            self.run(self.root, "git", "clone", "-q", *told, str(self.origin), str(where), who=who)
        return where

    def branch(self, who: str, name: str) -> Path:
        """A fresh branch from the newest main in somebody's clone."""
        where = self.enter(who)
        self.git(who, "fetch", "-q", "origin")
        self.git(who, "checkout", "-q", "-B", name, "origin/main")
        return where

    def write(self, where: Path, path: str, content: object) -> None:
        """A file: text as it is, anything else as YAML."""
        target = where / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else yaml.dump(content, Dumper=_Plain, sort_keys=False)
        target.write_text(text, encoding="utf-8")

    def commit(self, who: str, message: str, *options: str) -> str:
        """Commit everything in somebody's clone; the new commit's id."""
        self.git(who, "add", "--all")
        self.git(who, "commit", "-q", "--allow-empty", "-m", message, *options)
        return self.git(who, "rev-parse", "HEAD")

    def push(self, who: str) -> str:
        """Publish the branch that somebody is on; its name."""
        name = self.git(who, "branch", "--show-current")
        self.git(who, "push", "-q", "-f", "origin", "HEAD")
        return name

    def merge(self, branch: str, who: str = "ada") -> str:
        """Merge a branch into main by an unsigned merge commit; the new head of main."""
        self.branch(who, "merging")
        self.git(who, "-c", "commit.gpgsign=false", "merge", "-q", "--no-ff", "-m", f"Merge {branch}",
                 f"origin/{branch}")  # fmt: skip
        self.git(who, "push", "-q", "origin", "HEAD:main")
        return self.git(who, "rev-parse", "HEAD")

    def head(self) -> str:
        """The newest commit of main."""
        return self.run(self.origin, "git", "rev-parse", "main")

    # -- what people change ------------------------------------------------------------------------

    def release(self, who: str, model: str, number: int, **options: Any) -> str:
        """Declare a model with a release, pinned in staging, on a pushed branch; the branch."""
        where = self.branch(who, f"{model}-{number}")
        return self.add_release(who, where, (model, number), **options)

    def add_release(self, who: str, where: Path, what: tuple[str, int], **options: Any) -> str:
        """The same on the branch that is checked out."""
        model, number = what
        if model not in self.models(where):
            for path, key, new in (
                ("models.yaml", "models", models_file((model,))),
                ("params.yaml", "candidates", params_file((model,))),
            ):
                known = yaml.safe_load((where / path).read_text())[key] if (where / path).exists() else {}
                self.write(where, path, {**new, key: {**known, **new[key]}})
        declared = {"made_of": self.declared_slice(where, model), "verdicts": self.passed(where, model)}
        made = record(model, number, **{**declared, **options})
        self.write(where, f"releases/{model}/{number}.yaml", msgspec.to_builtins(made))
        self.pin(where, "staging", model, number)
        self.commit(who, f"Release {model}@{number}")
        return self.push(who)

    def declared_slice(self, where: Path, model: str) -> str:
        """What a release would be made of in a clone; the plain model where that can't be read."""
        try:
            models = msgspec.convert(yaml.safe_load((where / "models.yaml").read_text()), Models)
            params = msgspec.convert(yaml.safe_load((where / "params.yaml").read_text()), Params)
        except (msgspec.ValidationError, yaml.YAMLError):
            return plain_slice(model)
        return training_slice(models.models[model], params.candidates.get(model, {}), params.seed)

    def passed(self, where: Path, model: str) -> tuple[Verdict, ...]:
        """What the gates of a model would say to a champion that passes."""
        bound = self.models(where)[model]["gates"]["quality"][0]["min"]
        return msgspec.structs.replace(PASSED[0], bound=bound), PARITY

    def models(self, where: Path) -> dict[str, Any]:
        """What is declared in a clone."""
        path = where / "models.yaml"
        found: dict[str, Any] = yaml.safe_load(path.read_text())["models"] if path.exists() else {}
        return found

    def edit(self, where: Path, path: str, change: Callable[[Any], None]) -> None:
        """Change a YAML file in place."""
        value = yaml.safe_load((where / path).read_text())
        change(value)
        self.write(where, path, value)

    def pin(self, where: Path, environment: str, model: str, number: int) -> None:
        """Pin a release in a clone's environment file."""
        self.edit(
            where, f"environments/{environment}.yaml",
            lambda value: value["models"].update({model: {"release": number}}),
        )  # fmt: skip

    def replicas(self, who: str, number: int, model: str = "churn", branch: str = "replicas") -> str:
        """A pushed branch with another number of replicas."""
        where = self.branch(who, f"{branch}-{number}")
        deploy = {"replicas": {"min": number, "max": number + 2}}
        self.edit(where, "models.yaml", lambda value: value["models"][model].update({"deploy": deploy}))
        self.commit(who, f"{number} replicas")
        return self.push(who)

    def present(self, image: str) -> bool:
        """Whether an artifact was published: all were, but for those that are `absent` by digest."""
        return image.rpartition("@")[2] not in self.absent

    # -- Ordain's verbs ----------------------------------------------------------------------------

    def setting(self, who: str) -> Setting:
        """What a verb sees from somebody's clone."""
        return Setting(
            clone=Repository(self.enter(who)), forge=LocalForge, templates=templates(),
            present=self.present, now=self.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )  # fmt: skip

    def approver(self, key: str) -> Approver:
        """Whoever holds a key."""
        path = self.keys / key
        return Approver(key=public_key(path).fingerprint, sign=signer(path, attestation.APPROVAL_NAMESPACE))

    def approve(self, branch: str, *people: str) -> list[Approved]:
        """Some people approve a pushed branch, each with their own key, from their own clone."""
        found = []
        for who in people:
            self.git(who, "fetch", "-q", "origin")
            found.append(approve(self.setting(who), f"origin/{branch}", self.approver(who)))
        return found

    def sign(self, branch: str, *people: str) -> None:
        """The same without the verb's courtesy: everything that the branch would change, whoever made it."""
        self.git("ada", "fetch", "-q", "origin")
        with at_base(self.setting("ada")) as desk:
            decisions = desk.preview(desk.setting.clone.resolve(f"origin/{branch}")).judged.decisions
            content = approval.statement([each.transition for each in decisions], "0" * 40)
            for who in people:
                desk.forge.publish(attestation.to_bytes(attestation.seal(content, self.approver(who).sign)))

    def collector(self, key: str = "collector") -> Collector:
        """The reconciler's key."""
        path = self.keys / key
        return Collector(
            key=public_key(path).fingerprint,
            ledger=signer(path, attestation.LEDGER_NAMESPACE),
            commit=signer(path, commits.NAMESPACE),
            request=signer(path, attestation.REQUEST_NAMESPACE),
            summary=signer(path, summary.SUMMARY_NAMESPACE),
        )

    def order(self, **changes: Any) -> Order:
        """What the reconciler is told."""
        place = Place(str(self.origin), "main")
        order = Order(
            source=place, target=place, borrow=None, memory=None, collector=self.collector(),
            forge=LocalForge, requests=lambda _: None,
            templates=templates(), present=self.present,
            clock=lambda: self.now, pause=lambda _: None,
        )  # fmt: skip
        return msgspec.structs.replace(order, **changes)

    def reconcile(self, **changes: Any) -> Outcome:
        """One run of the reconciler."""
        return reconcile(self.order(**changes))

    def promote(self, who: str, model: str = "churn", to: str = "production") -> Proposal:
        """Somebody promotes on a fresh main, and pushes."""
        self.branch(who, "fresh")
        proposal = promote(self.setting(who), model, to)
        self.push(who)
        return proposal

    def rollback(self, who: str, environment: str, release: int | None = None) -> Proposal:
        """Somebody rolls churn back on a fresh main, and pushes."""
        self.branch(who, "fresh")
        proposal = rollback(self.setting(who), "churn", environment, release)
        self.push(who)
        return proposal

    def deploy(self, branch: str, *people: str) -> Outcome:
        """Approve, merge, reconcile."""
        self.approve(branch, *people)
        self.merge(branch)
        return self.reconcile()

    # -- looking -------------------------------------------------------------------------------------

    def admitted(self, environment: str) -> list[str]:
        """The images that an environment's cluster admits, by what lies at the head of main."""
        path = f"manifests/{environment}/_admitted/configmap.yaml"
        found = Repository(self.origin).read(self.head(), (path,))
        return list(yaml.safe_load(found[path])["data"].values())

    def manifests(self, prefix: str = "") -> dict[str, bytes]:
        """What approved targets rendered, at the head of main, by path below `manifests/`.

        Ledger and admitted images are left out: they tell of the past too, so they never go back.
        """
        found = Repository(self.origin).read(self.head(), ("manifests/",))
        short = {path.removeprefix("manifests/"): data for path, data in found.items()}
        return {
            path: data for path, data in short.items()
            if path.startswith(prefix) and not path.startswith("ledger/") and "/_admitted/" not in path
        }  # fmt: skip

    def ledger(self) -> dict[str, bytes]:
        """The ledger's files at the head of main, by path."""
        return Repository(self.origin).read(self.head(), ("manifests/ledger/",))
