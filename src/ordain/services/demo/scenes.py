"""The story: declare, train, judge, approve, merge, reconcile, promote, serve, change, refuse, roll back."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from ordain.core.canonical import bytes_digest, digest
from ordain.core.rendering.admission import ADMITTED
from ordain.errors import UserError
from ordain.services.demo import pod as pods
from ordain.services.demo.theatre import Theatre

CUSTOMER = {
    "female": 0, "senior_citizen": 0, "partner": 0, "dependents": 0, "tenure": 2, "phone_service": 1,
    "multiple_lines": "No", "internet_service": "Fiber optic", "online_security": "No",
    "online_backup": "No", "device_protection": "No", "tech_support": "No", "streaming_tv": "Yes",
    "streaming_movies": "No", "contract": "Month-to-month", "paperless_billing": 1,
    "payment_method": "Electronic check", "monthly_charges": 80.45, "total_charges": 161.5,
}  # fmt: skip


def manifests_of(theatre: Theatre, environment: str) -> str:
    """One digest of an environment's manifests as the control clone sees them on main.

    The list of admitted images is left out: it names the last few approved states too.
    """
    theatre.run("reconciler", "git", "pull", "--quiet", "--ff-only")
    folder = theatre.clone_of("reconciler") / "manifests" / environment
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.parent.name != ADMITTED)
    return digest(
        "demo/v1", {str(path.relative_to(folder)): bytes_digest(path.read_bytes()) for path in files}
    )


def commit(theatre: Theatre, person: str, message: str) -> None:
    """Commit everything in a person's clone and push the branch they are on."""
    theatre.run(person, "git", "add", "--all")
    theatre.run(person, "git", "commit", "--quiet", "--message", message)
    theatre.show(person, "git", "push", "--quiet", "origin", "HEAD")


def approve(theatre: Theatre, branch: str, *people: str) -> None:
    """Each person fetches the branch, signs its transitions and publishes the signature."""
    for person in people:
        theatre.run(person, "git", "fetch", "--quiet", "origin")
        theatre.show(person, "ordain", "approve", f"origin/{branch}", "--key", str(theatre.key(person)))


def merge(theatre: Theatre, branch: str, person: str = "mei") -> None:
    """Merge a branch into main by an ordinary merge commit, which is no contribution."""
    theatre.run(person, "git", "fetch", "--quiet", "origin")
    theatre.run(person, "git", "checkout", "--quiet", "-B", "main", "origin/main")
    theatre.show(person, "git", "merge", "--quiet", "--no-ff", "-m", f"Merge {branch}", f"origin/{branch}")
    theatre.run(person, "git", "push", "--quiet", "origin", "main")


def reconcile(theatre: Theatre) -> str:
    """The reconciler's turn: approved state into manifests and ledger; what it said."""
    theatre.run("reconciler", "git", "pull", "--quiet", "--ff-only")
    said = theatre.show("reconciler", "ordain", "reconcile", "--key", str(theatre.key("reconciler")))
    theatre.run("reconciler", "git", "pull", "--quiet", "--ff-only")
    return said.output


def running(theatre: Theatre, environment: str) -> str:
    """The release of `churn` that runs somewhere by the ledger, such as `churn@1`."""
    said = theatre.run("reconciler", "ordain", "status", "--json").output
    standings = json.loads(said[said.index("{") :])["standings"]
    return next(str(each["running"]) for each in standings if each["environment"] == environment)


def drifted(evidence: Path) -> list[str]:
    """The columns of which a monitor's evidence raises the alarm that they drifted."""
    findings = json.loads(evidence.read_text(encoding="utf-8"))["findings"]
    alarms = [each for each in findings if each["alarm"] and each["kind"] == "drift"]
    return [name for each in alarms for name in each["columns"]]


def replicas(theatre: Theatre, most: int, branch: str = "more-replicas") -> None:
    """Dana raises the highest number of replicas, on a branch that may be there already."""
    clone = theatre.clone_of("dana")
    if theatre.run("dana", "git", "branch", "--show-current").output != branch:
        fresh_branch(theatre, "dana", branch)
    set_parameter(
        clone / "models.yaml", r"replicas: \{min: 2, max: \d+\}", f"replicas: {{min: 2, max: {most}}}"
    )
    commit(theatre, "dana", f"Up to {most} replicas")


def undo_last_merge(theatre: Theatre) -> None:
    """Dana reverts the merge that was refused, and that is merged."""
    fresh_branch(theatre, "dana", "undo")
    theatre.run("dana", "git", "revert", "--no-edit", "-m", "1", "HEAD~1")
    theatre.run("dana", "git", "push", "--quiet", "origin", "HEAD")
    merge(theatre, "undo")


def fresh_branch(theatre: Theatre, person: str, branch: str) -> Path:
    """A new branch from the newest main, in a person's clone."""
    theatre.run(person, "git", "fetch", "--quiet", "origin")
    theatre.run(person, "git", "checkout", "--quiet", "-B", branch, "origin/main")
    return theatre.clone_of(person)


