"""A long history of a small fleet: commits, approvals and ledger entries, all really signed.

Objects are written straight into a repository, because ten thousand `git commit` would take an hour; the
ledger is written by the reconciler itself, so what is verified is what it makes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gitdb.base import IStream
from gitdb.db.loose import LooseObjectDB

from ordain.adapters.git import Repository
from ordain.adapters.resources import templates
from ordain.core.approvals import approval, summary
from ordain.core.canonical import bytes_digest
from ordain.core.evidence import attestation
from ordain.core.evidence.sshsig import MAGIC, PublicKey
from ordain.core.gating.release import Champion, DataRecord, Release
from ordain.core.gating.verdicts import Verdict
from ordain.core.git import commits
from ordain.core.rendering.desired import desired
from ordain.core.specs.identity import Target, Transition, training_slice
from ordain.core.specs.spec import Models, Params
from ordain.core.state.instance import assembled, sound_part
from ordain.services.reconciling.order import Collector, Order, Place
from ordain.services.reconciling.reconcile import reconcile

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
IMAGE = "registry.ordain.example/ordain/runtime@sha256:" + "0" * 64
SPEC: dict[str, Any] = {
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
            **{f"feature_{number}": {"type": "number", "min": 0, "max": 100} for number in range(10)},
        },
    },
    "selection": {"metric": "roc_auc"},
    "gates": {"quality": [{"metric": "roc_auc", "min": 0.7}]},
    "deploy": {"replicas": {"min": 2, "max": 4}},
    "monitoring": {"latency_objective_ms": 50},
}
CANDIDATES = {"plain": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 1.0}}}


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


class Person:
    """Somebody with an Ed25519 key, made from a number."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self._private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        raw = self._private.public_key().public_bytes_raw()
        self.key = PublicKey(blob=_string(b"ssh-ed25519") + _string(raw))
        self.identity = commits.Identity(name=name.title(), email=f"{name}@x.example")

    def signer(self, namespace: str) -> attestation.Signer:
        """A function that makes SSH signatures for one purpose."""
        head = _string(namespace.encode()) + _string(b"") + _string(b"sha512")

        def sign(message: bytes) -> bytes:
            covered = MAGIC + head + _string(hashlib.sha512(message).digest())
            inner = _string(b"ssh-ed25519") + _string(self._private.sign(covered))
            return MAGIC + (1).to_bytes(4, "big") + _string(self.key.blob) + head + _string(inner)

        return sign


DANA, RAVI, MEI, ROBOT = (Person(name, 40 + n) for n, name in enumerate(("dana", "ravi", "mei", "robot")))


class Objects:
    """Loose objects of a repository."""

    def __init__(self, folder: Path) -> None:
        self._store = LooseObjectDB(str(folder / "objects"))

    def write(self, kind: str, data: bytes) -> str:
        """Store an object; its id."""
        stored = self._store.store(IStream(kind.encode(), len(data), io.BytesIO(data)))
        return str(stored.hexsha.decode())

    def tree(self, files: Mapping[str, str]) -> str:
        """The tree that holds these blobs, by path."""
        folders: dict[str, dict[str, str]] = {}
        rows: dict[str, tuple[str, str]] = {}
        for path, blob in files.items():
            top, _, rest = path.partition("/")
            if rest:
                folders.setdefault(top, {})[rest] = blob
            else:
                rows[top] = ("100644", blob)
        rows.update({top: ("40000", self.tree(inner)) for top, inner in folders.items()})
        ordered = sorted(rows, key=lambda name: name + "/" * (rows[name][0] == "40000"))
        return self.write(
            "tree",
            b"".join(f"{rows[n][0]} {n}\0".encode() + bytes.fromhex(rows[n][1]) for n in ordered),
        )


def policy() -> dict[str, Any]:
    """Dana works, Ravi and Mei approve, and a robot keeps the ledger."""
    roles = {DANA: ["data-scientist"], RAVI: ["reviewer"], MEI: ["reviewer"]}
    return {
        "version": 1, "repository": "bench/fleet", "branch": "main", "forge": "local",
        "people": {
            who.name: {"name": who.name, "emails": [who.identity.email], "roles": held,
                       "keys": [{"key": who.key.text}]}
            for who, held in roles.items()
        },
        "collectors": [{"key": ROBOT.key.text}],
        "rules": [{"approvals": {"reviewer": 2}}],
        "changes": {"reviewer": 2},
    }  # fmt: skip


