"""`ordain why`: the passport of what runs, from a clone alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ordain.core import yamlplain
from ordain.core.identity import plain
from ordain.core.passport import Evidence, Passport, merge_of, passport
from ordain.core.planning import declaration_of
from ordain.core.question import PREFIX, Found, Question, find, predicted, question_of
from ordain.core.release import Release
from ordain.errors import UserError
from ordain.services.clone import Clone, open_clone

LIMIT = 2**20
_ANNOTATIONS = ("metadata", "annotations")
_PLACES = (_ANNOTATIONS, ("spec", "template", *_ANNOTATIONS), ("annotations",), ())
_TARGET = re.compile(r"(?P<model>[a-z_][a-z0-9-]*)@(?P<environment>[a-z][a-z0-9-]*)")


def why(root: Path, question: Question, present: Callable[[str], bool]) -> Passport:
    """Everything that led to something running.

    Args:
        root: a folder in the clone. question: from `asked` or `annotated`.
        present: whether an artifact's bytes are here.

    Raises:
        UserError: when the ledger does not know it, or is broken.
    """
    clone = open_clone(root)
    found = find([(each.digest, each.entry) for each in clone.records], question)
    return passport(found, _evidence(clone, found, present))


def _evidence(clone: Clone, found: Found, present: Callable[[str], bool]) -> Evidence:
    entry, ref = found.entry, found.decision.release
    here, judged = clone.repository.find(entry.source), clone.repository.find(entry.policy_source)
    record = clone.releases().get(ref.record) if ref else None
    return Evidence(
        collector=clone.records[entry.sequence - 1].key,
        release=record,
        candidate=_candidate(clone, record, entry.source) if record else None,
        policy=clone.states.policy(judged) if judged else None,
        merge=merge_of(clone.repository.commits([here])[0]) if here else None,
        artifact=ref is not None and present(ref.artifact),
    )


def _candidate(clone: Clone, release: Release, source: str) -> dict[str, Any] | None:
    """The champion's declaration: from the judged commit, or any other that the ledger names."""
    commits = dict.fromkeys([source, *(each.source for each in clone.entries), clone.commit])
    states = (clone.instance(commit) for commit in commits)
    found = declaration_of(release, [each for each in states if each is not None])
    candidate = found.candidates.get(release.champion.candidate) if found else None
    declared: dict[str, Any] | None = plain(candidate) if candidate is not None else None
    return declared


def asked(text: str) -> Question:
    """The question in `MODEL@ENVIRONMENT` or in the id of a prediction.

    Raises:
        UserError: for anything else.
    """
    prediction = predicted(text)
    if prediction is not None:
        return prediction
    found = _TARGET.fullmatch(text)
    if found is None:
        raise UserError(
            f"{text[:80]!a} is neither MODEL@ENVIRONMENT nor a prediction's id",
            fix="such as `ordain why churn@production`, or pass a pod's annotations with --annotations",
        )
    return Question(model=found["model"], environment=found["environment"])


def annotated(data: bytes) -> Question:
    """The question that a pod asks: its JSON or YAML, whole (a controller does too), or only a part.

    Raises:
        UserError: when there are no annotations of Ordain's inside.
    """
    where = "the annotations"
    if len(data) > LIMIT:
        raise UserError(f"over {LIMIT} bytes: this is no pod", where=where)
    content = _content(data, where)
    for path in _PLACES:
        inner: Any = content
        for key in path:
            inner = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(inner, Mapping) and any(each in inner for each in (f"{PREFIX}intent", "intent")):
            return question_of({str(key): value for key, value in inner.items()})
    return question_of({})


def _content(data: bytes, where: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        pass
    try:
        return yamlplain.load12(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError("neither JSON nor YAML", where=where, fix="kubectl get pod NAME -o json") from error
