"""Every file that two requests can both change names what mends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.yaml.conflicts import is_generated_path, mended_by
from ordain.core.yaml.yamltext import conflicts


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("releases/churn/2.yaml", "ordain renumber churn"),
        ("pipelines/churn/dvc.lock", "ordain run churn, then `ordain release churn`"),
        ("pipelines/churn/candidates/a/metrics.json", "ordain run churn"),
        ("pipelines/churn/holdout-looks.yaml", "keep the looks of both sides"),
        ("dvc.yaml", "ordain run"),
        ("dvc.lock", "ordain run"),
        ("models.yaml", "resolve the conflict"),
        ("releases/churn/0.yaml", "resolve the conflict"),
        ("releases/Churn; rm/2.yaml", "resolve the conflict"),
    ],
)
def test_each_file_has_its_remedy(path: str, command: str) -> None:
    assert mended_by(path).startswith(command)
    assert is_generated_path(path) == path.startswith(("pipelines/", "dvc."))


@given(st.text(max_size=60), st.sampled_from(["releases/{}/1.yaml", "pipelines/{}/dvc.lock", "{}"]))
def test_no_name_that_is_not_a_models_reaches_a_command(name: str, form: str) -> None:
    said = mended_by(form.format(name))
    assert "ordain" not in said or "/" in name or name.replace("-", "").isalnum() or name.startswith("dvc.")


def test_a_conflict_stands_where_it_opens() -> None:
    text = "a: 1\n<<<<<<< ours\nb: 2\n=======\nb: 3\n>>>>>>> theirs\n"
    (problem,) = conflicts("releases/churn/2.yaml", text)
    assert (problem.line, problem.code, problem.suggestion.split(" (")[0]) == (
        2, "merge-conflict", "ordain renumber churn",
    )  # fmt: skip