def record(model: str, number: int) -> Release:
    """A sound release record."""
    spec = msgspec.convert({"version": 1, "renderer": 1, "models": {model: SPEC}}, Models).models[model]
    found = msgspec.convert({"version": 1, "candidates": {model: CANDIDATES}}, Params).candidates[model]

    def named(what: str) -> str:
        return bytes_digest(f"{what} {model} {number}".encode())

    made = Release(
        model=model, number=number, training_slice=training_slice(spec, found, 0),
        parameters=named("parameters"), code=named("code"), lock=named("lock"),
        data=DataRecord(source=named("source"), rows=named("rows"), train=named("train"),
                        holdout=named("holdout"), row_count=100, holdout_count=20),
        champion=Champion(candidate="plain", estimator="sklearn.linear_model.LogisticRegression",
                          metric="roc_auc", score=0.8),
        artifact=named("artifact"), artifact_bytes=1000, metrics={"roc_auc": 0.8},
        verdicts=(
            Verdict(gate="quality.roc_auc", outcome="pass", value=0.8, bound=0.7),
            Verdict(gate="parity", outcome="pass", value=1e-07, bound=1e-05),
        ), looks=1,
    )  # fmt: skip
    return msgspec.structs.replace(made, digest=made.computed_digest())


class Fleet:
    """The declared state as it changes: each step releases one model anew, or gives it other replicas.

    Args:
        size: how many models.
    """

    def __init__(self, size: int) -> None:
        self.names = [f"model-{number}" for number in range(size)]
        self._specs: dict[str, Any] = {}
        self._pins: dict[str, int] = {}
        self.files: dict[str, bytes] = {"policy.yaml": _dump(policy())}
        self.files["environments/staging.yaml"] = self._environment()

    def step(self, number: int) -> str:
        """Make the next change; the model's name. Every fifth changes the deployment, the others release."""
        name = self.names[number % len(self.names)]
        if name not in self._pins or number % 5:
            self._pins[name] = self._pins.get(name, 0) + 1
            made = msgspec.to_builtins(record(name, self._pins[name]))
            self.files[f"releases/{name}/{self._pins[name]}.yaml"] = _dump(made)
            self.files["environments/staging.yaml"] = self._environment()
        if name not in self._specs or not number % 5:
            deploy = {"replicas": {"min": 2, "max": 3 + number % 90}}
            self._specs[name] = {**SPEC, "deploy": deploy}
            content = {"version": 1, "renderer": 1, "models": self._specs}
            self.files["models.yaml"] = _dump(content)
            self.files["params.yaml"] = _dump(
                {"version": 1, "candidates": dict.fromkeys(self._specs, CANDIDATES)}
            )
        return name

    def _environment(self) -> bytes:
        return _dump(
            {
                "version": 1,
                "namespace": "ml-staging",
                "registry": "registry.ordain.example/models",
                "runtime": {"image": IMAGE},
                "models": {model: {"release": number} for model, number in self._pins.items()},
            }
        )


