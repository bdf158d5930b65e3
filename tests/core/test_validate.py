"""One broken file a rule: the golden file shows the very lines that a person would read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from ordain.core import metrics
from ordain.core.canonical import bytes_digest
from ordain.core.gating.release import Champion, DataRecord, Release, encode
from ordain.core.problems import Problem
from ordain.core.specs.governance import EXAMPLE_KEYS
from ordain.core.specs.parts import Part
from ordain.core.state.instance import load
from ordain.core.state.validate_data import has_credentials
from ordain.core.state.validate_structure import structure
from ordain.core.yaml.yamldoc import read_yaml
from ordain.learn.metrics import MEASURES

GOLDEN = Path(__file__).parent / "golden"
M, P, Y = "models.yaml", "params.yaml", "policy.yaml"
S, R = "environments/staging.yaml", "environments/production.yaml"
REPLICAS = "replicas: {min: 2, max: 4}"
GATE = "{metric: roc_auc, min: 0.7}"
LEFT = '{type: string, categories: ["No", "Yes"]}'
FEATURES = """\
        female: {type: boolean, personal: true}
        tenure: {type: integer, min: 0, max: 120}
        charges: {type: number, nullable: true}
"""
FAIRNESS = """\
      fairness:
        - {column: female, metric: demographic_parity_difference, max: 0.2, rationale: Before.}
"""
CANDIDATES = """
    logistic-regression:
      estimator: sklearn.linear_model.LogisticRegression
      parameters: {C: 1.0}
    boosted-trees:
      estimator: xgboost.XGBClassifier
