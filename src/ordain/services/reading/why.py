"""`ordain why`: the passport of what runs, from a clone alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ordain.adapters import files as disk
from ordain.core.gating.release import Release
from ordain.core.ledger.annotations import LIMIT, annotated, looks_annotated
from ordain.core.ledger.passport import Evidence, Passport, merge_of, passport
from ordain.core.ledger.question import Found, Question, find, predicted
from ordain.core.plans.planning import declaration_of
from ordain.core.specs.identity import plain
from ordain.errors import UserError
from ordain.services.judging.clone import Clone, open_clone

_TARGET = re.compile(r"(?P<model>[a-z_][a-z0-9-]*)@(?P<environment>[a-z][a-z0-9-]*)")


def why(root: Path, question: Question, present: Callable[[str], bool]) -> Passport:
    """Everything that led to something running.

    Args:
        root: a folder in the clone. question: from `asked`.
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


def asked(text: str, stdin: Callable[[], bytes]) -> Question:
    """What a text asks: MODEL@ENVIRONMENT, the id of a prediction, the annotations of a pod as they are
    printed, a file that holds them, or `-` where they are to be read.

    Args:
        stdin: reads what was given there, a little over `annotations.LIMIT` bytes at most.

    Raises:
        UserError: for anything else.
    """
    if text == "-":
        return annotated(stdin())
    prediction, target = predicted(text), _TARGET.fullmatch(text)
    if prediction is not None:
        return prediction
    if target is not None:
        return Question(model=target["model"], environment=target["environment"])
    if _is_file(text):
        return annotated(disk.read_bytes(Path(text), LIMIT))
    if looks_annotated(text):
        return annotated(text.encode("utf-8", "surrogateescape"))
    raise UserError(
        f"{text[:80]!a} is neither MODEL@ENVIRONMENT nor a prediction's id, a pod's annotations or a file",
        fix="such as `ordain why churn@production`, or `kubectl get pod NAME -o json | ordain why -`",
    )


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long, or no name at all
        return False
