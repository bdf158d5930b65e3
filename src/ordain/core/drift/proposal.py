"""What a retraining request says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ordain.core.drift.evidence import Evidence
from ordain.core.drift.retraining import FILE, Because, Retraining
from ordain.core.drift.text import sections
from ordain.core.escaping import fenced, markdown, visible
from ordain.core.people.request import Draft, Section
from ordain.core.redaction import redacted

SHOWN_LIMIT = 20_000
MOST, LONGEST, SHORT = 20, 300, 60


def label(model: str) -> str:
    """What marks the requests for one model."""
    return f"retrain:{model}"


def title(model: str, found: Because) -> str:
    """The request's title: the model and the first reason."""
    more = f" and {len(found.alarms) - 1} more" if len(found.alarms) > 1 else ""
    return f"Retrain {model}: {visible(found.alarms[0].kind, 40)}{more}"


def draft(found: Because, record: Retraining, ends: tuple[str, str], outcome: str) -> Draft:
    """The request: what was found, what came of training, and the evidence itself, which may be left out.

    Args:
        ends: branch and base. outcome: what training gave, in words; text of ours and of stage errors.
    """
    branch, base = ends
    path = f"`pipelines/{found.model}/{FILE}` of this branch"
    where = f" in {markdown(found.environment)}" if found.environment else ""
    lines = [f"Something was found about `{found.model}`{where} that a newly trained model may answer:", ""]
    lines += _alarms(found)
    lines += ["", outcome, "", "Whoever opened this can't approve it."]
    return Draft(
        branch=branch, base=base, title=title(found.model, found), body="\n".join(lines), whole=path,
        sections=(*_report(record.evidence), _evidence(record, path)), labels=(label(found.model),),
        draft=found.request == "draft",
    )  # fmt: skip


def _evidence(record: Retraining, path: str) -> Section:
    text = msgspec.json.format(msgspec.json.encode(record.evidence), indent=1).decode()
    head = f"<details><summary>Evidence {record.digest[:19]}</summary>\n\n"
    shown = f"{head}{fenced(text, 'json')}\n\n</details>"
    if len(text) > SHOWN_LIMIT:
        shown = f"The evidence, {len(text)} characters, is whole in {path}."
    return Section(name="the evidence as JSON", text=shown)


def _alarms(found: Because) -> list[str]:
    """The first of them, each a line: what follows must have room whatever they say."""
    lines = [
        f"- **{markdown(each.kind[:SHORT])}**: {markdown(visible(each.detail, LONGEST))}"
        for each in found.alarms[:MOST]
    ]
    more = len(found.alarms) - MOST
    return [*lines, f"- and {more} more"] if more > 0 else lines


def breached(found: Because) -> str:
    """What is said where a draft becomes a request that asks for review."""
    return "\n".join(["Labels show now what drift suggested, so this asks for review:", "", *_alarms(found)])


def further(found: Because) -> str:
    """What is said where a request is open and more is found than what it was opened for."""
    return "\n".join(
        ["Found since this was opened, and not only what it was opened for:", "", *_alarms(found)]
    )


def unlearnable(found: Because) -> str:
    """What stands in a request where there is nothing new to learn from: what people can do instead."""
    where = f" --env {markdown(found.environment)}" if found.environment else ""
    return "\n".join([
        "**Nothing was trained**: data, code and parameters are those of the last run, so it would be the",
        "same model. This request carries the evidence alone. What can be done:",
        "",
        "- bring newer data, or labels that are right, to where the model learns from",
        f"- go back to an earlier release that does better now: ordain rollback {found.model}{where}",
        "- change how the model is trained, in a request of your own",
        "- merge this to keep the evidence, or close it: the same is not asked again for this release, while",
        "  something else that is found may be",
    ])  # fmt: skip


def _report(evidence: Any) -> tuple[Section, ...]:
    """A monitor's evidence as people read it, with the distributions; nothing for other evidence."""
    try:
        return sections(msgspec.convert(evidence, Evidence))
    except msgspec.ValidationError:
        return ()


def outcome_of(released: Mapping[str, str] | None, failure: str) -> str:
    """What training gave, for the request's text.

    Args:
        released: `release` and `baseline` of what was recorded; None when nothing was.
        failure: why not, when training or judging failed.
    """
    if failure:
        quoted = "\n".join(f"> {markdown(line)}" for line in redacted(failure).splitlines()[:40])
        return f"**Training on it failed**, and so will the checks of this request:\n\n{quoted}"
    told = released or {}
    against = f", judged against {told['baseline']}" if told.get("baseline") else ""
    return f"It was trained and passed its gates: `{told.get('release', 'no new release')}`{against}."
