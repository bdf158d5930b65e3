"""What a real server logged is what a monitor reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ordain.adapters.log_places import LogPlace
from ordain.adapters.met import Met
from ordain.adapters.prediction_files import read_log
from ordain.adapters.predictions import Shape, Text
from tests.runtime.toy import DAYS, ROW, files, serving, write


@pytest.mark.parametrize("rows", [1, 300])
def test_a_monitor_reads_what_a_server_wrote(tmp_path: Path, rows: int) -> None:
    folder, log = write(tmp_path / "toy", files()), tmp_path / "log"
    with serving(str(folder), ORDAIN_PREDICTION_LOG=str(log), ORDAIN_RELEASE="toy@3") as running:
        for _ in range(2):
            answer = running.client.post("/predict", json=[ROW] * rows if rows > 1 else ROW)
            assert answer.status_code == 200, answer.text
    shape = Shape(
        text=("plan",),
        numbers=("amount", "visits", "since"),
        answers=("p_No", "p_Yes"),
        known=frozenset({"plan", "town", "amount", "visits", "vip", "since"}),
    )
    met = Met()
    batches = list(read_log(LogPlace(str(log), "the prediction log"), shape, met))
    assert (met.corrupt, met.unreadable) == (0, 0)
    assert sum(len(each.times) for each in batches) == 2 * rows
    keys = np.concatenate([each.keys for each in batches])
    assert len(np.unique(keys)) == 2 * rows
    for each in batches:
        plan = each.inputs["plan"]
        assert isinstance(plan, Text)
        assert plan.values == ("x",)
        since = each.inputs["since"]
        assert not isinstance(since, Text)
        assert set(since.tolist()) == {float(DAYS)}
        assert each.versions.values == ("3",)
        assert each.absent == each.mistyped == each.extra == {}
        np.testing.assert_allclose(each.outputs["p_No"] + each.outputs["p_Yes"], 1, atol=1e-6)