def declare(theatre: Theatre, example: Path, port: int) -> None:
    """Dana writes the spec, the candidates and the data into a branch."""
    clone = fresh_branch(theatre, "dana", "declare-churn")
    (clone / "data").mkdir(exist_ok=True)
    shutil.copyfile(example / "data/telco_churn.csv", clone / "data/telco_churn.csv")
    shutil.copyfile(example / "params.yaml", clone / "params.yaml")
    text = (example / "models.yaml").read_text(encoding="utf-8")
    (clone / "models.yaml").write_text(text.replace("port: 8080", f"port: {port}"), encoding="utf-8")


def ranking(clone: Path) -> list[str]:
    """The candidates in the order that the pipeline found, with their cross-validated intervals."""
    champion = json.loads((clone / "pipelines/churn/champion.json").read_text(encoding="utf-8"))
    return [
        f"{place}. {each['candidate']:<24}{champion['metric']} {each['score']:.3f} "
        f"[{each['interval'][0]:.3f}, {each['interval'][1]:.3f}]"
        for place, each in enumerate(champion["ranking"], start=1)
    ]


def policy_without_waivers(example: Path, folder: Path) -> Path:
    """The example's policy as it was before anybody asked for a waiver."""
    text = (example / "policy.yaml").read_text(encoding="utf-8")
    policy = folder / "policy.yaml"
    policy.write_text(text.split("\nwaivers:")[0] + "\nwaivers: []\n", encoding="utf-8")
    return policy


def waive(theatre: Theatre, gate: str, expires: str) -> None:
    """Dana asks, in the policy, that one gate may fail until a date; the approvers decide."""
    path = theatre.clone_of("dana") / "policy.yaml"
    entry = (
        "waivers:\n"
        f"  - model: churn\n    gate: {gate}\n    expires: '{expires}'\n"
        "    reason: Seniors leave far more often; recall differs until the outreach study reports.\n"
    )
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("waivers: []\n", entry), encoding="utf-8")


def set_parameter(path: Path, pattern: str, replacement: str) -> None:
    """Change one value in a declared file.

    Raises:
        UserError: when the file doesn't hold the pattern exactly once.
    """
    text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"))
    if count != 1:
        raise UserError(f"`{pattern}` stands {count} times", where=str(path), fix="git checkout the file")
    path.write_text(text, encoding="utf-8")


def serve(theatre: Theatre) -> tuple[pods.Pod, object]:
    """Run production's own Deployment on this machine and ask it for one prediction."""
    manifest = theatre.clone_of("reconciler") / "manifests/production/churn/deployment.yaml"
    pod = pods.read_pod(manifest.read_bytes())
    root = theatre.root / "pod"
    mounted = root / pod.working_directory / "models/churn"
    mounted.parent.mkdir(parents=True, exist_ok=True)
    extract(theatre, pod.environment["ORDAIN_ARTIFACT"], mounted)
    theatre.say(f"  pod$ {' '.join(pod.words)}")
    with pods.running(pod, root, theatre.environment("reconciler")):
        for kind, path in sorted(pod.probes.items()):
            theatre.say(f"    {kind} GET {path}: {pods.call(pod.port, path)[0]}")
        status, answer = pods.call(pod.port, "/predict", CUSTOMER)
    if status != 200:
        raise UserError(f"the prediction was answered with {status}: {answer}", where="demo / serve")
    return pod, answer


def prediction_id(answer: object) -> str:
    """The id of a friendly answer."""
    return str(answer["id"]) if isinstance(answer, dict) else ""


def first_line(theatre: Theatre, person: str, *words: str) -> None:
    """Run a command whose answer the audience has seen before; its first line is enough."""
    theatre.say(f"  {person}$ {' '.join(words)}")
    theatre.say(f"    {theatre.run(person, *words).output.partition(chr(10))[0]}")


def extract(theatre: Theatre, artifact: str, folder: Path) -> None:
    """What the image volume does in a cluster: the artifact's files, by digest, in a folder."""
    from ordain.adapters.artifacts import Store

    Store(theatre.root / "registry").extract(artifact, folder)


def change_candidate(path: Path, champion: str) -> None:
    """Change one parameter of the champion, whichever candidate won."""
    edits = {
        "logistic-regression": (r"C: 1\.0", "C: 0.5"),
        "random-forest": (r"n_estimators: 200, min", "n_estimators: 220, min"),
        "hist-gradient-boosting": (r"max_iter: 120", "max_iter: 110"),
        "xgboost": (r"n_estimators: 200, max_depth: 3", "n_estimators: 180, max_depth: 3"),
        "neural-network": (r"alpha: 1\.0", "alpha: 2.0"),
    }
    set_parameter(path, *edits[champion])
