"""From a CSV that nobody described to a first `dvc repro`, a release and manifests, without an edit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CASES = {
    "tumours": (datasets.load_breast_cancer, "malignant", "binary"),
    "wines": (datasets.load_wine, "cultivar", "multiclass"),
    "diabetes": (datasets.load_diabetes, "progression", "regression"),
}


def table(name: str) -> Any:
    """A data set that ships with scikit-learn, made as untidy as real ones are."""
    load, target, task = CASES[name]
    frame = load(as_frame=True).frame.rename(columns={"target": target})
    frame.columns = [each.replace(" ", "_").replace("/", "_") for each in frame.columns]
    if task == "multiclass":
        frame[target] = frame[target].map({0: "Grüner Veltliner", 1: "葡萄酒", 2: "Côtes ☕"})
    random = np.random.default_rng(0)
    rows = len(frame)
    first = "Größe (年)/m"
    frame = frame.rename(columns={frame.columns[0]: first})
    frame.loc[random.choice(rows, rows // 20, replace=False), first] = np.nan
    frame["seen_on"] = [f"2026-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(rows)]
    frame["remark"] = [f"a note of some words about number {n % 60} here" for n in range(rows)]
    frame["shelf"] = [f"shelf-{n % 45}" for n in range(rows)]
    frame["site"] = random.choice(["north", "south", "east"], rows)
    frame["all_same"] = 1
    return frame


class Shop:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "home").mkdir()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", root / "home/key"], check=True)
        key = root / "home/key.pub"
        (root / "home/.gitconfig").write_text(
            f"[user]\n\tname = Ann Lee\n\temail = ann@x.example\n\tsigningkey = {key}\n"
            "[gpg]\n\tformat = ssh\n[commit]\n\tgpgsign = true\n"
        )

    def run(self, *words: str, where: str = "shop", code: int = 0) -> str:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ORDAIN_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**kept, "HOME": str(self.root / "home"), "GIT_CONFIG_NOSYSTEM": "1", "PATH": path}
        done = subprocess.run(
            words, cwd=self.root / where, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.mark.parametrize("name", list(CASES))
def test_a_csv_becomes_a_running_declaration(name: str, tmp_path: Path) -> None:
    _, target, task = CASES[name]
    shop = Shop(tmp_path)
    table(name).to_csv(tmp_path / f"{name}.csv", index=False)
    words = ("--name", name, "--data", f"{name}.csv", "--target", target, "--origin", "shop.git", "--yes")
    said = shop.run("ordain", "init", "shop", *words, where=".")
    assert f"the task is {task}" in said
    for column, reason in {
        "seen_on": "it is a date",
        "remark": "it is free text",
        "shelf": "it has 45 categories",
        "all_same": "it never varies",
    }.items():
        assert f"`{column}` is left out: {reason}" in said
    assert "`site` is left out" not in said
    shop.run("ordain", "check")
    shop.run("dvc", "repro")
    # Plain `dvc repro` ran everything that Ordain knows of.
    assert "0 stages would run" in shop.run("ordain", "affected")
    shop.run("ordain", "run")
    shop.run("ordain", "release")
    shop.run("ordain", "check")
    shop.run("ordain", "score", f"pipelines/{name}/artifact", f"data/{name}.csv", "../scores.csv")
    assert (tmp_path / "scores.csv").read_text("utf-8").count("\n") == len(table(name)) + 1
    plan = shop.run("ordain", "plan", "--format", "markdown", code=2)
    assert f"{name}@1" in plan
    assert "kind: Deployment" in plan
    shop.run("git", "add", "--all")
    shop.run("git", "commit", "-q", "-m", f"Declare {name}")
    again = shop.run("ordain", "init", "shop", *words, where=".")
    assert "wrote" not in again
    assert shop.run("git", "status", "--porcelain") == ""
