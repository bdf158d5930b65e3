"""On the churn data the estimate follows the truth as the population moves; the labels are kept from it."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/monitoring/estimate.py"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    found = spec_from_file_location("estimate_benchmark", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return list(module.compared())


@pytest.mark.parametrize("metric", ["accuracy", "recall", "roc_auc"])
def test_the_estimate_tracks_the_truth(rows: list[dict[str, Any]], metric: str) -> None:
    told = [each for each in rows if each["metric"] == metric]
    truth = np.array([each["truth"] for each in told])
    estimate = np.array([each["estimate"] for each in told])
    assert np.abs(truth - estimate).mean() < 0.03
    assert np.corrcoef(truth, estimate)[0, 1] > 0.7


def test_truths_lie_within_the_interval(rows: list[dict[str, Any]]) -> None:
    given = [each for each in rows if not each["refused"]]
    inside = [each["interval"][0] <= each["truth"] <= each["interval"][1] for each in given]
    assert len(given) >= 8
    assert np.mean(inside) >= 0.95
