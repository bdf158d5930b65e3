"""A month of findings against a forge: whoever finds, tells, retrains, closes, merges, and is killed at it.

Every finding goes the whole way: what a monitor or an alert says, through an event where that is how it
travels, to `retrain` in a fresh clone of a real origin, whose requests are at a real client of a forge.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from ordain.adapters.forges.github import GitHub
from ordain.adapters.forges.gitlab import GitLab
from ordain.adapters.forges.place import Token, place_of
from ordain.adapters.git import Repository
from ordain.adapters.requests_local import FOLDER, LocalRequests
from ordain.core.drift import asker
from ordain.core.drift.evidence import key_of
from ordain.core.drift.retraining import Retraining, encode
from ordain.core.git import commits
from ordain.core.people.request import Opened
from ordain.ports import Proposals
from ordain.services.judging.workspace import governed
from ordain.services.monitoring.receive import Receiver
from ordain.services.monitoring.retrain import Asked, Bench, Wish, retrain
from ordain.services.requests.commit import Author
from tests.adapters.forges import github_world, gitlab_world
from tests.adapters.forges.standin import TOKEN, standing_in
from tests.core.signing import Person
from tests.core.test_alerts import alert, message
from tests.services.test_run import Repo, Watcher, make
from tests.services.world import record

START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
RELEASE = record("churn", 1)
KEY = key_of("churn", "production", RELEASE.artifact)
BOT, STRANGER = Person(3), Person(4)
RECORD = "pipelines/churn/retraining.json"
Kind = Literal["local", "github", "gitlab"]
Level = Literal["draft", "open"]
# A branch; one on which the bot has gone on, as it does in a request's pipeline; a mark; one of what is no
# commit; and one where a mark of this storm was kept once.
Forgery = Literal["branch", "beneath", "mark", "blob", "old-place"]
FORGERIES: tuple[Forgery, ...] = ("branch", "beneath", "mark", "blob", "old-place")


def made(root: Path) -> Path:
    """The origin, as a bare repository: a model that ran, and whose release is pinned in production."""
    repo = make(root / "first")
    repo.run()
    path = repo.root / "environments/production.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), "models": {"churn": {"release": 1}}}))
    (repo.root / "releases/churn").mkdir(parents=True)
    (repo.root / "releases/churn/1.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(RELEASE)))
    repo.git("checkout", "-q", "-B", "main")
    repo.commit()
    subprocess.run(["git", "clone", "-q", "--bare", str(repo.root), str(root / "origin.git")], check=True)
    return root / "origin.git"


class Storm:
    """One forge, and everybody who is at work there.

    Attributes:
        now: what all their clocks say.
    """

    def __init__(self, kind: Kind, origin: Path, folder: Path) -> None:
        self.kind, self.folder, self.now = kind, folder, START
        self.origin = folder / "origin.git"
        shutil.copytree(origin, self.origin)
        self.stack = ExitStack()
        self._forge: Any = None
        self.world: Any = None
        self.answers: list[str] = []
        if kind != "local":
            self._forge = self._connect(kind)
        self.restart()

    def _connect(self, kind: Kind) -> GitHub | GitLab:
        if kind == "github":
            server = self.stack.enter_context(standing_in("github", "/api/v3"))
            self.world = github_world.World(server)
            return GitHub(place_of("github", f"{server.origin}/acme/churn", "main"), Token(TOKEN))
        server = self.stack.enter_context(standing_in("gitlab", "/api/v4"))
        self.world = gitlab_world.World(server)
        return GitLab(place_of("gitlab", f"{server.origin}/{gitlab_world.NAME}", "main"), Token(TOKEN))

    def end(self) -> None:
        """Let go of everything."""
        if self._forge is not None:
            self._forge.close()
        self.stack.close()

    # --- what happens ------------------------------------------------------------------------------------

    def found(self, level: Level) -> Asked:
        """A monitor says what it found; a later look tells other columns and times of the same storm."""
        evidence = {
            "model": "churn", "environment": "production", "request": level, "observed": self.now.isoformat(),
            "key": KEY,
            "findings": [{"kind": "drift", "alarm": True, "detail": f"at {self.now:%H:%M}"}],
        }  # fmt: skip
        return self.retrain(json.dumps(evidence))

    def alerted(self, level: Level) -> None:
        """Alertmanager sends an alert, which the receiver passes on, by the clock or not."""
        body = message(alert(retrain=level, annotations={"summary": f"at {self.now}"}))
        assert self.receiver.receive(body).status == 200

    def dispatch(self, event: str, payload: Mapping[str, str]) -> None:
        """The forge starts its job, as the receiver asks it to."""
        assert (event, payload["model"]) == ("ordain-retrain", "churn")
        self.retrain(payload["evidence"])

    def restart(self) -> None:
        """The receiver forgets what it passed on."""
        self.receiver = Receiver(self, lambda: self.now)

    def retrain(self, evidence: str) -> Asked:
        """`ordain retrain` in a job's own clone, which is gone afterwards."""
        place = self.folder / "clone"
        named = ("-c", "user.name=Bot", "-c", "user.email=bot@example.org")
        lean = ("--shared", "--template=")  # a month has sixty of them, each made and removed
        subprocess.run(["git", "clone", "-q", *lean, *named, str(self.origin), str(place)], check=True)
        try:
            clone = Repository(place)
            bench = Bench(
                clone=clone, ground=governed(clone), requests=self.requests(clone),
                author=Author(BOT.signer("git"), self.now),
                watcher=Watcher(), baselines=lambda *_: (), publish=lambda *_: (), key=BOT.key.fingerprint,
            )  # fmt: skip
            asked = retrain(bench, Wish(model="churn", evidence=evidence.encode(), where="evidence.json"))
        finally:
            shutil.rmtree(place)
        self.answers.append(asked.answer)
        return asked

    def requests(self, clone: Repository) -> Proposals:
        """Where requests are."""
        found: Proposals = self._forge or LocalRequests(clone, str(self.origin), lambda: self.now)
        return found

    # --- what people do ----------------------------------------------------------------------------------

    def turned_down(self, request: Opened, *, delete: bool) -> None:
        """A person closes a request; the local forge knows it by the branch that is gone."""
        if self.world is not None:
            self.world.close(request.number)
        if delete or self.world is None:
            self._git("update-ref", "-d", f"refs/heads/{request.branch}")

    def merged(self, request: Opened, *, delete: bool) -> None:
        """A person merges a request; nothing else came in between, so main moves to its branch."""
        self._git("update-ref", "refs/heads/main", f"refs/heads/{request.branch}")
        self.turned_down(request, delete=delete) if delete or self.world is not None else None

    # --- what strangers who may push do ----------------------------------------------------------------

    def forge(self, what: Forgery, asked: str, key: str = KEY, signer: Person | None = STRANGER) -> None:
        """Push the bot's word in the bot's name, that a breach was asked for at some time."""
        made = Retraining(asked=asked, digest=key, evidence={"model": "churn", "request": "open"})
        repository, place = Repository(self.origin), "refs/ordain/asked/churn"
        main = repository.resolve("refs/heads/main")
        if what in {"branch", "beneath"}:
            tree = repository.with_file(main, RECORD, encode(made))
            found = self._commit(repository, (tree, main), "Retrain churn: drift", signer)
            if what == "beneath":
                tree = repository.with_file(found, "pipelines/churn/notes", b"generated")
                found = self._commit(repository, (tree, found), "Generate", BOT)
            self._git("update-ref", f"refs/heads/retrain/churn-{found[:7]}", found)
        elif what == "mark":
            tree = repository.commits([main])[0].tree
            found = self._commit(repository, (tree, main), asker.told("churn", made), signer)
            self._git("update-ref", f"{place}/{found}", found)
        else:
            (found,) = repository.write_blobs([encode(made)])
            name = found if what == "blob" else f"{key.removeprefix('sha256:')}-breach"
            self._git("update-ref", f"{place}/{name}", found)

    def _commit(
        self, repository: Repository, ends: tuple[str, str], message: str, signer: Person | None
    ) -> str:
        who = commits.Identity(name="Bot", email="bot@example.org"), int(self.now.timestamp())
        raw = commits.compose(ends[0], (ends[1],), who, message)
        signed = raw if signer is None else commits.attach(raw, signer.sign(raw, "git"))
        return repository.write_commit(signed)

    # --- what there is -----------------------------------------------------------------------------------

    def open(self) -> tuple[Opened, ...]:
        """The open requests."""
        if self._forge is not None:
            found: tuple[Opened, ...] = self._forge.open_requests("retrain:churn")
            return found
        return LocalRequests(Repository(self.origin), str(self.origin), lambda: self.now).open_requests(
            "retrain:churn"
        )

    def count(self) -> int:
        """Requests that were ever opened."""
        if self.world is not None:
            return len(self.world.open) + len(self.world.closed)
        return len(self._git("for-each-ref", "--format=%(refname)", FOLDER).split())

    def _git(self, *words: str) -> str:
        return Repo(self.origin).git(*words)
