"""ONNX Runtime reports to its vendor unless it is told not to before it is imported; here it always is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.toy import files, write

PROGRAMS = {
    "ordain": "import ordain.runtime.model",
    "edge": "import sys; sys.path.insert(0, {folder!r}); import predict",
}
EDGE = Path(__file__).parents[2] / "src/ordain/runtime/edge"


@pytest.mark.parametrize("kind", PROGRAMS)
def test_no_id_of_the_machine_is_kept(kind: str, tmp_path: Path) -> None:
    write(tmp_path, {"model.onnx": files()["model.onnx"]})
    model = str(tmp_path / "model.onnx")
    program = PROGRAMS[kind].format(folder=str(EDGE))
    program += f"; import onnxruntime; onnxruntime.InferenceSession({model!r})"
    home = tmp_path / "home"
    home.mkdir()
    # CI is among what silences it by itself, so none of the usual variables is passed on.
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment = {**kept, "HOME": str(home)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert list(home.rglob("*")) == []
