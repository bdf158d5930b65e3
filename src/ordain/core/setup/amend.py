"""What a later `ordain init` does to files that people own.

It adds what is missing and takes the place of what nobody has named yet. Whatever a person has decided
is theirs to change, so there a flag that says otherwise is refused, with the file that says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ordain.core.pipelines import dvcconfig
from ordain.core.pipelines.dvcfiles import CONFIG
from ordain.core.setup.scaffold import REGISTRY, dump
from ordain.core.specs.parts import Part
from ordain.core.state.instance import Instance

FIX = "edit it there, which is a change to approve like any other, or leave the flag out"


class Wanted(Part, frozen=True, kw_only=True):
    """What the flags say; None where there was no flag.

    Attributes:
        gitops: the entry of `models.yaml`: repository, branch, and `argocd` or `flux`.
        remote: the address of DVC's default remote. reviewers: addresses of people.
    """

    forge: str | None = None
    repository: str | None = None
    branch: str | None = None
    registry: str | None = None
    gitops: dict[str, Any] | None = None
    remote: str | None = None
    reviewers: tuple[str, ...] = ()


class Amended(Part, frozen=True, kw_only=True):
    """Files with other bytes than before, and a sentence for each flag that can't take effect."""

    files: dict[str, bytes]
    refused: tuple[str, ...]


def amend(instance: Instance, files: Mapping[str, bytes], wanted: Wanted) -> Amended:
    """Let the flags take effect in a repository that is there already.

    Args:
        instance: what the files declare. files: bytes by path; those that are read are `models.yaml`,
            `environments/*.yaml` and `.dvc/config`.
    """
    changed: dict[str, bytes] = {}
    refused = []
    for flag, said, now in (
        ("--forge", wanted.forge, instance.policy.forge),
        ("--repository", wanted.repository, instance.policy.repository),
        ("--branch", wanted.branch, instance.policy.branch),
    ):
        if said not in (None, now):
            refused.append(f"{flag}: policy.yaml says {now}")
    known = {email for person in instance.policy.people.values() for email in person.emails}
    refused += [f"--reviewer: policy.yaml has no {each}" for each in wanted.reviewers if each not in known]
    if wanted.registry is not None:
        refused += _registries(instance, files, wanted.registry, changed)
    if wanted.gitops is not None:
        refused += _gitops(instance, files, wanted.gitops, changed)
    if wanted.remote is not None:
        refused += _remote(files, wanted.remote, changed)
    return Amended(files=changed, refused=tuple(refused))


def _registries(
    instance: Instance, files: Mapping[str, bytes], registry: str, changed: dict[str, bytes]
) -> list[str]:
    refused = []
    line = re.compile(rf"^(registry:[ \t]*)(['\"]?){re.escape(REGISTRY)}\2(?=[ \t]*(#|$))", re.MULTILINE)
    for name, environment in sorted(instance.environments.items()):
        path = f"environments/{name}.yaml"
        text, count = line.subn(lambda found: found[1] + registry, files[path].decode("utf-8"), count=1)
        if count:
            changed[path] = text.encode()
        elif environment.registry != registry:
            refused.append(f"--registry: {path} says {environment.registry}")
    return refused


def _gitops(
    instance: Instance, files: Mapping[str, bytes], entry: Mapping[str, Any], changed: dict[str, bytes]
) -> list[str]:
    now = instance.models.gitops
    if now is not None:
        tools = [name for name, tool in (("argocd", now.argocd), ("flux", now.flux)) if tool is not None]
        same = any(tool in entry for tool in tools)
        return [] if same else [f"--gitops: models.yaml says {' and '.join(tools)}"]
    text = files.get("models.yaml", b"").decode("utf-8")
    found = re.search(r"^models:", text, re.MULTILINE)
    if found is None:
        return ["--gitops: models.yaml has no line that begins with `models:`"]
    added = text[: found.start()] + dump({"gitops": dict(entry)}) + text[found.start() :]
    changed["models.yaml"] = added.encode()
    return []


def _remote(files: Mapping[str, bytes], url: str, changed: dict[str, bytes]) -> list[str]:
    text = files.get(CONFIG, b"").decode("utf-8", "replace")
    try:
        now = dvcconfig.default_remote(text)
        if now is None:
            changed[CONFIG] = dvcconfig.with_remote(text, url).encode()
    except ValueError as error:
        return [f"--remote: {CONFIG}: {error}"]
    return [] if now in (None, url) else [f"--remote: {CONFIG} says {now}"]
