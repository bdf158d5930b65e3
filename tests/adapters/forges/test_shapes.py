"""Answers of another shape, or of another kind, than a forge describes: an error, and nothing is decided."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ordain.adapters.forges.github import GitHub
from ordain.adapters.forges.gitlab import GitLab
from ordain.core.people.request import Draft, Status
from ordain.errors import RetryLater, UserError
from tests.adapters.forges import github_world as on_github
from tests.adapters.forges import gitlab_world as on_gitlab
from tests.adapters.forges.standin import Fault

DRAFT = Draft(branch="retrain/churn", base="main", title="T", body="B")
RED = Status(name="ordain/plan", state="failure")
Forge = GitHub | GitLab
QUESTIONS: dict[str, Callable[[Forge], object]] = {
    "merged": lambda forge: forge.merged_as(on_github.MERGED),
    "requested": lambda forge: forge.requested("retrain/churn", "main"),
    "comment": lambda forge: forge.comment(12, "plan", "x"),
    "status": lambda forge: forge.status(on_github.HEAD, [RED]),
    "open": lambda forge: forge.open_request(DRAFT),
}
NO_LIST = [
    b"{}",
    b'{"items": 5}',
    b'{"items": null}',
    b'{"items": [{}]}',
    b'{"total_count": 1}',
    b"[null]",
    b"[[]]",
]


class Hosted:
    """A forge's client, and the world that it meets."""

    def __init__(self, forge: Forge, world: on_github.World | on_gitlab.World) -> None:
        self.forge, self.server, self.world = forge, world.server, world

    def ask(self, question: str) -> None:
        """For the first time: what was written before is gone."""
        for written in ("open", "statuses", "comments", "notes"):
            getattr(self.world, written, []).clear()
        QUESTIONS[question](self.forge)

    def operations(self, question: str) -> list[tuple[str, str]]:
        """What a question asks for, when all goes well."""
        self.server.asked.clear()
        self.ask(question)
        described = self.server.description.operation
        return [(each.method, described(each.method, each.path)[0]) for each in self.server.asked]

    def refused(self, question: str, operation: tuple[str, str], fault: Fault) -> bool:
        """Whether it ends in an error when one operation is answered so."""
        self.server.faulty = {operation: fault}
        try:
            self.ask(question)
        except (UserError, RetryLater):
            return True
        finally:
            self.server.faulty = {}
        return False


@pytest.fixture(params=["github", "gitlab"])
def hosted(request: pytest.FixtureRequest) -> Hosted:
    return Hosted(request.getfixturevalue(request.param), request.getfixturevalue(f"{request.param}_world"))


@pytest.mark.parametrize("question", ["merged", "requested", "comment", "status"])
def test_what_is_no_list_where_one_is_due_is_an_error(question: str, hosted: Hosted) -> None:
    found = [each for each in hosted.operations(question) if hosted.server.description.lists(*each)]
    assert found
    for operation in found:
        for body in NO_LIST:
            assert hosted.refused(question, operation, Fault(status=200, body=body)), (operation, body)


@pytest.mark.parametrize("question", [*QUESTIONS])
def test_an_answer_that_says_nothing_is_an_error(question: str, hosted: Hosted) -> None:
    """204, which both forges keep for what was removed and, GitHub, for what was passed on."""
    for operation in hosted.operations(question):
        assert hosted.refused(question, operation, Fault(status=204, body=b"")), operation


@pytest.mark.parametrize("status", [201, 203, 206])
def test_a_question_is_answered_by_a_whole_answer(status: int, hosted: Hosted) -> None:
    """Not by a part of one, nor by what a proxy made of it."""
    for operation in hosted.operations("merged"):
        body = b"[]" if hosted.server.description.lists(*operation) else b"{}"
        assert hosted.refused("merged", operation, Fault(status=status, body=body)), operation
