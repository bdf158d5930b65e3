"""docs/forges.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from ordain.adapters.forges import github, gitlab
from ordain.adapters.forges.gitlab_settings import ApprovalSettings, Project, unsafe
from ordain.adapters.forges.guard import Limits
from ordain.adapters.forges.reading import MOST

PAGE = (Path(__file__).parents[3] / "docs" / "forges.md").read_text()
SOURCES = Path(github.__file__).parent


def test_every_permission_is_listed() -> None:
    for _, words in (*github.PERMISSIONS, *gitlab.PERMISSIONS):
        assert f"| {words} |" in PAGE


def test_every_reason_not_to_believe_a_forge_is_listed() -> None:
    listed = set(re.findall(r"^\| `([a-z_-]+)` \|", PAGE, re.MULTILINE))
    written = {
        name
        for pattern in ("*_answers.py", "*_settings.py")
        for path in SOURCES.glob(pattern)
        for name in re.findall(r'"([a-z-]+-not-[a-z]+)"', path.read_text())
    }
    everything = unsafe(Project(id=1, path_with_namespace="a/b", fork_pipelines=True), ApprovalSettings())
    assert listed | {"rule-suites-not-listed"} == written | set(everything)
    assert "`rule-suites-not-listed`" in PAGE


def test_the_limits_are_what_the_page_says() -> None:
    limits = Limits()
    for said in (
        f"{limits.size // 2**20} MiB",
        f"{limits.requests} requests",
        f"{limits.patience:.0f} seconds in all",
        f"{MOST} rows",
    ):
        assert said in PAGE
    assert limits.attempts == 4
