from __future__ import annotations

import pytest

from ordain.core.pipelines.failures import Failure, as_error, disk_full, known_fault
from ordain.errors import RetryLater, UserError

LOG = ".ordain/local/run.log"
EXIT = "WARNING: failed to run: python -P ../../stages/train.py --candidate a, exited with {}"


def failure(*said: str, model: str = "churn", stage: str = "train-a") -> Failure:
    return Failure(model=model, stage=stage, said=said)


def test_a_stages_own_sentence_and_fix() -> None:
    error = failure(
        "> python -P ../../stages/train.py",
        "error: churn / train / a / params.yaml: LogisticRegression failed on fold 1: ValueError: C",
        "  fix: correct the candidate",
        EXIT.format(1),
    ).error(LOG)
    assert error.where == "churn / train / a / params.yaml"
    assert error.what == "LogisticRegression failed on fold 1: ValueError: C"
    assert error.fix == "correct the candidate"


def test_a_sentence_of_several_lines() -> None:
    error = failure(
        "error: churn / ingest: 2 faults in the data:", "  `a`: x", "  `b`: y", "else", "  not this"
    ).error(LOG)
    assert error.what == "2 faults in the data:\n  `a`: x\n  `b`: y"
    assert error.fix == "mend it, then: ordain run churn"


def test_a_sentence_without_a_place() -> None:
    error = failure("error: no").error(LOG)
    assert (error.where, error.what) == ("churn / train-a", "no")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (
            ("Traceback (most recent call last):", "ValueError: x", EXIT.format(1)),
            "the stage ended with exit code 1: ValueError: x",
        ),
        ((EXIT.format(3),), "the stage ended with exit code 3"),
        ((EXIT.format(-9),), "the stage was killed; perhaps the memory was full"),
        ((EXIT.format(137),), "the stage was killed; perhaps the memory was full"),
        (
            ("WARNING: output 'pipelines/churn/gates.json' does not exist",),
            "the stage could not be run: output 'pipelines/churn/gates.json' does not exist",
        ),
        ((), "the stage could not be run"),
    ],
)
def test_a_stage_that_ended_otherwise(said: tuple[str, ...], what: str) -> None:
    error = failure(*said).error(LOG)
    assert error.what == what
    assert error.where == "churn / train-a / stages/train.py"
    assert error.fix


def test_a_full_disk_is_called_one() -> None:
    error = failure("OSError: [Errno 28] No space left on device", EXIT.format(1)).error(LOG)
    assert error.what.startswith("the disk is full")
    assert error.where == "churn / train-a"
    assert disk_full(["fine"]) is None


def test_control_characters_do_not_reach_the_terminal() -> None:
    error = failure("error: churn / a\x1b[2J: b\x1b]0;x\x07", "  fix: \x1b[31mred").error(LOG)
    assert "\x1b" not in f"{error}{error.fix}"


def test_failures_of_several_models_are_listed() -> None:
    error = as_error(
        [failure("error: churn / ingest: a", "  fix: b"), failure("error: fraud / ingest: c", model="fraud")],
        5,
        LOG,
    )
    assert isinstance(error, UserError)
    assert error.what == "2 of 5 models failed:\n  churn / ingest: a\n  fraud / ingest: c"
    assert error.fix == "b"


def test_one_failure_speaks_for_itself() -> None:
    assert str(as_error([failure("error: churn / ingest: a")], 5, LOG)) == "churn / ingest: a"


def test_only_when_all_can_be_retried_a_retry_helps() -> None:
    later = failure("later: churn / ingest: the host did not answer")
    retry = as_error([later], 1, LOG)
    assert isinstance(retry, RetryLater)
    assert retry.what == "churn / ingest: the host did not answer"
    assert isinstance(as_error([later, failure("error: x / y: z")], 2, LOG), UserError)


def test_a_plug_in_that_is_not_installed_is_named() -> None:
    said = [
        "ERROR: unexpected error - s3 is supported, but requires 'dvc-s3' to be installed: No module named"
    ]
    found = known_fault(said)
    assert found is not None
    assert found.fix == "pip install dvc-s3"
    assert known_fault(["fine"]) is None
