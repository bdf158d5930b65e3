"""What a stage declares is what it imports: two independent ways to find out must agree with the first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from modulefinder import ModuleFinder
from pathlib import Path

import pytest

from ordain._version import __version__
from ordain.adapters.files import read_state
from ordain.core.pipelines.layout import SCRIPTS
from ordain.core.pipelines.pipeline import CODE_TOPS, Context, context_of, is_code_path

ROOT = Path(__file__).parents[2]
FORBIDDEN = (
    "_version.py",
    "cli/",
    "services/",
    "runtime/",
    "core/pipelines/pipeline.py",
    "core/rendering/render.py",
    "adapters/git.py",
)


@pytest.fixture(scope="module")
def context() -> Context:
    return context_of(read_state(ROOT, is_code_path, tops=CODE_TOPS), __version__)


@pytest.mark.parametrize("script", SCRIPTS)
def test_declared_code_is_the_import_closure(script: str, context: Context) -> None:
    """By the standard library's module finder, which reads bytecode and follows imports in functions."""
    finder = ModuleFinder(path=[str(ROOT / "src")])
    finder.run_script(str(ROOT / "stages" / f"{script}.py"))
    files = [getattr(each, "__file__", None) for each in finder.modules.values()]
    found = {Path(each).resolve() for each in files if each}
    assert {ROOT / path for path in context.code[script]} == found


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_python_loads_is_declared(script: str, context: Context) -> None:
    program = (
        "import json, runpy, sys\n"
        f"runpy.run_path({str(ROOT / 'stages' / f'{script}.py')!r}, run_name='probe')\n"
        "print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'ordain']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, check=True, text=True, env=environment
    )
    loaded = {Path(each).resolve().relative_to(ROOT).as_posix() for each in json.loads(done.stdout)}
    assert loaded <= set(context.code[script])


def test_what_trains_nothing_retrains_nothing(context: Context) -> None:
    """But the gate, which trains nothing itself, measures every form that serves, so it runs what serves."""
    for script, code in context.code.items():
        inner = [path.removeprefix("src/ordain/") for path in code]
        inner = [path for path in inner if not (script == "gate" and path.startswith("runtime/"))]
        assert not [path for path in inner if path.startswith(FORBIDDEN)], script
        assert [path for path in code if path.startswith("stages/")] == [f"stages/{script}.py"]


def test_packaging_does_not_depend_on_learning(context: Context) -> None:
    """A change of how models learn must not by itself give an unchanged graph another artifact."""
    assert not [path for path in context.code["package"] if "/learn/" in path]
