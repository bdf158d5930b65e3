"""Rules about the code itself: sizes, asserts, and what must never be written into the repository."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")])
MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS = 300, 40, 5


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", CODE, ids=name)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < MAX_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION, f"{node.name} has {lines} lines"
            if "/cli/" not in name(path):  # a verb's options are its parameters
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                count = sum(each.arg not in {"self", "cls"} for each in arguments)
                assert count <= MAX_PARAMETERS, f"{node.name} has {count} parameters"


@pytest.mark.parametrize("path", CODE, ids=name)
def test_no_assert_guards_anything(path: Path) -> None:
    """Python drops asserts under -O, so a check in the package raises."""
    assert not [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Assert)]


def tracked_text() -> list[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    found = []
    for relative in filter(None, listed.split("\0")):
        path = ROOT / relative
        if path.is_file() and path.suffix not in {".csv", ".png", ".parquet"}:
            found.append((relative, path.read_text(encoding="utf-8", errors="replace")))
    return found


def test_nothing_names_an_index_host() -> None:
    hosts = re.compile(r"https?://[a-z.-]*(py" + r"pi|pythonhosted|npm" + r"js|deb" + r"ian)", re.IGNORECASE)
    assert [path for path, text in tracked_text() if hosts.search(text)] == []


def test_private_keys_are_only_the_open_examples() -> None:
    marker = "BEGIN OPENSSH" + " PRIVATE KEY"
    holders = [path for path, text in tracked_text() if marker in text]
    assert all(path.startswith("examples/insecure-identities/") for path in holders)


def test_modules_that_pages_name_are_there() -> None:
    """The map of the code is drawn by hand; a module that moves takes its name there along."""
    named = {
        (page, name)
        for page, text in tracked_text()
        if page.startswith("docs/")
        for name in re.findall(r"`((?:core|services|adapters|runtime|learn|watch)/[\w/]+?)(?:\.py)?`", text)
    }
    assert {name for page, name in named if page == "docs/architecture.md"}
    package = ROOT / "src" / "ordain"
    assert [
        (page, name)
        for page, name in sorted(named)
        if not (package / name).is_dir() and not (package / f"{name}.py").is_file()
    ] == []


def test_help_imports_nothing_heavy() -> None:
    """`ordain --help` is fast because it imports click and its own table, and this proves it."""
    program = (
        "import sys\nfrom ordain.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted(m for m in sys.modules if '.' not in m), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pandas", "sklearn", "onnx", "dvc", "git", "rich", "jinja2", "yaml", "msgspec"}
    assert not heavy & set(ast.literal_eval(done.stderr))
    assert "reconcile" in done.stdout
