"""The texts that intents cover, as commits declare them: read once for each content of the files."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from ordain.core.approvals import texts
from ordain.core.approvals.texts import Leaves
from ordain.core.specs.identity import Target
from ordain.core.state.declared import MODELS, PARAMS, POLICY, environment_path
from ordain.services.judging.declarations import Declarations, usable


class Texts:
    """What commits say about one thing; None where a file that says it can't be read.

    Args:
        declared: the declarations of a repository's commits.
    """

    def __init__(self, declared: Declarations) -> None:
        self._declared = declared
        self._known: dict[tuple[Hashable, ...], Leaves | None] = {}
        self._newest: dict[tuple[Hashable, ...], Leaves] = {}

    def settings(self, environment: str, commit: str) -> Leaves | None:
        """An environment's settings."""
        return self._text(("settings", environment), (environment_path(environment),), commit,
                          lambda files: texts.settings_text(files[0]))  # fmt: skip

    def model(self, target: Target, commit: str) -> Leaves | None:
        """A model's own text in an environment."""
        paths = (MODELS, environment_path(target.environment))
        return self._text(("model", target), paths, commit,
                          lambda files: texts.model_text(target.model, *files))  # fmt: skip

    def training(self, model: str, commit: str) -> Leaves | None:
        """What decides a model's releases."""
        return self._text(("training", model), (MODELS, PARAMS), commit,
                          lambda files: texts.training_text(model, *files))  # fmt: skip

    def policy(self, commit: str) -> Leaves | None:
        """The policy."""
        return self._text(("policy",), (POLICY,), commit, lambda files: texts.policy_text(files[0]))

    def waivers(self, wanted: frozenset[str], commit: str) -> Leaves | None:
        """Those of some waivers that the policy holds, by their text."""

        def held(files: list[Any]) -> Leaves:
            found = texts.waiver_text(files[0].waivers) if files[0] else {}
            return {text: value for text, value in found.items() if text in wanted}

        return self._text(("waivers", wanted), (POLICY,), commit, held)

    def gitops(self, tool: str, commit: str) -> Leaves | None:
        """What a GitOps tool is told, which depends on every environment."""
        names = self._declared.environments(commit)
        if names is None:
            return None

        def told(files: list[Any]) -> Leaves:
            return texts.gitops_text(tool, files[0], dict(zip(names, files[1:], strict=True)))

        return self._text(("gitops", tool, *names), (MODELS, *map(environment_path, names)), commit, told)

    def _text(
        self,
        what: tuple[Hashable, ...],
        paths: tuple[str, ...],
        commit: str,
        read: Callable[[list[Any]], Leaves],
    ) -> Leaves | None:
        """One text by the content of its files; equal texts that follow one another are one object."""
        entries = usable(lambda: tuple(self._declared.entry(commit, path) for path in paths))
        if entries is None:
            return None
        key = (*what, *entries)
        if key not in self._known:
            parts = {
                path: self._declared.part(path, entry)
                for path, entry in zip(paths, entries, strict=True)
                if entry is not None
            }
            sound = None not in parts.values()
            self._known[key] = self._same(what, read([parts.get(path) for path in paths])) if sound else None
        return self._known[key]

    def _same(self, what: tuple[Hashable, ...], found: Leaves) -> Leaves:
        before = self._newest.get(what)
        if before is None or before != found:
            before = self._newest[what] = found
        return before
