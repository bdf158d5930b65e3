"""The acts in their order, and the promises that the demo checks as it goes."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ordain.errors import UserError
from ordain.services.demo import scenes
from ordain.services.demo.month import A_DAY, DAYS, Month
from ordain.services.demo.theatre import Theatre

ACTS = 10


class Stage(msgspec.Struct, kw_only=True):
    """What the acts share: the theatre, the example's files, and where the narration stands."""

    theatre: Theatre
    example: Path
    port: int
    act: int = 0

    def title(self, text: str) -> None:
        """Open an act."""
        self.act += 1
        self.theatre.say("")
        self.theatre.say(f"[{self.act}/{ACTS}] {text}")

    def tell(self, text: str) -> None:
        """A sentence of narration."""
        self.theatre.say(f"  {text}")


def free_port() -> int:
    """A port that nothing listens on, for the Deployment of this demo."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def same(left: str, right: str, promise: str) -> None:
    """Raise when a promise of the demo doesn't hold."""
    if left != right:
        raise UserError(f"broken promise: {promise}", where="demo", fix="make demo KEEP=1, then look")


def told(said: str | Sequence[str], words: str, promise: str) -> None:
    """Raise when what a command said, or one of several, is not the words that keep a promise."""
    if words not in said:
        raise UserError(f"broken promise: {promise}", where="demo", fix="make demo KEEP=1, then look")


def found(stage: Stage) -> None:
    """Ada lays the ground: a bare repository whose root commit holds the policy and no model."""
    stage.title("Ada, platform engineer, founds the repository: policy and environments, no model yet")
    theatre = stage.theatre
    (theatre.root / "home").mkdir()
    clone = theatre.clone_of("ada")
    policy = scenes.policy_without_waivers(stage.example, theatre.root)
    words = ("--policy", str(policy), "--origin", str(theatre.origin), "--yes", "--quiet")
    theatre.show("ada", "ordain", "init", str(clone), *words)
    for person in ("dana", "mei", "ravi", "reconciler"):
        theatre.enter(person)
    stage.tell("Who decides is in policy.yaml: two reviewers for staging, a risk officer too for production.")


def train(stage: Stage) -> None:
    """Dana declares the model and the pipeline compares its candidates."""
    stage.title("Dana, data scientist, declares `churn` on a branch; the pipeline trains and compares")
    theatre = stage.theatre
    scenes.declare(theatre, stage.example, stage.port)
    theatre.show("dana", "ordain", "run")
    for line in scenes.ranking(theatre.clone_of("dana")):
        theatre.say(f"    {line}")
    theatre.run("dana", "git", "add", "--all")
    theatre.show("dana", "ordain", "check")
    refused = theatre.show("dana", "ordain", "release", expect=None)
    if refused.code:
        stage.tell(
            "An honest gate blocks. Dana asks for a waiver, with a reason and an end; others decide on it."
        )
        expires = (dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=60)).date().isoformat()
        scenes.waive(theatre, "fairness.senior_citizen", expires)
        theatre.show("dana", "ordain", "release")
    scenes.commit(theatre, "dana", "Declare churn and release churn@1")


def approve_staging(stage: Stage) -> None:
    """Dana can't approve her own work; Ravi and Mei can."""
    stage.title("The merge request: a plan, a refused self-approval, two approvals, a merge")
    theatre = stage.theatre
    theatre.show("dana", "ordain", "plan", expect=2)
    refused = theatre.show("dana", "ordain", "approve", "HEAD", "--key", str(theatre.key("dana")), expect=1)
    told(refused.output, "whoever contributed can't approve it", "a self-approval is refused as such")
    scenes.approve(theatre, "declare-churn", "ravi", "mei")
    scenes.merge(theatre, "declare-churn")
    scenes.reconcile(theatre)


def promote(stage: Stage, release: int) -> str:
    """The same release, approved again for production; returns the digest of its manifests."""
    theatre = stage.theatre
    scenes.fresh_branch(theatre, "dana", "main")
    theatre.show("dana", "ordain", "promote", "churn", "--to", "production")
    branch = theatre.run("dana", "git", "branch", "--show-current").output
    theatre.run("dana", "git", "push", "--quiet", "origin", "HEAD")
    scenes.approve(theatre, branch, "ravi", "mei")
    scenes.merge(theatre, branch)
    scenes.reconcile(theatre)
    same(scenes.running(theatre, "production"), f"churn@{release}", "what was approved runs in production")
    stage.tell(f"churn@{release} is law in production.")
    return scenes.manifests_of(theatre, "production")


def serve(stage: Stage) -> None:
    """The rendered Deployment's own command answers a prediction, and its annotations explain it."""
    stage.title("The rendered Deployment starts: its own command, arguments, environment and probes")
    theatre = stage.theatre
    stage.tell(
        "(The image comes from a registry in a cluster; here the same command runs from this environment.)"
    )
    pod, answer = scenes.serve(theatre)
    stage.tell(f"prediction: {json.dumps(answer)}")
    stage.tell("Why is this running? The pod's own annotations lead to people and data:")
    annotations = theatre.root / "annotations.json"
    annotations.write_text(json.dumps(pod.annotations), encoding="utf-8")
    theatre.show("reconciler", "ordain", "why", str(annotations))
    stage.tell("The prediction's own id leads to the same passport:")
    scenes.first_line(theatre, "reconciler", "ordain", "why", scenes.prediction_id(answer))


