"""`ordain run` with the real stages on a small synthetic model: what two clones must agree on."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from ordain.adapters import dvc
from ordain.core.yaml import yaml12
from ordain.errors import UserError
from ordain.services.training.run import run

ROOT = Path(__file__).parents[2]
MODEL = {
    "owner": "retention",
    "description": "Who leaves, with ${x} in it.",
    "task": "binary",
    "risk": "low",
    "data": {
        "source": {"path": "data/rows.csv"},
        "target": "left",
        "positive": "Yes",
        "sensitive": ["sex"],
        "columns": {
            "left": {"type": "string", "categories": ["No", "Yes"]},
            "sex": {"type": "string", "categories": ["a", "b"], "personal": True},
            "plan": {"type": "string", "categories": ["${basic}", "1e-05", "on"]},
            "age": {"type": "integer", "min": 0, "max": 120},
            "spent": {"type": "number", "nullable": True},
        },
    },
    "split": {"holdout": 0.3, "salt": "s"},
    "selection": {"metric": "roc_auc", "folds": 3},
    "gates": {"quality": [{"metric": "roc_auc", "min": 0.55}], "size": {"max_mb": 5}},
}
CANDIDATES = {
    "linear": {
        "estimator": "sklearn.linear_model.LogisticRegression",
        "parameters": {"C": 1.0, "max_iter": 500},
    },
    "boosted": {
        "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
        "parameters": {"max_iter": 5, "max_leaf_nodes": 4},
    },
}


class Silent:
    """Shows nothing."""

    def note(self, text: str) -> None:
        pass

    def total(self, stages: int) -> None:
        pass

    def stage(self, model: str, stage: str, state: dvc.State) -> None:
        pass


def rows(count: int) -> str:
    chance = random.Random(7)
    lines = ["left,sex,plan,age,spent"]
    for _ in range(count):
        age, spent, plan = (
            chance.randint(18, 90),
            chance.random() * 100,
            chance.choice(["${basic}", "1e-05", "on"]),
        )
        left = chance.random() < 0.15 + 0.5 * (plan == "on") + 0.003 * spent
        shown = "" if chance.random() < 0.05 else f"{spent:.2f}"
        lines.append(f"{'Yes' if left else 'No'},{chance.choice('ab')},{plan},{age},{shown}")
    return "\n".join(lines) + "\n"


def declare(root: Path, candidates: dict[str, object]) -> None:
    models = {"version": 1, "renderer": 1, "models": {"churn": MODEL}}
    (root / "models.yaml").write_text(json.dumps(models))
    params = {"version": 1, "seed": 1, "candidates": {"churn": candidates}}
    (root / "params.yaml").write_text(json.dumps(params))


def git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    shutil.copytree(ROOT / "stages", root / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "data").mkdir()
    (root / "data/rows.csv").write_text(rows(400))
    (root / ".gitignore").write_text(".ordain/local/\n__pycache__/\n")
    policy = {**yaml.safe_load((ROOT / "policy.yaml").read_bytes()), "waivers": []}
    (root / "policy.yaml").write_text(json.dumps(policy))
    (root / "environments").mkdir()
    for path in (ROOT / "environments").iterdir():
        content = {**yaml.safe_load(path.read_bytes()), "models": {}}
        (root / "environments" / path.name).write_text(json.dumps(content))
    declare(root, dict(CANDIDATES))
    git(root, "init", "-q")
    git(root, "config", "user.email", "a@example.org")
    git(root, "config", "user.name", "A")
    return root


@pytest.mark.slow
def test_two_clones_give_the_same_metrics_and_artifact(repo: Path, tmp_path: Path) -> None:
    first = run(repo, [], 1, Silent()).models[0]
    assert len(first.ran) == 11
    assert run(repo, [], 1, Silent()).models[0].ran == []
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "run")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repo), str(clone))
    second = run(clone, [], 1, Silent()).models[0]
    assert "export" in second.ran
    assert git(clone, "status", "--porcelain") == "", "every record and lock came out as committed"
    assert (second.champion, second.looks) == (first.champion, 1)
    for path in ("export/model.onnx", "artifact/index.json", "data/train.parquet"):
        assert (clone / "pipelines/churn" / path).read_bytes() == (
            repo / "pipelines/churn" / path
        ).read_bytes()
    gates = json.loads((repo / "pipelines/churn/gates.json").read_bytes())
    assert {each["outcome"] for each in gates["verdicts"]} <= {"pass", "fail", "insufficient"}
    lock = yaml12.load((repo / "pipelines/churn/dvc.lock").read_bytes())["stages"]["ingest"]["params"]
    assert lock["params.yaml"]["data.columns"]["plan"]["categories"] == ["${basic}", "1e-05", "on"]

    losing = "linear" if first.champion == "boosted" else "boosted"
    changed = json.loads(json.dumps(CANDIDATES))
    changed[losing]["parameters"].update({"C": 0.01} if losing == "linear" else {"max_iter": 3})
    declare(repo, changed)
    assert run(repo, [], 1, Silent()).models[0].ran == [f"train-{losing}", f"evaluate-{losing}", "select"]

    changed["linear"]["parameters"]["max_iter"] = 1
    declare(repo, changed)
    with pytest.raises(UserError) as caught:
        run(repo, [], 1, Silent())
    assert caught.value.where == "churn / train / linear / params.yaml"
    assert "did not converge" in caught.value.what
    assert "max_iter" in caught.value.fix