class _Plain(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump(content: Any) -> bytes:
    return yaml.dump(content, Dumper=_Plain, sort_keys=False).encode()


class Writer:
    """Writes the history: for each step a branch of three signed commits, its merge, and two approvals."""

    def __init__(self, folder: Path, models: int) -> None:
        self._objects = Objects(folder)
        self._repository = Repository(folder)
        self._fleet = Fleet(models)
        self._blobs: dict[str, str] = {}
        self._written: dict[str, bytes] = {}
        self._time = int(START.timestamp())
        self._subjects: dict[Target, str] = {}
        self._since: dict[Target, int] = {}
        self._known: Any = None
        self._parts: dict[tuple[str, bytes], Any] = {}
        self.approvals: list[bytes] = []
        self._head = self._commit((), DANA, "Found the repository")

    def write(self, steps: int) -> str:
        """The history; its newest commit."""
        for number in range(steps):
            base = self._head
            tip = base
            for part in range(2):
                self._blobs["notes.md"] = self._objects.write("blob", f"{number} {part}\n".encode())
                tip = self._commit((tip,), DANA, f"Note {number}.{part}")
            self._fleet.step(number)
            tip = self._commit((tip,), DANA, f"Change {number}")
            self._approve(number + 1)
            self._head = self._commit((base, tip), None, f"Merge change {number}")
        return self._head

    def _commit(self, parents: tuple[str, ...], who: Person | None, message: str) -> str:
        for path, data in self._fleet.files.items():
            if self._written.get(path) != data:
                self._written[path] = data
                self._blobs[path] = self._objects.write("blob", data)
        tree = self._objects.tree(self._blobs)
        self._time += 60
        raw = commits.compose(tree, parents, ((who or MEI).identity, self._time), message)
        if who is not None:
            raw = commits.attach(raw, who.signer(commits.NAMESPACE)(raw))
        return self._objects.write("commit", raw)

    def _approve(self, entry: int) -> None:
        for path, data in self._fleet.files.items():
            if (path, data) not in self._parts:
                self._parts[path, data] = sound_part(path, data)
        values = {path: self._parts[path, data] for path, data in self._fleet.files.items()}
        records = [value for value in values.values() if isinstance(value, Release)]
        releases: dict[str, dict[int, Release]] = {}
        for each in records:
            releases.setdefault(each.model, {})[each.number] = each
        others = {path: value for path, value in values.items() if not isinstance(value, Release)}
        instance = assembled(others, releases)
        if instance is None:
            raise SystemExit("the declared state is not sound")
        self._known = desired(instance, templates(), self._known)
        changed = [t for t, each in self._known.items() if self._subjects.get(t) != each.subject]
        transitions = [
            Transition(
                repository="bench/fleet", branch="main", environment=target.environment, model=target.model,
                before=self._subjects.get(target), after=self._known[target].subject,
                since=self._since.get(target, 0),
            )
            for target in changed
        ]  # fmt: skip
        for target in changed:
            self._subjects[target], self._since[target] = self._known[target].subject, entry
        for who in (RAVI, MEI):
            content = approval.statement(transitions, "0" * 40)
            sealed = attestation.seal(content, who.signer(attestation.APPROVAL_NAMESPACE))
            self.approvals.append(attestation.to_bytes(sealed))


class Given:
    """A forge that hands out the approvals that were made."""

    def __init__(self, approvals: list[bytes]) -> None:
        self._approvals = approvals

    def approvals(self) -> list[bytes]:
        """Every envelope."""
        return self._approvals

    def publish(self, envelope: bytes) -> str:
        """Not asked for here."""
        raise NotImplementedError


def build(folder: Path, steps: int, models: int = 5) -> None:
    """Make a bare repository with `steps` changes, 4 commits each, and as many ledger entries on top."""
    Repository(folder.parent).run("init", "--quiet", "--bare", "--initial-branch=main", str(folder))
    writer = Writer(folder, models)
    repository = Repository(folder)
    repository.set_ref("refs/heads/main", writer.write(steps))
    repository.run("repack", "-a", "-d", "--quiet")
    place = Place(str(folder), "main")
    order = Order(
        source=place, target=place, borrow=None, memory=None,
        collector=Collector(
            key=ROBOT.key.fingerprint, ledger=ROBOT.signer(attestation.LEDGER_NAMESPACE),
            commit=ROBOT.signer(commits.NAMESPACE), request=ROBOT.signer(attestation.REQUEST_NAMESPACE),
            summary=ROBOT.signer(summary.SUMMARY_NAMESPACE),
        ),
        forge=lambda _objects, _address: Given(writer.approvals), requests=lambda _: None,
        templates=templates(), present=lambda _: True, clock=lambda: START, pause=lambda _: None,
    )  # fmt: skip
    outcome = reconcile(order)
    refused = [each for entry in outcome.entries for each in entry.decisions if not each.approved]
    if len(outcome.entries) != steps or refused:
        raise SystemExit(f"{len(outcome.entries)} entries for {steps} steps, {len(refused)} refusals")
    repository.run("repack", "-a", "-d", "--quiet")


def rows(folder: Path) -> Iterator[str]:
    """What was made, in figures."""
    repository = Repository(folder)
    yield f"commits {repository.line('rev-list', '--count', 'main')}"
    yield f"entries {len(repository.listing(repository.resolve('main'), ('manifests/ledger/',)))}"