def change(stage: Stage) -> None:
    """One parameter changes: only what depends on it runs again."""
    stage.title("Dana changes one candidate's parameter; only what depends on it runs again")
    theatre = stage.theatre
    clone = scenes.fresh_branch(theatre, "dana", "stronger-penalty")
    champion = json.loads((clone / "pipelines/churn/champion.json").read_text("utf-8"))["candidate"]
    scenes.change_candidate(clone / "params.yaml", champion)
    theatre.show("dana", "ordain", "run")
    theatre.show("dana", "ordain", "release")
    scenes.commit(theatre, "dana", f"Change a parameter of {champion}")
    scenes.approve(theatre, "stronger-penalty", "ravi", "mei")
    scenes.merge(theatre, "stronger-penalty")
    scenes.reconcile(theatre)


def refuse(stage: Stage, before: str) -> None:
    """A change that was merged after its approval became stale; nothing happens in production."""
    stage.title("Six replicas are approved, forty are merged: nobody approved those")
    theatre = stage.theatre
    scenes.replicas(theatre, 6)
    scenes.approve(theatre, "more-replicas", "ravi", "mei")
    scenes.replicas(theatre, 40)
    scenes.merge(theatre, "more-replicas", person="dana")
    refused = scenes.reconcile(theatre)
    told(refused, "stale-approval", "a stale approval is refused as such")
    same(scenes.manifests_of(theatre, "production"), before, "production stays as it was")
    stage.tell("Refused, recorded, and production is byte for byte what it was.")
    scenes.undo_last_merge(theatre)
    scenes.reconcile(theatre)


def roll_back(stage: Stage, earlier: str) -> None:
    """Back to the first release: approved, and byte for byte."""
    stage.title("Production goes back to churn@1, approved by one reviewer as the policy says")
    theatre = stage.theatre
    scenes.fresh_branch(theatre, "dana", "main")
    theatre.show("dana", "ordain", "rollback", "churn", "--env", "production")
    branch = theatre.run("dana", "git", "branch", "--show-current").output
    theatre.run("dana", "git", "push", "--quiet", "origin", "HEAD")
    scenes.approve(theatre, branch, "ravi")
    scenes.merge(theatre, branch)
    scenes.reconcile(theatre)
    same(scenes.manifests_of(theatre, "production"), earlier, "a rollback restores the bytes")
    stage.tell("The manifests are byte for byte those of churn@1.")


def watch(stage: Stage) -> None:
    """Drift comes home as one request, which is approved like any other."""
    stage.title("A month later: prices rose three weeks in, and the prediction log shows it")
    theatre, clone = stage.theatre, scenes.fresh_branch(stage.theatre, "dana", "main")
    month = Month(theatre, stage.example, dt.datetime.now(tz=dt.UTC))
    month.pass_by(theatre.root / "pod/srv/models/churn", "1")
    stage.tell(
        f"{DAYS * A_DAY} predictions were logged; the monitor compares them with the training of churn@1:"
    )
    words = ("--log", str(month.log), "--until", month.until, "--evidence", str(month.evidence))
    theatre.show("dana", "ordain", "monitor", "churn@production", *words)
    told(scenes.drifted(month.evidence), "monthly_charges", "the alarm names the column that drifted")
    rows = month.bring_outcomes(clone / "data/telco_churn.csv")
    stage.tell(
        f"What became of {rows} of those customers is in the data now. The evidence asks for a request:"
    )
    key = str(theatre.key("dana"))
    because = ("ordain", "retrain", "churn", "--because", str(month.evidence), "--key", key)
    told(theatre.show("dana", *because).output, "refs/ordain/requests/", "drift opens a request")
    branch = theatre.run("dana", "git", "branch", "--show-current").output
    stage.tell("The same evidence, a second time:")
    told(theatre.show("dana", *because).output, "a request is open already", "one finding is one request")
    scenes.approve(theatre, branch, "ravi", "mei")
    scenes.merge(theatre, branch)
    scenes.reconcile(theatre)
    same(scenes.running(theatre, "staging"), "churn@3", "the retrained release runs in staging")
    promote(stage, 3)


def prove(stage: Stage) -> None:
    """A second reconcile changes nothing, and everything can be checked from a clone."""
    stage.title("Anyone can check all of it, from a clone, offline")
    theatre = stage.theatre
    scenes.reconcile(theatre)
    theatre.show("reconciler", "ordain", "status")
    theatre.say("  reconciler$ ordain verify --all")
    proofs = theatre.run("reconciler", "ordain", "verify", "--all").output
    theatre.say(f"    {proofs.splitlines()[-1]}")


def play(stage: Stage) -> None:
    """All acts."""
    found(stage)
    train(stage)
    approve_staging(stage)
    stage.title("Promotion to production, approved by a reviewer and the risk officer")
    first = promote(stage, 1)
    serve(stage)
    change(stage)
    second = promote(stage, 2)
    refuse(stage, second)
    roll_back(stage, first)
    watch(stage)
    prove(stage)


def demo(say: Callable[[str], None], *, keep: bool, example: Path) -> Path | None:
    """Play the story in a scratch folder.

    Args:
        say: prints a line.
        keep: whether the folder stays; its path is then returned.
        example: the folder with the example's data, spec, policy and identities.
    """
    root = Path(tempfile.mkdtemp(prefix="ordain-demo-"))
    try:
        theatre = Theatre(root, example / "examples/insecure-identities", say)
        play(Stage(theatre=theatre, example=example, port=free_port()))
    finally:
        if not keep:
            shutil.rmtree(root, ignore_errors=True)
    return root if keep else None
