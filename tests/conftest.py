"""What all tests share: a fence around the machine's own settings, golden files, a small valid state."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ordain.core.data import addresses

MODELS = """\
version: 1
renderer: 1
models:
  churn:
    owner: retention
    description: Who is about to leave.
    task: binary
    risk: high
    data:
      source: {path: data/churn.csv}
      target: left
      positive: "Yes"
      id: customer
      sensitive: [female]
      columns:
        customer: {type: string, feature: false}
        left: {type: string, categories: ["No", "Yes"]}
        female: {type: boolean, personal: true}
        tenure: {type: integer, min: 0, max: 120}
        charges: {type: number, nullable: true}
    selection: {metric: roc_auc}
    gates:
      quality:
        - {metric: roc_auc, min: 0.7}
      non_inferiority: {metric: roc_auc, margin: 0.02}
      calibration: {max: 0.1}
      fairness:
        - {column: female, metric: equal_opportunity_difference, max: 0.2, rationale: Equal care.}
    deploy:
      replicas: {min: 2, max: 4}
"""
PARAMS = """\
version: 1
candidates:
  churn:
    logistic-regression:
      estimator: sklearn.linear_model.LogisticRegression
      parameters: {C: 1.0}
    boosted-trees:
      estimator: xgboost.XGBClassifier
"""
POLICY = """\
version: 1
repository: local/example
people:
  dana:
    name: Dana
    emails: [dana@example.org]
    roles: [reviewer]
    keys:
      - {key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB dana"}
  mei:
    name: Mei
    emails: [mei@example.org]
    roles: [reviewer, risk-officer]
collectors:
  - {key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC"}
rules:
  - approvals: {reviewer: 2}
    environments: [staging]
  - approvals: {reviewer: 1, risk-officer: 1}
    environments: [production]
changes: {risk-officer: 1}
waivers:
  - {model: churn, gate: fairness.female, reason: Too few women in the sample., expires: "2027-01-31"}
"""
ENVIRONMENT = """\
version: 1
namespace: ml-staging
registry: registry.example/models
runtime:
  image: registry.example/runtime@sha256:0000000000000000000000000000000000000000000000000000000000000000
models: {}
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Write golden files anew instead of comparing them."
    )


def pytest_configure() -> None:
    """No test reads the settings of whoever runs it, and stores need no network."""
    for name in [each for each in os.environ if each.startswith(("GIT_", "ORDAIN_"))]:
        del os.environ[name]
    addresses.REMOTE |= {"memory"}  # objects in memory stand for those of a store
    os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "DVC_NO_ANALYTICS": "1"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that workers who share them end together.

    Long are those which run Git, DVC and servers; the hundred files of the core are quick, and fill the gaps.
    """
    core = Path(__file__).parent / "core"
    for item in items:
        # What is covered must not hang on what a generator came upon, and tracing triples their time.
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")
    items.sort(key=lambda item: (core in item.path.parents, item.path.parent.name != "services"))


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Nothing that a generated test left in a cache keeps the next test from running the lines behind it."""
    if item.get_closest_marker("no_cover"):
        for name in [each for each in sys.modules if each.startswith("ordain.core.")]:
            for value in list(vars(sys.modules[name]).values()):
                if callable(getattr(value, "cache_clear", None)):
                    value.cache_clear()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, bytes], None]:
    """Compares bytes with a committed file; `pytest --update-golden` writes the file instead."""
    update = bool(request.config.getoption("--update-golden"))

    def compare(path: Path, data: bytes) -> None:
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        text, expected = data.decode(), path.read_bytes().decode() if path.exists() else ""
        assert text == expected, f"{path.name} is out of date: pytest --update-golden, then read the change"

    return compare


@pytest.fixture(scope="session")
def state_files() -> dict[str, bytes]:
    """A small declared state without a problem: one model, two environments, no release. Copy to change."""
    production = ENVIRONMENT.replace("staging", "production") + "promotes_from: staging\n"
    texts = {
        "models.yaml": MODELS,
        "params.yaml": PARAMS,
        "policy.yaml": POLICY,
        "environments/staging.yaml": ENVIRONMENT,
        "environments/production.yaml": production,
    }
    return {path: text.encode() for path, text in texts.items()}
