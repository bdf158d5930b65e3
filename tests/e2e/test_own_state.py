"""This repository is an instance of itself; what it says can be proven from a clone, offline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ORDAIN = (sys.executable, "-c", "from ordain.cli.main import main; main()")


def git(*words: str, cwd: Path = ROOT) -> str:
    return subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What anybody gets who clones the checked-out commit."""
    if git("rev-parse", "--is-shallow-repository") == "true":
        pytest.skip("the history is cut off here (a shallow clone), so it can't be proven")
    head, folder = git("rev-parse", "HEAD"), tmp_path_factory.mktemp("own") / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(ROOT), str(folder)], check=True)
    git("update-ref", "refs/remotes/origin/main", head, cwd=folder)
    git("checkout", "--quiet", "-B", "main", head, cwd=folder)
    return folder


def run(clone: Path, *words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, *ORDAIN, *words], cwd=clone, capture_output=True, text=True, check=False,
        env={**os.environ, "ORDAIN_STORE": str(clone / "nothing-here")},
    )  # fmt: skip


def test_the_declared_state_is_sound(clone: Path) -> None:
    found = run(clone, "check")
    assert found.returncode == 0, found.stdout


def test_every_proof_holds_with_networking_off(clone: Path) -> None:
    fence = ("unshare", "-rn")
    fenced = shutil.which("unshare") is not None
    fenced = fenced and subprocess.run([*fence, "true"], capture_output=True, check=False).returncode == 0
    done = run(clone, "verify", "--all", "--json", before=fence if fenced else ())
    assert done.returncode == 0, done.stdout
    proofs = json.loads(done.stdout)["proofs"]
    held = {proof["link"] for proof in proofs if proof["outcome"] == "ok"}
    assert held >= {
        "data",
        "code",
        "lock",
        "release",
        "ledger",
        "policy",
        "approval",
        "judgement",
        "manifest",
    }
    assert not [proof for proof in proofs if proof["outcome"] == "FAILED"]


def test_what_runs_in_production_is_explained(clone: Path) -> None:
    passport = run(clone, "why", "churn@production")
    assert passport.returncode == 0, passport.stderr
    assert "signed by approver" in passport.stdout
    rows = json.loads(run(clone, "status", "--json").stdout)["standings"]
    assert {(row["environment"], row["running"]) for row in rows} >= {("production", "churn@1")}


# Where one byte is changed in a commit of somebody's, and the link that must be named, with its file.
FLIPS = [
    ("data/telco_churn.csv", "data", "data/telco_churn.csv"),
    ("pipelines/churn/dvc.lock", "lock", "pipelines/churn/dvc.lock"),
    ("pipelines/churn/gates.json", "lock", "pipelines/churn/dvc.lock"),
    ("releases/churn/1.yaml", "release", "releases/churn/1.yaml"),
    ("manifests/ledger/00000001.json", "ledger", "manifests/ledger/00000001.json"),
    ("manifests/ledger/00000002.json", "ledger", "manifests/ledger/00000002.json"),
    ("manifests/production/churn/deployment.yaml", "manifest", "production/churn"),
    ("manifests/staging/_shared/namespace.yaml", "manifest", "staging/_shared"),
    ("manifests/production/_admitted/configmap.yaml", "manifest", "production/_admitted"),
]


@pytest.mark.parametrize(("path", "link", "name"), FLIPS, ids=lambda each: str(each).rpartition("/")[2])
def test_a_flipped_byte_is_found_and_its_link_named(
    clone: Path, tmp_path: Path, path: str, link: str, name: str
) -> None:
    copy = tmp_path / "clone"
    shutil.copytree(clone, copy, symlinks=True)
    data = bytearray((copy / path).read_bytes())
    value = {"release": b"sha256:", "lock": b"md5: "}.get(link, b"")
    place = max(data.find(value, len(data) // 2), 0) + len(value) if value in data else len(data) // 2
    while data[place] not in b"abcdef0123456789":
        place += 1
    data[place] ^= 1
    (copy / path).write_bytes(bytes(data))
    person = ("-c", "user.name=Eve", "-c", "user.email=eve@x.example", "-c", "commit.gpgsign=false")
    git(*person, "commit", "--quiet", "--all", "--message", "Nothing to see", cwd=copy)
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=copy)
    done = run(copy, "verify", "--all", "--json")
    assert done.returncode == 1, done.stdout
    failures = [each for each in json.loads(done.stdout)["proofs"] if each["outcome"] == "FAILED"]
    assert any(each["link"] == link and name in each["what"] for each in failures), failures


def test_a_flipped_byte_of_an_artifact_is_found(clone: Path, tmp_path: Path) -> None:
    release = yaml.safe_load((clone / "releases/churn/1.yaml").read_bytes())
    blob = tmp_path / "blobs/sha256" / release["artifact"].removeprefix("sha256:")
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b'{"schemaVersion":2}')
    manifest = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": release["artifact"], "size": 19
    }  # fmt: skip
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    environment = {**os.environ, "ORDAIN_STORE": str(tmp_path)}
    done = subprocess.run(
        [*ORDAIN, "verify", "--json"], cwd=clone, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 1, done.stdout
    failures = [each for each in json.loads(done.stdout)["proofs"] if each["outcome"] == "FAILED"]
    assert [each["link"] for each in failures] == ["artifact"]
    assert release["artifact"] in failures[0]["what"]


@pytest.mark.parametrize("genesis", ["0" * 40, "HEAD"])
def test_another_root_of_trust_is_named(clone: Path, genesis: str) -> None:
    root = git("rev-list", "--max-parents=0", "HEAD", cwd=clone)
    expected = git("rev-parse", "HEAD", cwd=clone) if genesis == "HEAD" else genesis
    done = run(clone, "verify", "--root", expected)
    assert done.returncode == 1
    assert f"trust should begin at {expected}" in done.stdout
    assert run(clone, "verify", "--root", root).returncode == 0


def test_the_champion_is_good_enough(clone: Path) -> None:
    gates = json.loads((clone / "pipelines/churn/gates.json").read_text("utf-8"))
    assert gates["metrics"]["roc_auc"] >= 0.83