"""
DANAS_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"
BATCH = (
    'mode: batch\n      batch: {schedule: "30 4 * * *", input: "file:///srv/data/in.parquet", '
    'output: "file:///srv/data/out.parquet", claim: data}'
)
WATCH = 'watch: {schedule: "30 4 * * *", log: file:///srv/data/log, claim: data}}'
# Expected codes, file, what is replaced, and by what.
CASES: list[tuple[str, str, str, str]] = [
    # Shape
    ("unknown-key", M, "replicas:", "replica:"),
    ("unknown-key", M, "owner: retention", "owner: retention\n    zzz: 1"),
    ("unknown-key", M, "owner: retention", "ownr: retention"),
    ("unknown-key", M, "selection: {metric: roc_auc}", "selection: {metric: roc_auc, metrics: 1}"),
    ("missing-key", M, "    owner: retention\n", ""),
    ("missing-key", M, "version: 1\n", ""),
    ("malformed", M, "owner: retention", "owner: Retention Team"),
    ("malformed", M, "owner: retention", "owner: 'Émilie'"),
    ("malformed", M, "  churn:\n    owner", '  "churn\\n":\n    owner'),
    ("malformed", P, "logistic-regression:", "Logistic_Regression:"),
    ("malformed", P, "estimator: xgboost.XGBClassifier", "estimator: xgboost"),
    ("malformed", M, "{path: data/churn.csv}", '{url: "https://user:hunter2@x y"}'),
    ("not-allowed", M, "task: binary", "task: binry"),
    ("not-allowed", M, "task: binary", "task: 3"),
    ("not-allowed", M, "version: 1", "version: 2"),
    ("not-allowed", M, "version: 1", "version: true"),
    ("not-allowed", M, "version: 1", "version: 1.0"),
    ("not-allowed", M, "id: customer", "id: {derive: feature}"),
    ("wrong-type", M, "id: customer", "id: {derive: 3}"),
    ("wrong-type", M, "id: customer", "id: 3"),
    ("wrong-type", M, "selection: {metric: roc_auc}", "selection: {metric: roc_auc, folds: 5.0}"),
    ("wrong-type", M, "selection: {metric: roc_auc}", 'selection: {metric: roc_auc, folds: "5"}'),
    ("wrong-type", M, "calibration: {max: 0.1}", "calibration: 0.1"),
    ("wrong-type", M, "sensitive: [female]", "sensitive: female"),
    ("wrong-type", M, "sensitive: [female]", "sensitive: {female: true}"),
    ("wrong-type", M, "selection: {metric: roc_auc}", "selection:"),
    ("wrong-type", M, 'positive: "Yes"', "positive: true"),
    ("wrong-type", M, "nullable: true", "nullable: [1]"),
    ("wrong-type", M, "nullable: true", 'nullable: "true"'),
    ("wrong-type", M, "{min: 2, max: 4}", "[2, 4]"),
    ("out-of-range", M, "selection: {metric: roc_auc}", "selection: {metric: roc_auc, folds: 50}"),
    ("out-of-range", M, "{min: 2, max: 4}", "{min: 0, max: 4}"),
    ("out-of-range", M, "    selection:", "    split: {holdout: 1}\n    selection:"),
    ("out-of-range", M, "    selection:", "    split: {holdout: 0}\n    selection:"),
    ("out-of-range", M, "description: Who is about to leave.", f"description: {'x' * 501}"),
    ("out-of-range", Y, "reason: Too few women in the sample.", "reason: Too few"),
    ("empty", M, "id: customer", "id: {derive: []}"),
    ("empty", M, "quality:\n        - " + GATE, "quality: []"),
    ("empty", P, CANDIDATES, " {}\n"),
    ("bare-boolean bare-boolean", M, '["No", "Yes"]', "[No, Yes]"),
    ("bare-boolean", M, 'positive: "Yes"', "positive: Yes"),
    ("number-as-text", M, "{max: 0.1}", "{max: 1e-1}"),
    ("bare-date", Y, '"2027-01-31"', "2027-01-31"),
    ("duplicate-key", M, "owner: retention", "owner: retention\n    owner: sales"),
    ("alias", M, "{path: data/churn.csv}", "&a {path: *a}"),
    ("yaml-syntax", Y, "rules:", "rules: ]"),
    ("empty-file", P, "", ""),
    # Data
    ("source", M, "{path: data/churn.csv}", "{}"),
    ("source", M, "{path: data/churn.csv}", '{path: data/a.csv, url: "s3://a/b"}'),
    ("malformed", M, "data/churn.csv", "../churn.csv"),
    ("malformed", M, "data/churn.csv", "/etc/passwd"),
    ("malformed", M, "data/churn.csv", "-rf"),
    ("malformed", M, "data/churn.csv", "'data\\churn.csv'"),
    ("malformed", M, "data/churn.csv", "data/../../churn.csv"),
    ("malformed", M, "data/churn.csv", "data/.git/config"),
    ("malformed", M, "data/churn.csv", '"data/churn.csv\\n"'),
    ("secret", M, "{path: data/churn.csv}", '{url: "https://ada:hunter2@example.org/a.csv"}'),
    ("secret", M, "{path: data/churn.csv}", '{url: "https://example.org/a.csv?X-Amz-Signature=abc"}'),
    ("local-url", M, "{path: data/churn.csv}", '{url: "file:///etc/passwd"}'),
    ("local-url", M, "{path: data/churn.csv}", '{url: "zip://a.csv::file:///etc/x.zip"}'),
    ("look-alike", M, "        charges:", "        tenurе: {type: integer}\n        charges:"),
    ("look-alike", M, "        charges:", "        fеmale: {type: boolean}\n        charges:"),
    ("unknown-column", M, "target: left", "target: lefft"),
    ("unknown-column", M, "id: customer", "id: custommer"),
    ("unknown-column", M, "id: customer", "id: {derive: [tenure, income]}"),
    ("unknown-column not-sensitive", M, "sensitive: [female]", "sensitive: [sex]"),
    ("target-as-id", M, "id: customer", "id: left"),
    ("repeated", M, "sensitive: [female]", "sensitive: [female, female]"),
    ("sensitive-target", M, "sensitive: [female]", "sensitive: [female, left]"),
    ("sensitive-without-groups", M, "sensitive: [female]", "sensitive: [female, charges]"),
    ("min-above-max", M, "min: 0, max: 120", "min: 121, max: 120"),
    ("bound-beyond-graph", M, "min: 0, max: 120", "min: 0, max: 1.0e+39"),
    ("bound-on-text", M, "boolean, personal: true", "boolean, max: 1"),
    ("categories-on-number", M, "type: number", 'type: number, categories: ["1"]'),
    ("empty", M, "type: string, feature: false", "type: string, feature: false, categories: []"),
    ("repeated", M, '["No", "Yes"]', '["No", "Yes", "No"]'),
    ("target-nullable", M, LEFT, '{type: string, nullable: true, categories: ["No", "Yes"]}'),
    ("target-type", M, LEFT, "{type: number}"),
    ("target-categories", M, LEFT, "{type: string}"),
    ("target-categories", M, '["No", "Yes"]', '["Maybe", "No", "Yes"]'),
    ("target-categories", M, "task: binary", "task: multiclass"),
    ("positive", M, '      positive: "Yes"\n', ""),
    ("positive", M, 'positive: "Yes"', 'positive: "yes"'),
    ("positive", M, 'positive: "Yes"', 'positive: "Quit"'),
    ("positive", M, LEFT, "{type: boolean}"),
    ("no-feature", M, FEATURES,
     "        female: {type: boolean, feature: false}\n"),
    # Selection, gates, deployment
    ("unknown-metric", M, "selection: {metric: roc_auc}", "selection: {metric: roc_acu}"),
    ("unknown-metric", M, "selection: {metric: roc_auc}", "selection: {metric: rmse}"),
    ("unknown-metric", M, GATE, "{metric: profit, min: 0.7}"),
    ("unknown-metric", M, "non_inferiority: {metric: roc_auc", "non_inferiority: {metric: auc"),
    ("gate-without-bound", M, GATE, "{metric: roc_auc}"),
    ("gate-bound", M, GATE, "{metric: roc_auc, max: 0.7}"),
    ("gate-bound", M, GATE, "{metric: log_loss, min: 0.7}"),
    ("min-above-max", M, GATE, "{metric: roc_auc, min: 0.7, max: 0.6}"),
    ("repeated", M, GATE, GATE + "\n        - {metric: roc_auc, min: 0.6}"),
    ("unknown-column unknown-gate", M, "column: female", "column: femal"),
    ("not-sensitive unknown-gate", M, "column: female", "column: tenure"),
    ("repeated", M, "      fairness:\n", FAIRNESS),
    ("min-above-max", M, "{min: 2, max: 4}", "{min: 5, max: 4}"),
    ("request-above-limit request-above-limit", M, REPLICAS,
     'resources: {requests: {cpu: "2", memory: 1Gi}, limits: {cpu: 1500m, memory: 512Mi}}'),
    ("out-of-range out-of-range", M, REPLICAS,
     'resources: {requests: {cpu: "0", memory: 1Ki}, limits: {cpu: "0", memory: 512Mi}}'),
    # Forms, jobs, GitOps
    ("batch-missing", M, REPLICAS, "mode: batch"),
    ("other-mode", M, REPLICAS, BATCH.replace("mode: batch", "mode: edge")),
    ("other-mode other-mode", M, REPLICAS, "mode: edge\n      platform: kserve\n      rollout: canary"),
    ("out-of-range", M, REPLICAS, "rollout: canary\n      canary: {percent: 100}"),
    ("no-claim no-claim", M, REPLICAS, BATCH.replace(", claim: data", "")),
    ("no-claim", M, REPLICAS, BATCH.replace("srv/data/in", "etc/in")),
    ("no-claim", M, REPLICAS, BATCH.replace("data/in", "data/../in")),
    ("no-network", M, REPLICAS, BATCH.replace("file:///srv/data/in", "s3://bucket/in")),
    ("no-network secret", M, REPLICAS, BATCH.replace("file:///srv/data/in", "s3://a:b@bucket/in")),
    ("shard-missing", M, REPLICAS, BATCH.replace("in.parquet", "in-{shard}.parquet")
     .replace("claim: data", "claim: data, shards: 3")),
    ("shard-without-shards", M, REPLICAS, BATCH.replace("in.parquet", "in-{shard}.parquet")),
    ("placeholder", M, REPLICAS, BATCH.replace("in.parquet", "in-{date}.parquet")),
    ("placeholder", M, REPLICAS, BATCH.replace("in.parquet", "in-{.parquet")),
    ("repeated", M, REPLICAS, BATCH.replace("out.parquet", "in.parquet")),
    ("repeated", M, REPLICAS, BATCH.replace("in.parquet", "out.parquet.rejects.jsonl")),
    ("format repeated", M, REPLICAS, BATCH.replace("in.parquet", "out.parquet.report.json")),
    ("format", M, REPLICAS, BATCH.replace("in.parquet", "in.xlsx")),
    ("format", M, REPLICAS, BATCH.replace("in.parquet", "in.parquet.gz")),
    ("format", M, REPLICAS, BATCH.replace("out.parquet", "out.csv.gz")),
    ("format", M, REPLICAS, BATCH.replace("out.parquet", "out.pq")),
    ("read-only no-network", M, REPLICAS, BATCH.replace("file:///srv/data/out", "https://example.org/out")),
    ("kept-answer", M, REPLICAS, BATCH.replace("claim: data", "claim: data, keep: [id, label]")),
    ("kept-answer", M, REPLICAS, BATCH.replace("claim: data", "claim: data, keep: [p_Yes]")),
    ("schedule", M, REPLICAS, BATCH.replace("30 4 * * *", "61 4 * * *")),
    ("schedule", M, REPLICAS, BATCH.replace("30 4 * * *", "30 9-4 * * *")),
    ("schedule", M, REPLICAS, BATCH.replace("30 4 * * *", "30 4 * * 7")),
    ("schedule", M, REPLICAS, BATCH.replace("30 4 * * *", "*/0 4 * * *")),
    ("malformed", M, REPLICAS, BATCH.replace("30 4 * * *", "@daily")),
    ("malformed", M, REPLICAS, BATCH.replace("claim: data", "allow_to: [10.0.0.0]")),
    ("watch-without-log", M, REPLICAS, REPLICAS + "\n    monitoring: {prediction_log: false, " + WATCH),
    ("no-network", M, REPLICAS, REPLICAS + "\n    monitoring: {" + WATCH.replace("file:///srv/data", "gs://b")),
    ("no-network", M, REPLICAS, REPLICAS + "\n    monitoring: {"
     + WATCH.replace("claim: data", "claim: data, labels: {url: gs://b/labels.jsonl}")),
    ("gitops-without-tool", M, "version: 1\n",
     "version: 1\ngitops: {repository: https://example.org/team/models.git}\n"),
    ("malformed", M, "version: 1\n",
     "version: 1\ngitops: {repository: https://user:hunter2@example.org/team/models.git, flux: {}}\n"),
    ("malformed", M, "version: 1\n",
     "version: 1\ngitops: {repository: https://example.org/a.git, branch: ../live, flux: {}}\n"),
    # Candidates
    ("no-candidate unknown-model", P, "candidates:\n  churn:", "candidates:\n  chrun:"),
    ("unknown-model", P, "candidates:\n", "candidates:\n  fees: {a: {estimator: xgboost.XGBRegressor}}\n"),
    ("estimator", P, "xgboost.XGBClassifier", "os.system"),
    ("estimator", P, "xgboost.XGBClassifier", "xgbost.XGBClassifier"),
    ("estimator", P, "xgboost.XGBClassifier", "sklearn.__builtins__.eval"),
    ("estimator", P, "xgboost.XGBClassifier", "sklearn._config.get_config"),
    # Environments
    ("reserved-name", S, "namespace: ml-staging", "namespace: kube-system"),
    ("reserved-name", S, "namespace: ml-staging", "namespace: kube-models"),
    ("repeated", S, "namespace: ml-staging", "namespace: ml-production"),
    ("unknown-environment", R, "promotes_from: staging", "promotes_from: stagng"),
    ("promotion-cycle", R, "promotes_from: staging", "promotes_from: production"),
    ("promotion-cycle promotion-cycle", S, "models: {}", "models: {}\npromotes_from: production"),
    ("several-first-environments several-first-environments", R, "promotes_from: staging\n", ""),
    ("unknown-model unknown-release", S, "models: {}", "models: {chrn: {release: 1}}"),
    ("unknown-release", S, "models: {}", "models: {churn: {release: 9}}"),
    ("malformed", S, "@sha256:", ":latest@sha256:0"),
    ("malformed", S, "registry: registry.example/models", "registry: https://registry.example"),
    # Policy
    ("unknown-environment", Y, "environments: [staging]", "environments: [stagin]"),
    ("unknown-model", Y, "environments: [staging]", "models: [chrn]"),
    ("unknown-role", Y, "{reviewer: 2}", "{reviewr: 2}"),
    ("unknown-role", Y, "changes: {risk-officer: 1}", "changes: {reviewr: 1}"),
    ("unmeetable-rule", Y, "changes: {risk-officer: 1}", "changes: {owner: 1}"),
    ("unmeetable-rule", Y, "  - approvals: {reviewer: 2}", "  - approvals: {owner: 1}"),
    ("unmeetable-rule", Y, "  - approvals: {reviewer: 2}", "  - models: [churn]\n    approvals: {owner: 1}"),
    ("unknown-model", Y, "waivers:", "owners: {chur: [mei]}\nwaivers:"),
    ("unknown-person", Y, "waivers:", "owners: {churn: [mey]}\nwaivers:"),
    ("reserved-role", Y, "roles: [reviewer]", "roles: [reviewer, owner]"),
    ("revoked-key", Y, "waivers:",
     f'revoked: ["{DANAS_KEY}"]\nwaivers:'),
    ("malformed", Y, "waivers:", "revoked: [mei]\nwaivers:"),
    ("key-unreadable", Y, "waivers:", 'revoked: ["ssh-ed25519 AAAA"]\nwaivers:'),
    ("unmeetable-rule", Y, "{reviewer: 2}", "{reviewer: 3}"),
    ("unmeetable-rule", Y, "{reviewer: 1, risk-officer: 1}", "{reviewer: 2, risk-officer: 1}"),
    ("unmeetable-rule unmeetable-rule unmeetable-rule", Y, "name: Mei", "name: Mei\n    bot: true"),
    ("unmeetable-rule", Y, "changes:", "rollback: {risk-officer: 2}\nchanges:"),
    ("unknown-model", Y, "{model: churn,", "{model: chur,"),
    ("unknown-gate", Y, "fairness.female", "fairness.femal"),
    ("unknown-gate", Y, "fairness.female", "latency"),
    ("not-a-date", Y, "2027-01-31", "2027-02-30"),
    ("malformed", Y, "2027-01-31", "31.1.2027"),
    ("malformed", Y, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB dana",
     "ssh-ed25519 AAAAB3NzaC1yc2E="),
    ("malformed", Y, "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB dana", "AAAAC"),
    ("shared-key", Y, "AAAB dana", "AAAC dana"),
    ("shared-account", Y, "emails: [mei@example.org]", "emails: [mei@example.org, DANA@example.org]"),
    ("insecure-key", Y, "people:", "forge: github\npeople:"),
    ("malformed", Y, "repository: local/example", "repository: ../example"),
    ("malformed", Y, "repository: local/example", "repository: local/example\nbranch: a..b"),
    ("malformed", Y, "repository: local/example", "repository: local/example\nbranch: main.lock"),
]  # fmt: skip


def broken(files: dict[str, bytes], file: str, old: str, new: str) -> dict[str, bytes]:
    text = files[file].decode()
    if (old, new) == ("", ""):
        return {**files, file: b"# nothing\n"}
    assert old in text, f"{old!r} is not in {file}"
    if "forge: github" in new:
        key = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"
        text = text.replace(key, min(EXAMPLE_KEYS))
    return {**files, file: text.replace(old, new, 1).encode()}


def told(problem: Problem) -> str:
    place = f"{problem.file}:{problem.line}:{problem.column}"
    return f"{place}  {problem.key}  {problem.message}\n    {problem.code}: {problem.suggestion}"


def problems(files: Mapping[str, bytes]) -> tuple[Problem, ...]:
    return load(files).problems


def test_the_state_without_a_fault_has_no_problem(state_files: dict[str, bytes]) -> None:
    assert problems(state_files) == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}: {case[3][:30]!r}")
def test_each_rule_gives_its_problems_and_no_other(
    case: tuple[str, str, str, str], state_files: dict[str, bytes]
) -> None:
    codes, file, old, new = case
    found = problems(broken(state_files, file, old, new))
    assert sorted(each.code for each in found) == sorted(codes.split()), [told(each) for each in found]


def test_the_words_are_those_of_the_golden_file(
    state_files: dict[str, bytes], golden: Callable[[Path, bytes], None]
) -> None:
    """Every problem as it is printed: file, line, column, key, message, code and suggestion."""
    parts = []
    for _, file, old, new in CASES:
        found = problems(broken(state_files, file, old, new))
        parts.append("\n".join([f"# {file}: {old!r} -> {new[:80]!r}", *map(told, found), ""]))
    golden(GOLDEN / "problems.txt", "\n".join(parts).encode())


def test_no_message_holds_a_password(state_files: dict[str, bytes]) -> None:
    for url in (
        "https://ada:hunter2@x y", "https://ada:hunter2@example.org/a", "s3://a/b?token=hunter2",
        "ada:hunter2@example.org/a", "https:/ada:hunter2@example.org/a",
    ):  # fmt: skip
        found = problems(broken(state_files, M, "{path: data/churn.csv}", f'{{url: "{url}"}}'))
        assert found
        assert "hunter2" not in repr(found)


def test_the_seven_faults_of_one_file_come_at_once(state_files: dict[str, bytes]) -> None:
    text = state_files[M].decode()
    for old, new in (
        ("replicas:", "replica:"), ("owner: retention", "owner: Retention"), ("risk: high", "risk: hi"),
        ("max: 120", "max: many"), ('positive: "Yes"', "positive: Yes"),
        ("0.02", "-1"), ("0.7}", "0.7, x: 1}"),
    ):  # fmt: skip
        text = text.replace(old, new, 1)
    found = problems({**state_files, M: text.encode()})
    assert [each.line for each in found] == sorted(each.line for each in found)
    assert Counter(each.code for each in found) == {
        "unknown-key": 2, "malformed": 1, "not-allowed": 1, "wrong-type": 1, "bare-boolean": 1,
        "out-of-range": 1,
    }  # fmt: skip


def as_task(
    files: dict[str, bytes], task: str, target: str, changes: tuple[tuple[str, str], ...]
) -> set[str]:
    text = files[M].decode().replace("task: binary", f"task: {task}").replace(LEFT, target)
    for old, new in changes:
        text = text.replace(old, new)
    policy = files[Y].decode().partition("waivers:")[0]
    return {each.code for each in problems({**files, M: text.encode(), Y: policy.encode()})}


def test_a_regression_has_no_labels(state_files: dict[str, bytes]) -> None:
    metric = ("roc_auc, min: 0.7", "r2, min: 0.1"), ("roc_auc", "rmse")
    assert as_task(state_files, "regression", "{type: number}", metric) == {"positive", "gate-for-other-task"}
    text = as_task(state_files, "regression", "{type: string}", metric)
    assert text == {"positive", "gate-for-other-task", "target-type"}
    gone = ('      positive: "Yes"\n', ""), ("      calibration: {max: 0.1}\n", "")
    gate = "      fairness:\n        - {column: female, metric: equal_opportunity_difference, max: 0.2, "
    fairness = (gate + "rationale: Equal care.}\n", "")
    assert as_task(state_files, "regression", "{type: number}", (*metric, *gone, fairness)) == set()


def test_several_classes_may_have_a_positive_one(state_files: dict[str, bytes]) -> None:
    three = '{type: string, categories: ["No", "Perhaps", "Yes"]}'
    assert as_task(state_files, "multiclass", three, ()) == set()
    without = ('      positive: "Yes"\n', "")
    assert as_task(state_files, "multiclass", three, (without,)) == {"gate-for-other-task"}


def test_a_boolean_target_needs_no_categories(state_files: dict[str, bytes]) -> None:
    assert as_task(state_files, "binary", "{type: boolean}", (('"Yes"', '"True"'),)) == set()
    assert as_task(state_files, "binary", "{type: integer}", (('"Yes"', '"1"'),)) == set()
    assert as_task(state_files, "binary", "{type: boolean}", (('positive: "Yes"', ""),)) == {"positive"}


def test_an_id_of_all_features_and_a_gate_with_both_bounds_are_fine(state_files: dict[str, bytes]) -> None:
    text = state_files[M].decode().replace("id: customer", "id: {derive: features}")
    text = text.replace(GATE, "{metric: roc_auc, min: 0.7, max: 0.99}")
    assert problems({**state_files, M: text.encode()}) == ()


def test_every_optional_gate_can_be_waived(state_files: dict[str, bytes]) -> None:
    text = state_files[M].decode() + "    monitoring: {prediction_log: false}\n"
    text = text.replace(
        "      calibration:", "      latency: {p99_ms: 5}\n      size: {max_mb: 1}\n      calibration:"
    )
    for gate in ("latency", "size", "parity", "calibration", "quality.roc_auc", "non_inferiority.roc_auc"):
        policy = state_files[Y].replace(b"fairness.female", gate.encode())
        assert problems({**state_files, M: text.encode(), Y: policy}) == ()
    bare = text.replace("      non_inferiority: {metric: roc_auc, margin: 0.02}\n", "")
    assert problems({**state_files, M: bare.encode()}) == ()


def test_names_that_are_reserved_or_too_long(state_files: dict[str, bytes]) -> None:
    name = "m" + "o" * 38 + "l"
    environment = state_files[S].replace(b"models: {}", f"models: {{{name}: {{release: 1}}}}".encode())
    files = {
        **{path: data.replace(b"  churn:", f"  {name}:".encode()) for path, data in state_files.items()},
        "environments/a-rather-long-name-of-a-place.yaml": environment.replace(b"staging", b"place")
        + b"promotes_from: production\n",
        "environments/ledger.yaml": state_files[R].replace(b"ml-production", b"ml-ledger"),
        Y: state_files[Y].partition(b"waivers:")[0],
    }
    assert [each.code for each in problems(files)] == ["name-too-long", "unknown-release", "reserved-name"]


def record(number: int = 1, model: str = "churn") -> Release:
    any_digest = bytes_digest(b"")
    draft = Release(
        model=model,
        number=number,
        training_slice=any_digest,
        parameters=any_digest,
        code=any_digest,
        lock=any_digest,
        data=DataRecord(
            source=any_digest,
            rows=any_digest,
            train=any_digest,
            holdout=any_digest,
            row_count=9,
            holdout_count=2,
        ),
        champion=Champion(candidate="a", estimator="xgboost.XGBClassifier", metric="roc_auc", score=0.8),
        artifact=any_digest,
        artifact_bytes=1,
        metrics={"roc_auc": 0.8},
        verdicts=(),
        looks=1,
    )
    return msgspec.structs.replace(draft, digest=draft.computed_digest())


def test_a_record_must_be_what_it_was(state_files: dict[str, bytes]) -> None:
    good = msgspec.yaml.encode(record(2))
    files = {**state_files, S: state_files[S].replace(b"models: {}", b"models: {churn: {release: 2}}")}
    assert problems({**files, "releases/churn/2.yaml": good}) == ()
    assert load({**files, "releases/churn/2.yaml": good}).instance is not None
    edited = problems({**files, "releases/churn/2.yaml": good.replace(b"0.8", b"0.9", 1)})
    assert [each.code for each in edited] == ["release-edited"]
    moved = problems({**state_files, "releases/pricing/3.yaml": good})
    assert [each.code for each in moved] == ["release-path", "release-path"]
    pinned = problems({**state_files, "releases/churn/2.yaml": good, S: files[S].replace(b": 2", b": 7")})
    assert [each.suggestion for each in pinned] == ["the latest records are 2"]


def test_the_advice_on_a_pin_does_not_lead_in_a_circle(state_files: dict[str, bytes]) -> None:
    """A model was renamed: its pin is of another model now, and no verb works until that is gone."""
    kept = encode(record(model="chrn"))
    pin = "models: {chrn: {release: 1}}"
    files = {**broken(state_files, S, "models: {}", pin), "releases/chrn/1.yaml": kept}
    (found,) = problems(files)
    assert (found.code, "did you mean" in found.suggestion) == ("unknown-model", False)
    assert found.suggestion.startswith("remove the pin")
    (found,) = problems(broken(state_files, S, "models: {}", "models: {churn: {release: 1}}"))
    assert found.suggestion.startswith("remove the pin, then: ordain run")


def test_the_metrics_are_those_that_learn_computes() -> None:
    assert {task: set(metrics.metrics_of(task)) for task in MEASURES} == {
        task: set(known) for task, known in MEASURES.items()
    }
    assert all(each.meaning for each in metrics.METRICS.values())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket/a.csv", False),
        ("https://example.org/a@b.csv", False),
        ("https://example.org/a.csv?version=3&keyword=x", False),
        ("https://token@example.org/a.csv", True),
        ("https://:pw@example.org", True),
        ("https://example.org/a.csv?sig=x", True),
        ("https://example.org/a.csv?v=1&AccessKeyId=x", True),
        ("https://example.org/a.csv#access_token=x", True),
    ],
)
def test_credentials_in_a_url(url: str, expected: bool) -> None:
    assert has_credentials(url) is expected


class Odd(Part, frozen=True, kw_only=True):
    """A type that says more than its schema."""

    pair: tuple[int, int] = (0, 0)
    odd: int = 1
    either: int | list[int] = 1
    twelve: int = 12

    def __post_init__(self) -> None:
        if self.odd % 2 == 0:
            raise ValueError("this is even")


def test_what_only_the_type_knows_is_still_said() -> None:
    assert [each.message for each in structure(read_yaml("x", b"odd: 2\n"), Odd)[1]] == ["this is even"]
    assert structure(read_yaml("x", b"odd: 2\npair: [~, Yes]\n"), Odd)[1] != []
    assert structure(read_yaml("x", b"odd: 3\npair: [1, 2]\n"), Odd)[0] == Odd(odd=3, pair=(1, 2))
    (long,) = structure(read_yaml("x", b"pair: [1, 2, 3]\n"), Odd)[1]
    assert long.message == "needs at most 2 items, has 3"
    assert structure(read_yaml("x", b"pair: [Yes, 2]\n"), Odd) == (None, [])


class Limited(Part, frozen=True, kw_only=True):
    """A keyword that no declared type uses."""

    even: int


def test_a_keyword_without_words_of_its_own_has_jsonschemas(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {"type": "object", "properties": {"even": {"multipleOf": 2}}}
    monkeypatch.setattr("ordain.core.state.validate_structure.schema_of", lambda _: schema)
    (problem,) = structure(read_yaml("x", b'even: "1"\nodd: 1\n'), Limited)[1]
    assert problem.code == "invalid"
    (problem,) = structure(read_yaml("x", b"even: 1.0\n"), Limited)[1]
    assert problem.message == "1.0 is not a multiple of 2"
