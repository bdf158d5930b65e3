"""A stand-in for the part of GitLab that runs pipelines: jobs in fresh clones, their lines by bash."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.actions import INSTALLS

# What runners leave as the origin's address; the token in it may read, and not push.
TOKEN_ADDRESS = "https://gitlab-ci-token:glcbt-a-job-s@gitlab.example/acme/shop.git"
_INPUT = re.compile(r"\$\[\[ inputs\.(\w+) \]\]")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_TERM = re.compile(r'\$(\w+) (==|!=) (?:"([^"]*)"|\$(\w+))')


def expand(text: Any, variables: Mapping[str, str]) -> str:
    """A variable's value with the variables in it, unless it says that there are none in it."""
    if isinstance(text, dict):
        return str(text["value"]) if text.get("expand") is False else expand(text["value"], variables)
    return _VARIABLE.sub(lambda found: variables.get(found[1], ""), str(text))


def holds(job: Mapping[str, Any], variables: Mapping[str, str]) -> bool:
    """Whether any of a job's rules does."""
    return "rules" not in job or rule(job, variables) is not None


def rule(job: Mapping[str, Any], variables: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The first of a job's rules that holds."""
    return next((each for each in job.get("rules", []) if _holds(each["if"], variables)), None)


def when(job: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """After which results of the stages before a job runs."""
    found: str = {**job, **(rule(job, variables) or {})}.get("when", "on_success")
    return found


def _holds(condition: str, variables: Mapping[str, str]) -> bool:
    for term in condition.split(" && "):
        found = _TERM.fullmatch(term)
        assert found, f"the test does not know {term}"
        other = variables.get(found[4]) if found[4] else found[3]
        if (variables.get(found[1]) == other) is not (found[2] == "=="):
            return False
    return True


def merged(one: Any, two: Any) -> Any:
    """As `extends` does it: mappings key by key, anything else as the later says."""
    if isinstance(one, dict) and isinstance(two, dict):
        return {**one, **{key: merged(one.get(key), value) for key, value in two.items()}}
    return two


def parts(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header of a pipeline's file, which may be absent, and the rest."""
    *header, content = yaml.safe_load_all(text)
    return (header[0] if header else {}), content


def interpolated(header: Mapping[str, Any], content: Any, given: Mapping[str, str]) -> Any:
    """What a file says with the inputs that a pipeline was started with: text put in after parsing, as it is.

    Inputs that the header does not have, or whose `regex` does not match, start no pipeline.
    """
    declared = header.get("spec", {}).get("inputs", {})
    assert set(given) <= set(declared), "GitLab takes no other inputs"
    values = {name: given.get(name, told["default"]) for name, told in declared.items()}
    for name, told in declared.items():
        assert re.fullmatch(told.get("regex", "(?s).*"), values[name]), name

    def put(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: put(value) for key, value in part.items()}
        if isinstance(part, list):
            return [put(each) for each in part]
        return _INPUT.sub(lambda found: values[found[1]], part) if isinstance(part, str) else part

    return put(content)


def read(text: str, clone: Path, given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A pipeline's file with its inputs and what it includes, every job with what it extends."""
    content: dict[str, Any] = interpolated(*parts(text), given or {})
    for each in content.pop("include", []):
        content = merged(yaml.safe_load((clone / each["local"]).read_text()), content)
    return {name: extended(content, job) if isinstance(job, dict) else job for name, job in content.items()}


def extended(content: Mapping[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    if "extends" not in job:
        return job
    found: dict[str, Any] = merged(extended(content, content[job["extends"]]), job)
    return found


class Pipelines:
    """One pipeline after the other, against one origin.

    Args:
        root: an empty folder. origin: the bare repository. environment: what every command sees.
        variables: of the project. scoped: of its environment `reconcile` alone.
    """

    def __init__(
        self, root: Path, origin: Path, environment: Mapping[str, str], variables: Mapping[str, str],
        scoped: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.root, self.origin, self.environment = root, origin, environment
        self.variables, self.scoped = variables, scoped
        self.commands: list[str] = []
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._count = 0

    def run(
        self, commit: str, told: Mapping[str, str], given: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """A pipeline of a commit, child pipelines included; each job's result.

        Args:
            told: what GitLab says of the occasion. given: inputs.
        """
        self.answers, self.failures, self.commit, self.good = [], [], commit, set[str]()
        self._count += 1
        self.place = self.root / f"pipeline-{self._count}"
        look = self._clone(self.place / "look")
        text = (look / ".gitlab-ci.yml").read_text()
        variables = {
            **self.variables,
            **told,
            "CI_PIPELINE_ID": str(self._count),
            "CI_DEFAULT_BRANCH": "main",
        }
        return self._pipeline(read(text, look, given), variables, self.place / "artifacts")

    def _pipeline(
        self, content: Mapping[str, Any], variables: Mapping[str, str], artifacts: Path
    ) -> dict[str, str]:
        results: dict[str, str] = {}
        shared = content.get("variables", {})
        known = {**{key: expand(text, variables) for key, text in shared.items()}, **variables}
        jobs = {name: job for name, job in content.items() if name[0] != "." and isinstance(job, dict)
                and ("script" in job or "trigger" in job)}  # fmt: skip
        order = content["stages"]
        for name, job in sorted(jobs.items(), key=lambda pair: order.index(pair[1]["stage"])):
            if not holds(job, known):
                continue
            # Of another pipeline's jobs, only those that succeeded give anything away.
            others = {each["job"] for each in job.get("needs", []) if isinstance(each, dict)}
            assert others <= self.good, "GitLab does not start this job"
            before = [each for each in jobs if each in results
                      and order.index(jobs[each]["stage"]) < order.index(job["stage"])]  # fmt: skip
            needed = [each for each in job.get("needs", before) if isinstance(each, str)]
            bad = {results[each] for each in needed} - {"success"}
            last = when(job, variables) == "on_failure"
            if last and "failed" not in bad:
                continue
            if bad and not last and when(job, variables) != "always":
                results[name] = "skipped"
            elif "trigger" in job:
                results |= self._child(name, job, variables, artifacts)
            else:
                mine = {
                    key: expand(text, variables)
                    for key, text in {**shared, **job.get("variables", {})}.items()
                }
                results[name] = self._job(name, job, {**mine, **variables}, artifacts)
                self.good |= {name} if results[name] == "success" else set()
        return results

    def _child(
        self, name: str, job: Mapping[str, Any], variables: Mapping[str, str], artifacts: Path
    ) -> dict[str, str]:
        (included,) = job["trigger"]["include"]
        text = (artifacts / included["job"] / included["artifact"]).read_text()
        told = {key: expand(value, variables) for key, value in job.get("variables", {}).items()}
        child = {**self.variables, **told, "CI_PIPELINE_SOURCE": "parent_pipeline"}
        found = self._pipeline(read(text, self.place / "look"), child, artifacts)
        assert job["trigger"]["strategy"] == "depend"
        worst = "success" if set(found.values()) == {"success"} else "failed"
        return {name: worst, **{f"{name}/{each}": result for each, result in found.items()}}

    def _job(self, name: str, job: Mapping[str, Any], variables: Mapping[str, str], artifacts: Path) -> str:
        here = self._clone(self.place / f"job-{name}")
        for made in sorted(artifacts.glob("*")):
            shutil.copytree(made, here, dirs_exist_ok=True)
        protected = self.scoped if job.get("environment", {}).get("name") == "reconcile" else {}
        page = {"CI_PROJECT_URL": str(self.origin).removesuffix(".git")}  # every job has it, a child's too
        shown = {**self.environment, **page, **variables, **protected}
        lines = [*job.get("before_script", []), *job["script"]]
        good = all(self._line(name, line, shown, here) for line in lines)
        for line in job.get("after_script", []):  # whose own failure changes nothing
            self._line(name, line, shown, here)
        occasion = "on_success" if good else "on_failure"
        self._keep(name, job, shown, (here, artifacts), (occasion, "always"))
        return "success" if good else "failed"

    def _line(self, name: str, line: str, shown: Mapping[str, str], here: Path) -> bool:
        self.commands.append(line)
        if line.startswith(INSTALLS):
            return True
        done = subprocess.run(["bash", "-e", "-c", line], cwd=here, env=shown, text=True,
                              capture_output=True, check=False, stdin=subprocess.DEVNULL)  # fmt: skip
        self.answers.append(done.stdout)
        if done.returncode:
            self.failures.append(f"{name}: {line}: {done.returncode}\n{done.stdout}{done.stderr}")
        return not done.returncode

    def _keep(
        self, name: str, job: Mapping[str, Any], variables: Mapping[str, str], ends: tuple[Path, Path],
        occasions: tuple[str, str],
    ) -> None:  # fmt: skip
        """A job's artifacts, where they are kept on such an occasion. `ends`: its clone, and where to."""
        (here, artifacts), told = ends, job.get("artifacts", {})
        if told.get("when", "on_success") not in occasions:
            return
        for path in (expand(each, variables) for each in told.get("paths", [])):
            target = artifacts / name / path
            if (here / path).exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if (here / path).is_dir() else shutil.copy
                copy(here / path, target)

    def _clone(self, place: Path) -> Path:
        def git(*words: str) -> None:
            subprocess.run(["git", *words], check=True, capture_output=True, env=dict(self.environment))

        git("clone", "-q", "--no-checkout", str(self.origin), str(place))
        git("-C", str(place), "checkout", "-q", "--detach", self.commit)
        git("-C", str(place), "remote", "set-url", "origin", TOKEN_ADDRESS)
        return place
