"""The README's own commands, run as they stand by somebody who has read nothing else, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
EXITS = re.compile(r"#.*\bexits with (\d+)")


class Line:
    """A command, and what the README says it prints: `…` stands for anything."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.shown: list[str] = []
        found = EXITS.search(command)
        self.code = int(found[1]) if found else 0


def blocks(section: str) -> list[list[Line]]:
    """The console blocks below one heading, each as its commands."""
    text = README.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        lines: list[Line] = []
        for each in re.sub(r"\\\n *", "", block).splitlines():
            if each.startswith("$ "):
                lines.append(Line(each[2:]))
            else:
                lines[-1].shown.append(each)
        found.append(lines)
    return found


OWN = blocks("Use it on your own data")
INSTALL, FORGE = OWN[0], OWN[-1]


class Newcomer:
    """A person with an empty home and an empty folder."""

    def __init__(self, root: Path) -> None:
        (root / "home/.ssh").mkdir(parents=True, mode=0o700)
        (root / "work").mkdir()
        self.home, self.here = root / "home", root / "work"
        self.told = root / "told"

    def types(self, line: Line) -> None:
        """Run a command where the one before it ended, and compare what it prints."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ORDAIN_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**kept, "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", "PATH": path}
        script = f"trap 'pwd > \"{self.told}\"' EXIT\n{line.command}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.here,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == line.code, f"{line.command}\n{said}"
        self.here = Path(self.told.read_text().strip())
        for each in line.shown:
            pattern = re.escape(each).replace("…", ".*")
            assert re.search(rf"^{pattern}$", said, re.MULTILINE), f"{line.command}\n{each}\n{said}"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_a_csv_to_an_approved_reconciled_model(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    for block in OWN[1:-1]:
        for line in block:
            newcomer.types(line)
    shop = tmp_path / "work/shop"
    assert (shop / "manifests/staging/tumours/deployment.yaml").is_file()
    assert (shop / "scores.csv").is_file()


def test_a_repository_on_a_forge_is_founded(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    for line in [*OWN[1], *OWN[2], *FORGE]:
        newcomer.types(line)
    assert (tmp_path / "work/shop/.github/workflows/reconcile.yml").is_file()


def test_what_is_installed_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = re.findall(r"ordain\[([a-z0-9,-]+)\]", README)
    assert named
    assert {each for group in named for each in group.split(",")} <= set(extras)


def test_the_two_commands_are_targets() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert [line.command.split()[1] for line in blocks("See it run")[0]] == ["demo", "test"]
    assert {"demo", "test"} <= set(targets)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
