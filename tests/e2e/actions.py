"""A stand-in for the part of GitHub that runs workflows: jobs in fresh clones, their `run:` lines by bash."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

# What stands between `uses:` and `@`, and has to be done here for a job to work.
CHECKOUT, UPLOAD, DOWNLOAD, OURS = (
    "actions/checkout", "actions/upload-artifact", "actions/download-artifact", "./.github/actions/ordain",
)  # fmt: skip
_CONTEXT = re.compile(r"\b(?:github|needs|matrix|secrets|vars|steps)(?:\.[A-Za-z_][\w-]*)+")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def load(path: Path) -> dict[str, Any]:
    """A workflow; its `on:` key is `True` to YAML 1.1."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


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
        self.ran: list[str] = []
        self.answers: list[str] = []
        self.summary = ""
        self._count = 0

    def run(self, workflow: Path, event: Mapping[str, Any]) -> list[str]:
        """Run every job whose condition holds; their names. A command that fails ends the test."""
        self.ran, self.answers = [], []
        outputs: dict[str, dict[str, str] | None] = {}
        artifacts = self.root / f"artifacts-{self._count}"
        for name, job in load(workflow)["jobs"].items():
            needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            context = {
                "github": {"event_name": event["name"], "repository": "acme/shop", "token": "", **event},
                "needs": {each: {"outputs": outputs[each]} for each in needed},
                "secrets": self.secrets, "vars": self.variables,
            }  # fmt: skip
            if any(outputs[each] is None for each in needed) or not self._holds(job.get("if"), context):
                outputs[name] = None
                continue
            outputs[name] = {}
            for matrix in self._matrices(job, context):
                outputs[name] = self._job(name, job, {**context, "matrix": matrix}, artifacts)
            self.ran.append(name)
        return self.ran

    def _matrices(self, job: Mapping[str, Any], context: Mapping[str, Any]) -> list[dict[str, Any]]:
        matrix = job.get("strategy", {}).get("matrix", {})
        rows: list[dict[str, Any]] = [{}]
        for key, values in matrix.items():
            rows = [{**row, key: each} for row in rows for each in self._value(values, context)]
        return rows

    def _job(
        self, name: str, job: Mapping[str, Any], context: dict[str, Any], artifacts: Path
    ) -> dict[str, str]:
        self._count += 1
        here = self.root / f"job-{self._count}-{name}"
        here.mkdir()
        steps: dict[str, Any] = {}
        for step in job["steps"]:
            found = {**context, "steps": steps}
            if not self._holds(step.get("if"), found):
                continue
            told = {key: self._text(value, found) for key, value in step.get("with", {}).items()}
            if "uses" in step:
                self._use(step["uses"].partition("@")[0], told, here, artifacts)
            else:
                variables = {**job.get("env", {}), **step.get("env", {})}
                shown = {key: self._text(value, found) for key, value in variables.items()}
                steps[step.get("id", "")] = {"outputs": self._command(step["run"], shown, here)}
        return {key: self._text(value, {**context, "steps": steps})
                for key, value in job.get("outputs", {}).items()}  # fmt: skip

    def _use(self, action: str, told: Mapping[str, str], here: Path, artifacts: Path) -> None:
        if action == CHECKOUT:
            assert told["persist-credentials"] == "False"
            depth = ["--depth=1"] if told.get("fetch-depth") is None else []
            address = f"file://{self.origin}" if depth else str(self.origin)
            self._git("clone", "-q", "--no-checkout", *depth, "--no-single-branch", address, str(here))
            self._git("-C", str(here), "checkout", "-q", "--detach", self._ref(told["ref"]))
            self._git("-C", str(here), "remote", "set-url", "origin", str(self.origin))
        elif action == UPLOAD:
            shutil.copytree(here / told["path"], artifacts / told["name"])
        elif action == DOWNLOAD:
            for found in sorted(artifacts.glob(told.get("pattern") or told["name"])):
                shutil.copytree(found, here / told["path"] / (found.name if "pattern" in told else ""),
                                dirs_exist_ok=True)  # fmt: skip
        else:
            assert action == OURS, f"the test does not know {action}"

    def _ref(self, ref: str) -> str:
        return ref if re.fullmatch("[0-9a-f]{40}", ref) else f"origin/{ref}"

    def _git(self, *words: str) -> None:
        subprocess.run(["git", *words], check=True, capture_output=True, env=dict(self.environment))

    def _command(self, line: str, variables: Mapping[str, str], here: Path) -> dict[str, str]:
        self.commands.append(line)
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
        assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        self.answers.append(done.stdout)
        if files["STEP_SUMMARY"].is_file():
            self.summary = files["STEP_SUMMARY"].read_text()
        lines = files["OUTPUT"].read_text().splitlines() if files["OUTPUT"].is_file() else []
        return dict(each.split("=", 1) for each in lines)

    def _holds(self, condition: Any, context: Mapping[str, Any]) -> bool:
        return condition is None or bool(self._evaluate(str(condition), context))

    def _text(self, value: Any, context: Mapping[str, Any]) -> str:
        return _EXPRESSION.sub(lambda found: str(self._evaluate(found[1], context)), str(value))

    def _value(self, value: Any, context: Mapping[str, Any]) -> Any:
        whole = _EXPRESSION.fullmatch(str(value))
        return self._evaluate(whole[1], context) if whole else value

    def _evaluate(self, text: str, context: Mapping[str, Any]) -> Any:
        """An expression of the few forms that these workflows use."""
        code = _CONTEXT.sub(lambda found: f"at({found.group()!r})", " ".join(text.split()))
        code = code.replace("&&", " and ").replace("||", " or ").strip()

        def at(path: str) -> Any:
            value: Any = context
            for part in path.split("."):
                value = (value or {}).get(part, "")
            return value

        names = {"at": at, "fromJSON": json.loads, "join": lambda parts, by: by.join(parts)}
        return eval(code, {"__builtins__": {}}, names)
