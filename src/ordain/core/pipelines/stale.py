"""Which stages of a pipeline are behind their declaration, from text alone and without running DVC.

DVC's own dry run leaves out what lies downstream of a stage that has not run yet; this follows the
graph to its end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from ordain.core.escaping import shown
from ordain.core.pipelines.changes import differences
from ordain.core.pipelines.pipeline import UP, is_code_path
from ordain.core.value import Value


class Cause(Value, frozen=True, kw_only=True):
    """One difference between a pipeline and what last ran.

    Attributes:
        kind: `data` and `code` are files that a stage reads; `pipeline` is its shape: a new stage,
            another command.
        name: the parameter's key, the file's path, the stage. sentence: what of it differs.
    """

    kind: Literal["parameter", "data", "code", "pipeline"]
    name: str
    sentence: str


class Stale(Value, frozen=True, kw_only=True):
    """One model whose pipeline would run.

    Attributes:
        stages: what would run, in the order of the file.
        causes: what differs.
        seconds: what the stages took when they last ran, those of `unknown` left out; None when none
            is known.
        unknown: stages that no run has timed yet.
        environments: where the release that comes of it would be pinned.
    """

    model: str
    stages: tuple[str, ...]
    causes: tuple[Cause, ...]
    seconds: float | None = None
    unknown: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    @property
    def why(self) -> tuple[str, ...]:
        """One sentence a cause."""
        return tuple(each.sentence for each in self.causes)


def stale(
    model: str,
    stages: Mapping[str, Mapping[str, Any]],
    lock: Mapping[str, Mapping[str, Any]],
    parameters: Mapping[str, Mapping[str, Any]],
    hashes: Mapping[str, str],
) -> Stale | None:
    """The stages that differ from the lock and all that depend on them; None when none do.

    Args:
        model: its name.
        stages: `stages` of the generated `dvc.yaml`, one entry a stage.
        lock: `stages` of `dvc.lock`; empty when the pipeline never ran.
        parameters: each parameter file's content, by path as `dvc.yaml` names it.
        hashes: MD5 of each dependency that is a file of the repository, by the same path.
    """
    if not lock:
        never = Cause(kind="pipeline", name=model, sentence="the pipeline never ran")
        return Stale(model=model, stages=tuple(stages), causes=(never,))
    causes: list[Cause] = []
    behind: set[str] = set()
    for name, stage in stages.items():
        found = _causes(name, stage, lock.get(name), parameters, hashes)
        if found:
            behind.add(name)
            causes.extend(each for each in found if each not in causes)
    _follow(stages, behind)
    if not behind:
        return None
    return Stale(model=model, stages=tuple(name for name in stages if name in behind), causes=tuple(causes))


def _follow(stages: Mapping[str, Mapping[str, Any]], behind: set[str]) -> None:
    """Add every stage that depends on an output of one that is behind."""
    inputs = {name: {*paths_of(stage, "deps"), *parameter_keys(stage)} for name, stage in stages.items()}
    grew = True
    while grew:
        made = {path for name in behind for path in outputs_of(stages[name])}
        found = {name for name, paths in inputs.items() if name not in behind and made & paths}
        behind |= found
        grew = bool(found)


def ready(stages: Mapping[str, Mapping[str, Any]], behind: Collection[str]) -> tuple[str, ...]:
    """Of the stages that have yet to run, those that wait for none of the others, in file order."""
    made = {path for name in behind for path in outputs_of(stages[name])}
    return tuple(
        name for name, stage in stages.items()
        if name in behind and not made & {*paths_of(stage, "deps"), *parameter_keys(stage)}
    )  # fmt: skip


def paths_of(stage: Mapping[str, Any], key: str) -> list[str]:
    """Paths of `deps`, `outs`, `metrics` or `plots`, whether or not they carry options."""
    return [next(iter(each)) if isinstance(each, Mapping) else str(each) for each in stage.get(key) or []]


def outputs_of(stage: Mapping[str, Any]) -> list[str]:
    """Everything that a stage writes."""
    return [path for key in ("outs", "metrics", "plots") for path in paths_of(stage, key)]


def parameter_keys(stage: Mapping[str, Any]) -> dict[str, list[str]]:
    """The keys that a stage reads, by parameter file; a bare key is one of `params.yaml`."""
    found: dict[str, list[str]] = {}
    for each in stage.get("params") or []:
        files = each if isinstance(each, Mapping) else {"params.yaml": [str(each)]}
        for path, keys in files.items():
            found.setdefault(path, []).extend(keys or [])
    return found


def _causes(
    name: str,
    stage: Mapping[str, Any],
    locked: Mapping[str, Any] | None,
    parameters: Mapping[str, Mapping[str, Any]],
    hashes: Mapping[str, str],
) -> list[Cause]:
    if locked is None:
        return [Cause(kind="pipeline", name=name, sentence=f"stage {name} is new")]
    causes = _parameters(stage, locked, parameters)
    before = {each["path"]: each.get("md5") for each in locked.get("deps") or []}
    wanted = paths_of(stage, "deps")
    if set(wanted) != set(before):
        causes.append(Cause(kind="pipeline", name=name, sentence=f"stage {name} depends on other files"))
    causes.extend(
        file_cause(path.removeprefix(UP))
        for path in wanted
        if path in before and path in hashes and hashes[path] != before[path]
    )
    if stage.get("cmd") != locked.get("cmd"):
        causes.append(Cause(kind="pipeline", name=name, sentence=f"the command of stage {name} changed"))
    return causes


def file_cause(path: str) -> Cause:
    """A file of the repository that changed."""
    kind: Literal["code", "data"] = "code" if is_code_path(path) else "data"
    return Cause(kind=kind, name=path, sentence=f"file {path} changed")


def _parameters(
    stage: Mapping[str, Any], locked: Mapping[str, Any], parameters: Mapping[str, Mapping[str, Any]]
) -> list[Cause]:
    """Declared values that the lock does not hold; a file that a stage writes is judged by its stage."""
    causes: list[Cause] = []
    for path, keys in parameter_keys(stage).items():
        if path in parameters:
            before = (locked.get("params") or {}).get(path) or {}
            after = {key: _lookup(parameters[path], key) for key in keys}
            causes += [
                Cause(
                    kind="parameter",
                    name=each.key,
                    sentence=f"parameter {each.key}: {shown(each.before)} -> {shown(each.after)}",
                )
                for each in differences(before, after, "parameter")
            ]
    return causes


def _lookup(values: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key; None where there is none."""
    head, _, rest = key.partition(".")
    inner = values.get(head)
    if not rest:
        return inner
    return _lookup(inner, rest) if isinstance(inner, Mapping) else None
