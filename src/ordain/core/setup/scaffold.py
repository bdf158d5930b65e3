"""The files of a new Ordain repository, as text: what `ordain init` writes and what it guesses."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from ordain.core.pipelines.dvcconfig import with_remote
from ordain.core.pipelines.pipeline import DVC_FILES
from ordain.core.specs.parts import Part
from ordain.core.yaml import yamldump

# The kind of task that a person may ask for; how many classes there are, the data says.
Kind = Literal["classification", "regression"]
# The place-holder of a registry that nobody has named yet.
REGISTRY = "registry.example/models"
MODELINE = "# yaml-language-server: $schema={}.ordain/schemas/{}.schema.json\n"

CANDIDATES: dict[str, dict[str, Any]] = {
    "classification": {
        "logistic-regression": {
            "estimator": "sklearn.linear_model.LogisticRegression",
            "parameters": {"C": 1.0, "max_iter": 1000},
        },
        "random-forest": {
            "estimator": "sklearn.ensemble.RandomForestClassifier",
            "parameters": {"n_estimators": 100, "min_samples_leaf": 5},
        },
        "hist-gradient-boosting": {
            "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
            "parameters": {"learning_rate": 0.06, "max_iter": 120, "max_leaf_nodes": 15},
        },
    },
    "regression": {
        "ridge": {"estimator": "sklearn.linear_model.Ridge", "parameters": {"alpha": 1.0}},
        "random-forest": {
            "estimator": "sklearn.ensemble.RandomForestRegressor",
            "parameters": {"n_estimators": 100, "min_samples_leaf": 5},
        },
        "hist-gradient-boosting": {
            "estimator": "sklearn.ensemble.HistGradientBoostingRegressor",
            "parameters": {"learning_rate": 0.06, "max_iter": 120, "max_leaf_nodes": 15},
        },
    },
}

# Better than chance, no more: the first run shows what the data can support, and a reviewer raises it.
METRIC = {"binary": "roc_auc", "multiclass": "balanced_accuracy", "regression": "r2"}
STEP = 0.2

# Lines that a repository needs there; a file that people brought keeps its own lines and gets these.
GITIGNORE = ".venv/\n__pycache__/\n.ordain/local/\n.*.ordain-tmp\n"
# What is held to its bytes. Git for Windows gives files other line ends unless it is told not to.
_BYTES = (
    *(
        "/.dvc/**",
        "/.github/**",
        "/.gitlab/**",
        "/.gitlab-ci.yml",
        "/.ordain/**",
        "/data/**",
        "/manifests/**",
    ),
    *("/pipelines/**", "/releases/**", "/stages/**", "/dvc.lock", "/dvc.yaml", "/requirements-training.txt"),
)
GITATTRIBUTES = (
    "# Bytes that are compared or that digests are taken of: no line ends of one system's own.\n"
    + "".join(f"{each} -text\n" for each in _BYTES)
    + "# Never splice two runs of one model: a lock is rerun, not merged.\npipelines/*/dvc.lock -merge\n"
)


class Person(Part, frozen=True, kw_only=True):
    """Whoever runs `ordain init`: the first person in the policy."""

    id: str
    name: str
    email: str
    key: str


class Draft(Part, frozen=True, kw_only=True):
    """A first model: its name, its data file inside the repository, and what was guessed of it.

    Attributes:
        heading: what the file calls the target.
        compared: sensitive columns that get a fairness gate.
    """

    name: str
    source: dict[str, Any]
    target: str
    heading: str
    task: str
    positive: str | None
    id: str | None
    sensitive: tuple[str, ...]
    compared: tuple[str, ...] = ()
    columns: dict[str, dict[str, Any]]


def dump(value: Any) -> str:
    """YAML in reading order: outer mappings as blocks, the innermost on one line."""
    return yamldump.dump(value, default_flow_style=None, width=100, allow_unicode=plainly_printable(value))


def plainly_printable(value: Any) -> bool:
    """Whether no text in it holds a character (such as NEL) that YAML or an editor takes for a line end."""
    if isinstance(value, Mapping):
        return all(plainly_printable(each) for pair in value.items() for each in pair)
    if isinstance(value, list | tuple):
        return all(plainly_printable(each) for each in value)
    return not isinstance(value, str) or value.isprintable()


def indented(text: str, by: int) -> str:
    """Every line moved right."""
    return "".join(" " * by + line + "\n" for line in text.rstrip("\n").split("\n"))


def environments(registry: str, image: str) -> dict[str, bytes]:
    """Staging, and production after it."""
    files = {}
    for name, before in (("staging", None), ("production", "staging")):
        content = {
            "version": 1,
            "namespace": f"ml-{name}",
            **({"promotes_from": before} if before else {}),
            "registry": registry,
            "runtime": {"image": image, "pull_secrets": ["registry"]},
            "allow_from": ["gateway"],
            "models": {},
        }
        text = MODELINE.format("../", "environment") + dump(content)
        files[f"environments/{name}.yaml"] = text.encode()
    return files


BOT = "ordain-bot"
BOT_EMAIL = "ordain-bot@users.noreply.ordain.dev"


class Robots(Part, frozen=True, kw_only=True):
    """Public keys of what acts for nobody: the collector records decisions, the bot commits runs."""

    collector: str
    bot: str


def policy(repository: str, branch: str, forge: str, people: Sequence[Person], robots: Robots) -> bytes:
    """A policy with reviewers in it, of whom each can approve what the others contributed, and the bot, who
    never can."""
    content = {
        "version": 1,
        "repository": repository,
        "branch": branch,
        "forge": forge,
        "people": {
            **{
                each.id: {
                    "name": each.name,
                    "emails": [each.email],
                    "roles": ["reviewer"],
                    "keys": [{"key": each.key}],
                }
                for each in people
            },
            BOT: {
                "name": "Ordain Bot",
                "emails": [BOT_EMAIL],
                "bot": True,
                "keys": [{"key": robots.bot}],
            },
        },
        "collectors": [{"key": robots.collector}],
        "rules": [{"approvals": {"reviewer": 1}}],
        "changes": {"reviewer": 1},
        "waivers": [],
    }
    comment = (
        "# Who decides. Nobody can approve what they contributed, so it takes two people: once a policy\n"
        "# with two of them is committed, a change of it needs the approval that `changes` asks for.\n"
    )
    return (MODELINE.format("", "policy") + comment + dump(content)).encode()


def person_id(name: str, taken: Collection[str]) -> str:
    """A person's key in the policy, by their name, which nobody else has."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].strip("-")
    plain = plain if plain[:1].isalpha() else f"person-{plain}".strip("-")
    number, found = 1, plain
    while found in taken or found == BOT:
        number += 1
        found = f"{plain}-{number}"
    return found


