"""A stand-in for the part of GitHub that runs workflows: jobs in fresh clones, their `run:` lines by bash."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

# What stands between `uses:` and `@`, and has to be done here for a job to work.
CHECKOUT, UPLOAD, DOWNLOAD = "actions/checkout", "actions/upload-artifact", "actions/download-artifact"
# What they bring is here.
OURS, SETUP = "./.github/actions/ordain", "actions/setup-python"
_CONTEXT = re.compile(r"\b(?:github|needs|matrix|secrets|vars|steps)(?:\.[A-Za-z_][\w-]*)+")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def load(path: Path) -> dict[str, Any]:
    """A workflow; its `on:` key is `True` to YAML 1.1."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


# What puts Ordain onto the runner, as it is here already; tests/e2e/test_reconcile_install.py runs these.
INSTALLS = ("python -m pip install ", "python -m ordain.dependencies")


class Actions:
    """One workflow run after the other, against one origin.

    Args:
        root: an empty folder. origin: the bare repository. environment: what every command sees.
        secrets, variables: of the repository.
    """

    def __init__(
        self, root: Path, origin: Path, environment: Mapping[str, str], secrets: Mapping[str, str],
        variables: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.root, self.origin, self.environment = root, origin, environment
        self.secrets, self.variables = secrets, variables
        self.commands: list[str] = []
        self.answers: list[str] = []
        self.told: list[str] = []
        self.summary = ""
        self.token = ""
        self.artifacts = root
        self.results: dict[str, str] = {}
        self._count = 0

    def run(self, workflow: Path, event: Mapping[str, Any]) -> list[str]:
        """Run every job whose condition holds; the names of those that ran.

        Raises:
            AssertionError: when any failed, with what its command said; the others ran nevertheless.
        """
        self.results, self.answers = {}, []
        outputs: dict[str, dict[str, str]] = {}
        failures = []
        ran: list[str] = []
        self.artifacts = self.root / f"artifacts-{self._count}"
        jobs = load(workflow)["jobs"]
        for name in sorted(jobs, key=lambda each: depth(jobs, each)):
            job = jobs[name]
            context = {
                "github": {
                    "event_name": event["name"], "repository": "acme/shop", "token": self.token, **event
                },
                "needs": {
                    each: {"outputs": outputs[each], "result": self.results[each]} for each in needs(job)
                },
                "secrets": self.secrets, "vars": self.variables,
            }  # fmt: skip
            outputs[name] = {}
            if not holds(job.get("if"), context, [self.results[each] for each in ancestors(jobs, name)]):
                self.results[name] = "skipped"
                continue
            ran.append(name)
            try:
                for matrix in self._matrices(job, context):
                    self._job(name, job, {**context, "matrix": matrix}, outputs[name])
                self.results[name] = "success"
            except AssertionError as failure:
                self.results[name] = "failure"
                failures.append(str(failure))
        assert not failures, "\n".join(failures)
        return ran

    def _matrices(self, job: Mapping[str, Any], context: Mapping[str, Any]) -> list[dict[str, Any]]:
        matrix = job.get("strategy", {}).get("matrix", {})
        rows: list[dict[str, Any]] = [{}]
        for key, values in matrix.items():
            rows = [{**row, key: each} for row in rows for each in value_of(values, context)]
        return rows

    def _job(
        self, name: str, job: Mapping[str, Any], context: dict[str, Any], outputs: dict[str, str]
    ) -> None:
        """A job's steps; what it gives on, which it does where it fails as well, is put into `outputs`."""
        self._count += 1
        here = self.root / f"job-{self._count}-{name}"
        here.mkdir()
        steps: dict[str, Any] = {}
        failure: AssertionError | None = None
        for step in job["steps"]:
            found = {**context, "steps": steps, "failed": failure is not None}
            if not holds(step.get("if"), found, ["failure"] if failure else []):
                continue
            told = {key: text(value, found) for key, value in step.get("with", {}).items()}
            if "uses" in step:
                self._use(step["uses"].partition("@")[0], told, here)
            else:
                variables = {**job.get("env", {}), **step.get("env", {})}
                shown = {key: text(value, found) for key, value in variables.items()}
                steps[step.get("id", "")] = {"outputs": {}}
                try:
                    self._command(step["run"], shown, here, steps[step.get("id", "")]["outputs"])
                except AssertionError as error:
                    failure = failure or error
        for key, value in job.get("outputs", {}).items():
            outputs[key] = text(value, {**context, "steps": steps})
        if failure:
            raise failure

    def _use(self, action: str, told: Mapping[str, str], here: Path) -> None:
        if action == CHECKOUT:
            assert told["persist-credentials"] == "False"
            depth = ["--depth=1"] if told.get("fetch-depth") is None else []
            address = f"file://{self.origin}" if depth else str(self.origin)
            assert told.get("repository", "acme/shop") == "acme/shop"
            place = str(here / told.get("path", "."))
            self._git("clone", "-q", "--no-checkout", *depth, "--no-single-branch", address, place)
            self._git("-C", place, "checkout", "-q", "--detach", self._ref(told["ref"]))
            self._git("-C", place, "remote", "set-url", "origin", str(self.origin))
        elif action == UPLOAD:
            self._upload(told["path"].split(), self.artifacts / told["name"], here)
        elif action == DOWNLOAD:
            flat = "pattern" not in told or told.get("merge-multiple") == "True"
            for found in sorted(self.artifacts.glob(told.get("pattern") or told["name"])):
                shutil.copytree(found, here / told.get("path", ".") / ("" if flat else found.name),
                                dirs_exist_ok=True)  # fmt: skip
        else:
            assert action in {OURS, SETUP}, f"the test does not know {action}"

    def _upload(self, paths: Sequence[str], to: Path, here: Path) -> None:
        """A folder's content; files that are there, below the folder that holds all of what is named."""
        if len(paths) == 1 and (here / paths[0]).is_dir():
            shutil.copytree(here / paths[0], to)
        for path in paths:
            if (here / path).is_file():
                (to / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(here / path, to / path)

    def _ref(self, ref: str) -> str:
        return ref if re.fullmatch("[0-9a-f]{40}", ref) else f"origin/{ref}"

    def _git(self, *words: str) -> None:
        subprocess.run(["git", *words], check=True, capture_output=True, env=dict(self.environment))

    def _command(self, line: str, variables: Mapping[str, str], here: Path, outputs: dict[str, str]) -> None:
        self.commands.append(line)
        if line.startswith(INSTALLS):
            return
        files = {name: self.root / f"{name}-{self._count}" for name in ("OUTPUT", "STEP_SUMMARY")}
        environment = {
            **self.environment, **{key: value for key, value in variables.items() if value},
            **{f"GITHUB_{name}": str(path) for name, path in files.items()},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", line], cwd=here, text=True,
            env=environment, capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.told += [done.stdout, done.stderr]
        lines = files["OUTPUT"].read_text().splitlines() if files["OUTPUT"].is_file() else []
        outputs.update(dict(each.split("=", 1) for each in lines))
        assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        self.answers.append(done.stdout)
        if files["STEP_SUMMARY"].is_file():
            self.summary = files["STEP_SUMMARY"].read_text()


def needs(job: Mapping[str, Any]) -> list[str]:
    """The jobs that one waits for."""
    found = job.get("needs", [])
    return [found] if isinstance(found, str) else list(found)


def depth(jobs: Mapping[str, Any], name: str) -> int:
    """How many jobs in a row one waits for: those that wait for as many run at once, in the file's order."""
    return max((1 + depth(jobs, each) for each in needs(jobs[name])), default=0)


def ancestors(jobs: Mapping[str, Any], name: str) -> set[str]:
    """Every job that one waits for, however indirectly."""
    direct = set(needs(jobs[name]))
    return direct.union(*(ancestors(jobs, each) for each in direct))


def holds(condition: Any, context: Mapping[str, Any], before: Sequence[str]) -> bool:
    """Whether something runs: a condition that asks for no status also asks for success of all before.

    Args:
        before: results of all the jobs that it waits for, however indirectly.
    """
    asks = condition is not None and re.search(r"\b(always|cancelled|failure|success)\(", str(condition))
    if not asks and any(each != "success" for each in before):
        return False
    return condition is None or bool(evaluate(str(condition), context))


def text(value: Any, context: Mapping[str, Any]) -> str:
    """A value with its expressions worked out, as text."""
    return _EXPRESSION.sub(lambda found: _told(evaluate(found[1], context)), str(value))


def _told(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def value_of(value: Any, context: Mapping[str, Any]) -> Any:
    """A value that is one expression, worked out."""
    whole = _EXPRESSION.fullmatch(str(value))
    return evaluate(whole[1], context) if whole else value


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    """An expression of the few forms that these workflows use."""
    code = _CONTEXT.sub(lambda found: f"at({found.group()!r})", " ".join(expression.split()))
    code = re.sub(r"!(?!=)", " not ", code.replace("&&", " and ").replace("||", " or ")).strip()

    def at(path: str) -> Any:
        value: Any = context
        for part in path.split("."):
            value = (value or {}).get(part, "")
        return value

    functions = {
        "at": at, "fromJSON": json.loads, "join": lambda parts, by: by.join(parts), "always": lambda: True,
        "contains": lambda whole, part: part in whole, "cancelled": lambda: False,
        "failure": lambda: bool(context.get("failed")),
    }  # fmt: skip
    return eval(code, {"__builtins__": {}}, functions)
