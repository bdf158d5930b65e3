from __future__ import annotations

import pytest

from ordain.core.pipelines.closure import files_of, import_closures, imported

SOURCES = {
    "stages/train.py": b"import os\nfrom ordain.learn.train import train\n",
    "stages/select.py": b"import ordain.core.spec\n",
    "src/ordain/__init__.py": b"",
    "src/ordain/errors.py": b"",
    "src/ordain/_version.py": b"",
    "src/ordain/core/__init__.py": b"from . import spec\n",
    "src/ordain/core/spec.py": b"from ..errors import UserError\n",
    "src/ordain/learn/__init__.py": b"",
    "src/ordain/learn/train.py": b"def train():\n    from . import fold\n    from .fold import a\n",
    "src/ordain/learn/fold.py": b"import ordain.learn.train  # a circle\n",
}
BASE = ("src/ordain/__init__.py",)
CORE = ("src/ordain/core/__init__.py", "src/ordain/core/spec.py", "src/ordain/errors.py")


def test_the_closure_is_the_script_and_all_that_it_reaches() -> None:
    found = import_closures(["stages/train.py", "stages/select.py"], SOURCES)
    learn = tuple(f"src/ordain/learn/{name}.py" for name in ("__init__", "fold", "train"))
    assert found == {
        "stages/train.py": (*BASE, *learn, "stages/train.py"),
        "stages/select.py": (*BASE, *CORE, "stages/select.py"),
    }


@pytest.mark.parametrize(
    ("path", "source", "names"),
    [
        ("stages/a.py", b"import ordain.core.spec as s, os.path", ["ordain.core.spec"]),
        ("stages/a.py", b"from ordain.core import spec, other", ["ordain.core.spec", "ordain.core.other"]),
        ("stages/a.py", b"from ordain import errors", ["ordain.errors"]),
        ("stages/a.py", b"from ordainment import x\nimport ordainment", []),
        ("src/ordain/a/b.py", b"from . import c", ["ordain.a.c"]),
        ("src/ordain/a/b.py", b"from .c import d", ["ordain.a.c.d"]),
        ("src/ordain/a/b.py", b"from ..c.d import *", ["ordain.c.d.*"]),
        ("src/ordain/a/__init__.py", b"from .b import c", ["ordain.a.b.c"]),
        ("src/ordain/a/b.py", b"if x:\n  try:\n    import ordain.z\n  except E: pass", ["ordain.z"]),
    ],
)
def test_every_way_to_import_counts(path: str, source: bytes, names: list[str]) -> None:
    assert list(imported(path, source)) == names


def test_a_name_inside_a_module_is_the_module() -> None:
    assert files_of("ordain.core.spec.Models", SOURCES) == [*BASE, "src/ordain/core/__init__.py", CORE[1]]
    assert files_of("ordain.nothing", SOURCES) == [*BASE]


def test_what_is_not_python_is_named() -> None:
    with pytest.raises(SyntaxError) as caught:
        import_closures(["stages/a.py"], {"stages/a.py": b"import ordain.\n"})
    assert caught.value.filename == "stages/a.py"
