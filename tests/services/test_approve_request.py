"""`ordain approve --request`: a merge request on GitLab, looked at, approved at that commit, and counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ordain.adapters.forges.gitlab import GitLab
from ordain.adapters.forges.place import Token, place_of
from ordain.cli.console import USAGE, run_command
from ordain.cli.main import ordain
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.reconciling.order import Place
from tests.adapters.forges.gitlab_world import APPROVE
from tests.adapters.forges.standin import TOKEN, Asked, StandIn, standing_in
from tests.e2e.lab import Lab
from tests.services.world import PEOPLE, World

REPOSITORY = "local/test"


class OnGitLab:
    """A world whose requests live on GitLab, and people with tokens."""

    def __init__(self, root: Path, server: StandIn, patch: pytest.MonkeyPatch) -> None:
        people: dict[str, Any] = World.policy()["people"]
        for name, person in people.items():
            person["logins"] = {"gitlab": f"{name}-gl"}
        self.world = World(root, {"forge": "gitlab", "people": people})
        self.server = server
        logins = {f"{name}@x.example": f"{name}-gl" for name in PEOPLE}
        self.lab = Lab(server, self.world.origin, REPOSITORY, logins)
        self.page = f"{server.origin}/{REPOSITORY}"
        told = {"ORDAIN_FORGE_URL": self.page, "GITLAB_TOKEN": TOKEN, "ORDAIN_STORE": str(root / "store")}
        for name, text in told.items():
            patch.setenv(name, text)

    def propose(self) -> int:
        """Dana releases churn, by a merge request."""
        number = self.lab.propose(self.world.release("dana", "churn", 1), "dana-gl")
        self.lab.request_of(number)
        return number

    def run(self, who: str, *words: str, account: str = "") -> Result:
        """The command in somebody's clone, with their token."""
        self.lab.account = self.lab.ids[account or f"{who}-gl"]
        return CliRunner().invoke(
            ordain, ["approve", *words, "-C", str(self.world.enter(who))], catch_exceptions=True
        )

    def given(self, number: int) -> list[str]:
        return [each["user"]["username"] for each in self.lab.given.get(number, [])]


@pytest.fixture
def gitlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OnGitLab]:
    with standing_in("gitlab", "/api/v4") as server:
        yield OnGitLab(tmp_path, server, monkeypatch)


def refusal(done: Result) -> UserError:
    assert isinstance(done.exception, UserError), done.output
    return done.exception


def test_what_is_looked_at_is_approved_and_then_counts(gitlab: OnGitLab) -> None:
    world, number = gitlab.world, gitlab.propose()
    done = gitlab.run("ravi", "--request", str(number))
    head = gitlab.lab.request_of(number)["sha"]
    assert f"ravi approved {head[:12]}:" in done.output
    assert "staging/churn: deploy churn@1  nothing -> sha256:" in done.output
    assert "warning" not in done.output
    (sent,) = [each for each in gitlab.server.asked if each.method == "POST"]
    assert sent.body == {"sha": head}
    merged = world.merge("churn-1")
    gitlab.lab.merge(number, merged)
    forge = GitLab(place_of("gitlab", gitlab.page, "main"), Token(TOKEN))
    entries = world.reconcile(requests=lambda _: forge, target=Place(str(world.origin), "live")).entries
    forge.close()
    (decision,) = [each for each in entries[-1].decisions if each.transition.model == "churn"]
    assert (decision.reason, [each.person for each in decision.approvals]) == (Reason.APPROVED, ["ravi"])


def test_it_is_told_as_json_and_a_second_time_changes_nothing(gitlab: OnGitLab) -> None:
    number = gitlab.propose()
    first, second = (json.loads(gitlab.run("ravi", "--request", str(number), "--json").output) for _ in "ab")
    assert first["reference"] == f"{gitlab.page}/-/merge_requests/{number}"
    assert (first["repeated"], second["repeated"]) == (False, True)
    assert [each["approvers"] for each in second["transitions"]] == [["ravi"], ["ravi"]]
    assert gitlab.given(number) == ["ravi-gl"]
    assert "ravi had approved" in gitlab.run("ravi", "--request", str(number)).output


def test_what_moves_meanwhile_is_not_approved(gitlab: OnGitLab) -> None:
    """Dana pushes after Ravi read the transitions, and before GitLab hears of Ravi."""
    world, number = gitlab.world, gitlab.propose()

    def pushed(asked: Asked) -> tuple[int, Any]:
        world.write(world.enter("dana"), "README.md", "More")
        world.commit("dana", "More")
        world.push("dana")
        return gitlab.lab._approve(asked)

    gitlab.server.on("POST", APPROVE, pushed)
    seen = gitlab.lab.request_of(number)["sha"]
    error = refusal(gitlab.run("ravi", "--request", str(number)))
    now = gitlab.lab.request_of(number)["sha"]
    assert str(error).startswith(f"!{number} has moved from {seen[:12]} to {now[:12]}; nothing was approved")
    assert gitlab.given(number) == []


