"""The comment on a commit whose checks failed: what stopped it comes first, and no text in it is markup."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.gating.verdicts import Verdict
from ordain.core.problems import Problem
from ordain.core.redaction import redacted_struct
from ordain.core.releasing.refused import NotReleasedError, Refused, RefusedError, decode, encode
from ordain.core.reports import report_markdown
from ordain.core.reports.report_failure import Failure, Stopped, headline, statuses_of
from ordain.core.reports.report_status import statuses
from ordain.errors import UserError
from tests.core.test_report import FULL, HOSTILE, elements

VERDICTS = (
    Verdict(gate="parity", outcome="pass", value=0.0, bound=1e-5),
    Verdict(gate="quality.roc_auc", outcome="fail", value=0.7, bound=0.8, interval=(0.6, 0.8), detail="low"),
    Verdict(gate="fairness.x", outcome="insufficient", detail="too few rows"),
)
REFUSED = Refused(
    model="churn", what="churn is not released: 2 gates block\n  more", fix="x", verdicts=VERDICTS
)
STOPPED = Stopped(model="upsell", at=("train-a", "train-b"), left=5)
PROBLEM = Problem(file="models.yaml", line=3, key="models.x", message="no such key", code="unknown-key")
HERE = Failure(commit="abcdef0" + "0" * 33)


def test_the_verdict_says_what_stopped_it() -> None:
    assert headline(HERE) == "Failed at abcdef0: a job failed, and its log says why"
    several = replace(HERE, problems=(PROBLEM,), stopped=(STOPPED,) * 5, refused=(REFUSED,))
    said = headline(several)
    assert said.startswith("Failed at abcdef0: 1 problem in the declared state; training of upsell stopped")
    assert said.endswith("and of 2 more; not released: churn")


def test_training_that_ended_no_stage_is_not_said_to_have_begun() -> None:
    """It may have lacked its data, or its job may never have run."""
    failure = replace(HERE, stopped=(replace(STOPPED, ended=False),))
    assert headline(failure).endswith(": training of upsell stopped at or before train-a, train-b")
    said = report_markdown.comment(None, failure)
    assert "training did not begin" in said
    assert "topped at train" not in said
    assert statuses_of(None, failure)[1].description == "training stopped at or before train-a, train-b"


def test_no_secret_is_told() -> None:
    """A problem quotes what somebody wrote, and an error may quote an address."""
    token, address = "ghp_" + "a1" * 18, "https://bob:hunter2" + "@h.example/x"
    said = redacted_struct(
        replace(
            HERE,
            problems=(replace(PROBLEM, key=f"models.{token}", message=f"`{token}` is no risk"),),
            refused=(replace(REFUSED, what=f"{address} does not answer", verdicts=VERDICTS),),
            unplanned=f"fatal: {address}",
        )
    )
    every = report_markdown.full(None, said) + str(statuses_of(None, said))
    assert token not in every
    assert "hunter2" not in every
    assert said.refused[0].verdicts == VERDICTS
    assert said.problems[0].line == PROBLEM.line


def test_it_comes_before_what_merging_would_change() -> None:
    failure = replace(HERE, stopped=(STOPPED,), refused=(REFUSED, replace(REFUSED, model="x", verdicts=())))
    said = report_markdown.comment(FULL, failure)
    assert said.startswith("### Ordain plan\n\n**Failed at abcdef0")
    order = ("training did not end", "5 stages have yet to run", "2 gates block", "By what is committed")
    assert sorted(order, key=said.index) == list(order)
    assert "3 gates: 1 pass, 2 do not" in said
    assert said.index("| fail | <code>quality.roc_auc</code>") < said.index("| pass | ")
    assert "  more" not in said
    assert report_markdown.full(FULL, failure).count("#### ") >= said.count("#### ")


def test_without_a_plan_it_stands_alone() -> None:
    many = tuple(replace(PROBLEM, line=line) for line in range(30))
    said = report_markdown.comment(None, replace(HERE, problems=many, unplanned="models.yaml: no such key"))
    assert "| <code>models.yaml&#58;1</code> |" in said
    assert "_and 10 more: `ordain check`_" in said
    assert "can't be said: models.yaml&#58; no such key" in said
    assert "By what is committed" not in said
    few = report_markdown.comment(None, replace(HERE, problems=(replace(PROBLEM, line=0),)))
    assert "| <code>models.yaml</code> |" in few, "a whole file has no line"
    assert "more" not in few


def test_a_thousand_failures_fit_a_comment() -> None:
    long = "x" * 5000
    verdicts = tuple(replace(each, detail=long) for each in VERDICTS)
    failure = replace(
        HERE,
        refused=tuple(replace(REFUSED, model=f"m{number}", verdicts=verdicts) for number in range(1000)),
        stopped=tuple(replace(STOPPED, model=f"n{number}", at=(long,) * 50) for number in range(1000)),
    )
    assert len(report_markdown.comment(FULL, failure)) <= report_markdown.LIMIT


def test_statuses_say_failure() -> None:
    found = statuses_of(FULL, replace(HERE, stopped=(STOPPED,), refused=(REFUSED,)))
    assert [(each.name, each.state) for each in found] == [
        ("ordain/plan", "failure"), ("ordain/churn", "failure"), ("ordain/upsell", "failure"),
    ]  # fmt: skip
    assert found[1].description == "churn is not released: 2 gates block"
    assert statuses_of(FULL, None) == statuses(FULL)
    assert statuses_of(None, None) == ()


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)))
def test_nothing_in_it_is_markup(text: str) -> None:
    problem = Problem(file=text, key=text, message=text, suggestion=text, code="x")
    verdict = Verdict(gate=text, outcome="fail", detail=text)
    failure = Failure(
        commit="a" * 40, problems=(problem,), stopped=(Stopped(model=text, at=(text,), left=1),),
        refused=(Refused(model=text, what=text, verdicts=(verdict,)),), unplanned=text,
    )  # fmt: skip
    said = report_markdown.comment(None, failure)
    assert elements(said).tags <= {"details", "summary", "code"}
    assert "@" not in said.replace("&#64;", "")


def test_errors_carry_what_was_refused() -> None:
    plain = UserError("it failed", where="x", fix="mend it", reason="gate-failed")
    for error in (RefusedError(plain, VERDICTS), NotReleasedError(plain, (REFUSED,))):
        assert (str(error), error.fix, error.reason) == (str(plain), plain.fix, plain.reason)
    assert RefusedError(plain, VERDICTS).verdicts == VERDICTS
    assert NotReleasedError(plain, (REFUSED,)).refused == (REFUSED,)


def test_a_file_of_refusals_is_read_back() -> None:
    assert decode(encode((REFUSED,)), "refused.json") == (REFUSED,)
    with pytest.raises(UserError, match="no list of refused champions"):
        decode(b'{"version": 1, "refused": [3]}', "refused.json")


@given(st.binary(max_size=60))
def test_any_file_of_refusals_is_survived(data: bytes) -> None:
    with suppress(UserError):
        decode(data, "refused.json")
