"""What is asked of the ledger, and the decision that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ordain.core.decisions import Decision, Entry
from ordain.core.specs.identity import Target
from ordain.core.stamp import stamp, stamp_of
from ordain.core.value import Value
from ordain.errors import UserError

ANNOTATIONS = ("intent", "release", "artifact", "model", "environment")
PREFIX = "ordain.dev/"


class Question(Value, frozen=True, kw_only=True):
    """What is asked about: a target, what a pod's annotations say, or a prediction; None where nothing
    was said.

    Attributes:
        stamp: how the prediction's id begins, from `core.stamp`.
    """

    environment: str | None = None
    model: str | None = None
    intent: str | None = None
    release: str | None = None
    artifact: str | None = None
    stamp: str | None = None


class Found(Value, frozen=True, kw_only=True):
    """The decision that answers a question, its entry, and when it ended."""

    digest: str
    entry: Entry
    decision: Decision
    until: str | None


def find(entries: Sequence[tuple[str, Entry]], question: Question) -> Found:
    """The newest approved decision that fits everything the question says.

    Args:
        entries: the ledger with each entry's digest, oldest first.
        question: at least a target or an intent.

    Raises:
        UserError: when nothing fits, saying which link was the first to fail.
    """
    chosen = _newest(entries, question)
    if chosen is None:
        raise _unknown(question)
    _agree(chosen.decision, question)
    if chosen.decision.action == "retire":
        when = chosen.entry.observed
        label = chosen.decision.transition.target.label
        raise UserError(f"{label} was retired at {when}: nothing runs there", fix="ordain audit")
    return chosen


def _newest(entries: Sequence[tuple[str, Entry]], question: Question) -> Found | None:
    until: dict[Target, str] = {}
    for digest, entry in reversed(entries):
        for decision in entry.decisions:
            target = decision.transition.target
            if decision.approved and decision.action != "policy":
                if _about(decision, question):
                    return Found(digest=digest, entry=entry, decision=decision, until=until.get(target))
                until[target] = entry.observed
    return None


def _about(decision: Decision, question: Question) -> bool:
    if question.stamp is not None:
        return _stamped(decision, question.stamp)
    if question.intent is not None:
        return decision.intent == question.intent
    target = decision.transition.target
    return (question.environment, question.model) == (target.environment, target.model)


def _stamped(decision: Decision, asked: str) -> bool:
    """Whether the decision's intent or artifact gives a prediction's stamp."""
    artifact = decision.release.artifact if decision.release else ""
    return asked in (stamp(decision.intent or "", artifact), stamp("", artifact))


def predicted(text: str) -> Question | None:
    """The question that a prediction's id asks, or None when the text is none."""
    found = stamp_of(text)
    return Question(stamp=found) if found else None


def _unknown(question: Question) -> UserError:
    if question.stamp is not None:
        return UserError(
            f"no entry of this ledger deployed what made a prediction of {question.stamp}",
            where="manifests/ledger",
            fix="git fetch; if it stays unknown, nobody approved what answered",
        )
    if question.intent is not None:
        return UserError(
            f"no entry of this ledger deployed the intent {question.intent}",
            where="manifests/ledger",
            fix="git fetch; if it stays unknown, nobody approved what runs there",
        )
    return UserError(
        f"{question.model}@{question.environment} never ran, by this ledger",
        where="manifests/ledger",
        fix="ordain status lists what runs where",
    )


def _agree(decision: Decision, question: Question) -> None:
    """Refuse annotations of which one is true and another is not."""
    ref, target = decision.release, decision.transition.target
    pairs = {
        "environment": (question.environment, target.environment),
        "model": (question.model, target.model),
        "release": (question.release, ref.label if ref else None),
        "artifact": (question.artifact, ref.artifact if ref else None),
    }
    for name, (said, known) in pairs.items():
        if said is not None and said != known:
            raise UserError(
                f"{PREFIX}{name} says {said}, but the ledger's entry for this intent says {known}",
                where="the pod's annotations",
                fix="the pod was not rendered by Ordain, or it was edited: compare it with manifests/",
            )


def question_of(annotations: Mapping[str, object]) -> Question:
    """The question that a pod's annotations ask; prefixed or bare names, other annotations ignored.

    Raises:
        UserError: when no intent is among them, or a value is not text.
    """
    said: dict[str, str] = {}
    for name in ANNOTATIONS:
        value = annotations.get(PREFIX + name, annotations.get(name))
        if value is not None and not isinstance(value, str):
            raise UserError(f"the annotation {PREFIX}{name} is not text", where="the pod's annotations")
        if value is not None:
            said[name] = value
    if "intent" not in said:
        raise UserError(
            f"no annotation {PREFIX}intent: this pod was not rendered by Ordain",
            where="the pod's annotations",
            fix="kubectl get pod NAME -o json, as it is",
        )
    return Question(**said)
