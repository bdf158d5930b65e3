"""The door to the declared state: files in, one instance or every problem out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ordain.core.gating.release import Release
from ordain.core.problems import Problem
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Environment, Policy
from ordain.core.specs.parts import NAME_PATTERN
from ordain.core.specs.spec import Models, Params
from ordain.core.state.declared import (
    MODELS,
    PARAMS,
    POLICY,
    Declared,
    Instance,
    environment_path,
    release_path,
)
from ordain.core.state.salvage import salvage
from ordain.core.state.validate import validate, validate_models, validate_rest
from ordain.core.state.validate_structure import structure
from ordain.core.yaml.yamldoc import Document, read_yaml
from ordain.core.yaml.yamlscalars import Fault
from ordain.errors import UserError

__all__ = [
    "STATE_PATHS",
    "Instance",
    "Loaded",
    "assembled",
    "environment_path",
    "is_state_path",
    "load",
    "read_instance",
    "release_path",
    "sound_models",
    "sound_part",
]

# Files, and folders (with a final slash), that hold the declared state.
STATE_PATHS = (MODELS, PARAMS, POLICY, "environments/", "releases/")
FIRST_RENDERER = 1

_ENVIRONMENT = re.compile(r"environments/(?P<name>[^/]+)\.yaml")
_RELEASE = re.compile(r"releases/(?P<model>[^/]+)/(?P<number>[^/]+)\.yaml")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_TOP: dict[str, type[Struct]] = {MODELS: Models, PARAMS: Params, POLICY: Policy}
_ENDINGS = (".yaml", ".yml")
_MISSPELT = tuple(name.replace(".yaml", ".yml") for name in _TOP)
# Faults that say that something is not there, and the file or folder where it would be.
_RESTS_ON = {
    "no-candidate": PARAMS,
    "several-first-environments": "environments/",
    "unknown-environment": "environments/",
    "unknown-gate": MODELS,
    "unknown-model": MODELS,
    "unknown-release": "releases/",
}


class Loaded(Struct, frozen=True, kw_only=True):
    """What `load` found.

    Attributes:
        instance: None when some file could not be read as what it should be.
        problems: every one, sorted by file and line.
        documents: the files as read, for finding places.
    """

    instance: Instance | None
    problems: tuple[Problem, ...] = ()
    documents: Mapping[str, Document] = {}


def is_state_path(path: str) -> bool:
    """Whether a path holds declared state, or would if it were named as it should be."""
    folders = ("environments/", "releases/")
    return path in _TOP or path in _MISSPELT or (path.startswith(folders) and path.endswith(_ENDINGS))


def load(files: Mapping[str, bytes]) -> Loaded:
    """Read and check everything declared. Never raises, whatever the bytes are.

    Args:
        files: bytes by path in the repository; paths that hold no declared state are passed over.
            Without `models.yaml` and `params.yaml` the instance has no models; `policy.yaml` must
            be there.
    """
    documents: dict[str, Document] = {}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for path in sorted(filter(is_state_path, files)):
        misnamed = _misnamed(path)
        if misnamed:
            problems.append(misnamed)
            values[path.removesuffix(".yml") + ".yaml" if path.endswith(".yml") else path] = None
            continue
        document = read_yaml(path, files[path])
        value, faults = structure(document, _type_of(path))
        documents[path], values[path] = document, None if document.problems else value
        problems += [*document.problems, *faults]
    if POLICY not in values:
        fault = Fault("missing-file", "there is no policy.yaml: nobody may decide anything", "ordain init .")
        problems.append(Document(file=POLICY).at_value((), fault))
    if problems:
        problems += _beyond(documents, values)
        return Loaded(instance=None, problems=tuple(sorted(problems)), documents=documents)
    instance = _assemble(values)
    found = validate(Declared(instance=instance, documents=documents))
    return Loaded(instance=instance, problems=tuple(sorted(found)), documents=documents)


def read_instance(files: Mapping[str, bytes]) -> Instance:
    """The instance that these files declare.

    Raises:
        UserError: reason `state-invalid`; names the first problem and how many there are.
    """
    loaded = load(files)
    if loaded.instance is not None and not loaded.problems:
        return loaded.instance
    first, count = loaded.problems[0], len(loaded.problems)
    key = f"{first.key}: " if first.key else ""
    more = f" (and {count - 1} more)" if count > 1 else ""
    where = f"{first.file}:{first.line}:{first.column}" if first.line else first.file
    raise UserError(
        f"{key}{first.message}{more}",
        where=where,
        fix="ordain check" if count > 1 or not first.suggestion else first.suggestion,
        reason=Reason.STATE_INVALID,
    )


def sound_part(path: str, data: bytes) -> Any:
    """What one file declares; None when anything in it, or its name, is not as it should be.

    With `sound_models` and `assembled` it reads a state piece by piece, so that a file that did not change
    need not be read again. None of them says what is wrong: `load` does.
    """
    if _misnamed(path):
        return None
    document = read_yaml(path, data)
    value, faults = structure(document, _type_of(path))
    if document.problems or faults or (isinstance(value, Release) and not _sound_record(path, value)):
        return None
    return value


def _sound_record(path: str, record: Release) -> bool:
    here = release_path(record.model, record.number) == path
    return here and record.digest == record.computed_digest()


def sound_models(models: Models | None, params: Params | None) -> bool:
    """Whether models and candidates, None for a file that is not there, fit together by themselves."""
    values: dict[str, Any] = {MODELS: models, PARAMS: params, POLICY: None}
    return not validate_models(Declared(instance=_assemble(values)))


def assembled(values: Mapping[str, Any], releases: Mapping[str, Mapping[int, Release]]) -> Instance | None:
    """The instance of parts, by path, and of sound records; None when they do not fit together.

    Args:
        values: from `sound_part`; models and candidates are such as `sound_models` lets pass.
    """
    if POLICY not in values or None in values.values():
        return None
    instance = replace(_assemble(values), releases=releases)
    return None if validate_rest(Declared(instance=instance)) else instance


def _beyond(documents: Mapping[str, Document], values: Mapping[str, Any]) -> list[Problem]:
    """The faults of meaning in what could be read, but for those that unread files may explain."""
    unread = [path for path, value in values.items() if value is None]
    read = {path: value for path, value in values.items() if value is not None}
    partial = _assemble({**salvage(documents, unread), **read})
    found = validate(Declared(instance=partial, documents=documents))
    return [
        each for each in found if not any(path.startswith(_RESTS_ON.get(each.code, "/")) for path in unread)
    ]


def _type_of(path: str) -> type[Struct]:
    return _TOP.get(path) or (Environment if path.startswith("environments/") else Release)


def _misnamed(path: str) -> Problem | None:
    """A file name that names no environment or release."""
    environment, release = _ENVIRONMENT.fullmatch(path), _RELEASE.fullmatch(path)
    fault = None
    if path.endswith(".yml"):
        fault = Fault("file-name", "files here end in .yaml", f"git mv {path} {path[:-4]}.yaml")
    elif path not in _TOP and not environment and not release:
        fault = Fault(
            "file-name", "expected environments/<environment>.yaml or releases/<model>/<number>.yaml"
        )
    elif environment and not re.search(NAME_PATTERN, environment["name"]):
        fault = Fault("file-name", "an environment's name is a DNS label of at most 40 characters")
    elif release and not re.search(NAME_PATTERN, release["model"]):
        fault = Fault("file-name", "a model's name is a DNS label of at most 40 characters")
    elif release and not _NUMBER.fullmatch(release["number"]):
        fault = Fault("file-name", "a release record is named by its number, such as 7.yaml")
    return Document(file=path).at_value((), fault) if fault else None


def _assemble(values: Mapping[str, Any]) -> Instance:
    environments: dict[str, Environment] = {}
    releases: dict[str, dict[int, Release]] = {}
    for path, value in values.items():
        environment, release = _ENVIRONMENT.fullmatch(path), _RELEASE.fullmatch(path)
        if environment:
            environments[environment["name"]] = value
        elif release:
            releases.setdefault(release["model"], {})[int(release["number"])] = value
    return Instance(
        models=values.get(MODELS) or Models(version=1, renderer=FIRST_RENDERER, models={}),
        params=values.get(PARAMS) or Params(version=1, candidates={}),
        policy=values[POLICY],
        environments=environments,
        releases={model: dict(sorted(records.items())) for model, records in releases.items()},
    )
