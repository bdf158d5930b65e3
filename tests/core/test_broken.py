"""Data that breaks its contract, from one error to a file and back, and into the comment."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.data.broken import Broken, Fault, broken, decode, encode
from ordain.core.redaction import redacted_struct
from ordain.core.reports import report_markdown
from ordain.core.reports.report_failure import Failure, Stopped, headline, statuses_of
from ordain.errors import UserError
from tests.core.test_report import HOSTILE, elements


def test_every_fault_is_a_row() -> None:
    several = UserError("2 faults in the data:\n  `age`: 3 values are below 18: row 2\n  odd", fix="mend it")
    assert broken("churn", several) == Broken(
        model="churn",
        faults=(Fault(column="age", what="3 values are below 18: row 2"), Fault(column="", what="odd")),
        fix="mend it",
    )
    alone = broken("churn", UserError("byte 3 is not UTF-8 text", where="data/a.csv"))
    assert alone.faults == (Fault(column="", what="data/a.csv: byte 3 is not UTF-8 text"),)
    assert broken("churn", UserError("")).faults == (Fault(column="", what=""),)


def stopped(*faults: Fault) -> Failure:
    where = Stopped(model="churn", at=("contract",), left=9, ended=True, faults=faults)
    return Failure(commit="a" * 40, stopped=(where,))


def test_the_comment_names_column_count_expectation_and_rows() -> None:
    failure = stopped(Fault(column="age", what="3 values are below 18: row 2, row 5, row 9 and 4 more"))
    assert headline(failure).endswith("training of churn stopped at contract: its data breaks the contract")
    said = report_markdown.comment(None, failure)
    row = "| <code>age</code> | 3 values are below 18&#58; row 2, row 5, row 9 and 4 more |"
    assert row in said
    assert "log of its training job" not in said
    assert (
        statuses_of(None, failure)[1].description
        == "training stopped at contract: its data breaks the contract"
    )


def test_many_and_long_faults_keep_their_rows() -> None:
    what = f"3 values are new categories ({'x' * 900}): row 77"
    said = report_markdown.comment(None, stopped(*[Fault(column="c", what=what)] * 30))
    assert said.count("3 values are new categories (xxx") == said.count("&#58; row 77 |") == 20
    assert "_and 10 more: `ordain data faults`_" in said


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)))
def test_nothing_in_it_is_markup(text: str) -> None:
    said = report_markdown.comment(None, stopped(Fault(column=text, what=text)))
    assert elements(said).tags <= {"details", "summary", "code"}
    assert "@" not in said.replace("&#64;", "")


def test_a_token_in_a_cell_is_not_told() -> None:
    token = "ghp_" + "a1" * 18
    fault = Fault(column="c", what=f"1 values are new categories ('{token}'): row 1")
    assert token not in report_markdown.full(None, redacted_struct(stopped(fault)))


@given(st.builds(UserError, st.text(), where=st.text(), fix=st.text()))
def test_any_error_is_read_back(error: UserError) -> None:
    found = broken("churn", error)
    assert found.faults
    assert decode(encode(found), "churn.json") == found


@given(st.binary(max_size=60))
def test_any_file_is_survived(data: bytes) -> None:
    with suppress(UserError):
        decode(data, "churn.json")
    with pytest.raises(UserError, match="does not say where data breaks"):
        decode(b"[" + data, "churn.json")