def test_an_approval_that_outlived_a_push_is_no_second_one(gitlab: OnGitLab) -> None:
    """As where a project keeps approvals; GitLab takes no second, and the first covers the old commit."""
    number = gitlab.propose()
    gitlab.lab.approve(number, "ravi-gl")
    gitlab.world.write(gitlab.world.enter("dana"), "README.md", "More")
    gitlab.world.commit("dana", "More")
    gitlab.world.push("dana")
    error = refusal(gitlab.run("ravi", "--request", str(number)))
    assert (error.reason, "ravi-gl approved an earlier commit" in str(error)) == (Reason.STALE_APPROVAL, True)


def test_settings_that_unbind_approvals_are_warned_of(gitlab: OnGitLab) -> None:
    number = gitlab.propose()
    gitlab.lab.settings["reset_approvals_on_push"] = False
    done = gitlab.run("ravi", "--request", str(number))
    assert "warning: this will be refused all the same: reset_approvals_on_push" in done.output
    assert "next: a maintainer of the project" in done.output


def test_whoever_made_it_or_pushed_to_it_is_refused(gitlab: OnGitLab) -> None:
    number = gitlab.propose()
    gitlab.lab.said[number] = [gitlab.lab.note(1, "ravi-gl", "added 1 commit", system=True)]
    for who in ("dana", "ravi"):
        error = refusal(gitlab.run(who, "--request", str(number)))
        assert (error.reason, f"{who} contributed to this" in str(error)) == (Reason.SELF_APPROVAL, True)
    assert gitlab.given(number) == []


def test_strangers_and_bots_are_refused(gitlab: OnGitLab) -> None:
    number = gitlab.propose()
    gitlab.lab.ids |= {"stranger": 70, "ordain-bot": 71}
    error = refusal(gitlab.run("ravi", "--request", str(number), account="stranger"))
    assert (error.reason, "stranger speaks for nobody" in str(error)) == (Reason.ACCOUNT_UNKNOWN, True)
    error = refusal(gitlab.run("ravi", "--request", str(number), account="ordain-bot"))
    assert "personal access token" in error.fix
    assert gitlab.given(number) == []


def test_a_request_without_anything_to_approve(gitlab: OnGitLab) -> None:
    world = gitlab.world
    world.write(world.branch("dana", "readme"), "README.md", "Hello")
    world.commit("dana", "Say hello")
    number = gitlab.lab.propose(world.push("dana"), "dana-gl")
    assert "nothing to approve: this revision" in str(refusal(gitlab.run("ravi", "--request", str(number))))


@pytest.mark.parametrize("state", ["closed", "merged"])
def test_a_request_that_is_not_open(state: str, gitlab: OnGitLab) -> None:
    number = gitlab.propose()
    gitlab.lab.merges[number]["state"] = state
    error = refusal(gitlab.run("ravi", "--request", str(number)))
    assert str(error).startswith(f"request {number} is not open, so there is nothing to approve")
    assert [each for each in gitlab.server.asked if each.method == "POST"] == []


@pytest.mark.parametrize("head", ["f" * 40, "main", "HEAD", ""])
def test_a_commit_that_the_origin_does_not_have(head: str, gitlab: OnGitLab) -> None:
    number = gitlab.propose()
    told = {**gitlab.lab.request_of(number), "sha": head}
    gitlab.server.on("GET", "/projects/{id}/merge_requests/{merge_request_iid}", told)
    error = refusal(gitlab.run("ravi", "--request", str(number)))
    assert "the origin does not have that commit" in str(error)
    assert gitlab.given(number) == []


@pytest.mark.parametrize(("forge", "why"), [("local", "use --key"), ("github", "review on GitHub carries")])
def test_elsewhere_it_is_wrong_usage(
    forge: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(tmp_path, {"forge": forge})
    words = ["approve", "--request", "12", "-C", str(world.enter("ravi"))]
    with pytest.raises(SystemExit) as ended:
        run_command(ordain, words)
    said = " ".join(capsys.readouterr().err.split())
    assert (ended.value.code, why in said) == (USAGE, True)


@pytest.mark.parametrize(
    "words", [(), ("--key", "k", "--request", "1"), ("HEAD", "--request", "1"), ("--request", "0")]
)
def test_one_of_two_ways(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(ordain, ["approve", *words])
    assert ended.value.code == USAGE