def empty_models(renderer: int, gitops: Mapping[str, Any] | None = None) -> bytes:
    """`models.yaml` before the first model."""
    text = "# What each model is. The candidates that compete for it are in params.yaml.\n"
    told = dump({"gitops": dict(gitops)}) if gitops else ""
    head = f"version: 1\nrenderer: {renderer}\n{told}models: {{}}\n"
    return (MODELINE.format("", "models") + text + head).encode()


def dvc_config(remote: str | None) -> bytes:
    """`.dvc/config` with the remote that holds data and outputs; without one, what DVC needs anyhow."""
    plain = DVC_FILES[".dvc/config"]
    return plain if remote is None else with_remote(plain.decode(), remote).encode()


def with_lines(text: str, needed: str) -> str:
    """A text that has every line that is needed, at its end where it had not."""
    missing = [each for each in needed.splitlines() if each not in text.splitlines()]
    start = text if text.endswith("\n") or not text else text + "\n"
    return start + "".join(f"{each}\n" for each in missing) if missing else text


def empty_params() -> bytes:
    """`params.yaml` before the first model."""
    text = "# How candidates are trained; all of a model's candidates are compared by cross-validation.\n"
    return (MODELINE.format("", "params") + text + "version: 1\nseed: 0\ncandidates: {}\n").encode()


def model_block(draft: Draft, owner: str) -> dict[str, Any]:
    """The entry of `models.yaml` for a draft."""
    data: dict[str, Any] = {"source": draft.source, "target": draft.target}
    if draft.positive is not None:
        data["positive"] = draft.positive
    data["id"] = draft.id or {"derive": "features"}
    if draft.sensitive:
        data["sensitive"] = list(draft.sensitive)
    data["columns"] = draft.columns
    metric = METRIC[draft.task]
    gates: dict[str, Any] = {"quality": [{"metric": metric, "min": least(draft)}]}
    gates["non_inferiority"] = {"metric": metric, "margin": 0.02}
    if draft.task == "binary" and draft.compared:
        gates["fairness"] = [fairness(column) for column in draft.compared]
    gates["size"] = {"max_mb": 50}
    return {
        "owner": owner,
        "description": f"Predicts {draft.heading}.",
        "task": draft.task,
        "risk": "medium",
        "data": data,
        "selection": {"metric": metric},
        "gates": gates,
    }


def least(draft: Draft) -> float:
    """The first quality gate: `STEP` of the way from chance to perfect. (ROC AUC of chance is 1/2, balanced
    accuracy one by the number of classes, R² 0.)"""
    classes = len(draft.columns[draft.target].get("categories", ())) or 2
    chance = {"binary": 0.5, "multiclass": 1 / classes, "regression": 0.0}[draft.task]
    return round(chance + STEP * (1 - chance), 2)


def fairness(column: str) -> dict[str, Any]:
    """A draft gate for a column that looks sensitive; its bound is a person's to decide."""
    return {
        "column": column,
        "metric": "equal_opportunity_difference",
        "max": 0.2,
        "min_group": 50,
        "rationale": "Drafted from the column's name; decide the bound before relying on it.",
    }


def candidates_block(task: str) -> dict[str, Any]:
    """Three candidates that suit any table: linear, forest, boosting."""
    return CANDIDATES["regression" if task == "regression" else "classification"]


def add_entry(text: str, key: str, name: str, block: Mapping[str, Any]) -> str:
    """`text` with one more entry under a top-level mapping, comments and layout kept.

    Raises:
        ValueError: when the mapping is neither empty (`key: {}`) nor the last of the file.
    """
    entry = indented(dump({name: dict(block)}), 2)
    empty = re.compile(rf"^{key}: \{{\}}[ \t]*$", re.MULTILINE)
    if empty.search(text):
        return empty.sub(lambda _: f"{key}:\n{entry.rstrip()}", text, count=1)
    top_level = re.findall(r"^([A-Za-z_]+):", text, re.MULTILINE)
    if not top_level or top_level[-1] != key:
        raise ValueError(f"`{key}` is not the last key of the file, so an entry can't be appended to it")
    return text.rstrip("\n") + "\n" + entry
