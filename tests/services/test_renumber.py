"""`ordain renumber`: two requests took one number, in real clones, before and in the middle of the merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from ordain.cli.main import ordain
from ordain.core.gating.release import Release
from ordain.errors import UserError
from ordain.services.releases.renumber import renumber

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.services.world import World

CHURN_2 = "releases/churn/2.yaml"


def read(where: Path, path: str) -> Any:
    return yaml.safe_load((where / path).read_text())


def pinned(where: Path, environment: str = "staging") -> int:
    found: int = read(where, f"environments/{environment}.yaml")["models"]["churn"]["release"]
    return found


def rename(namespace: str) -> Callable[[Any], None]:
    """An edit of an environment file that is no pin."""
    return lambda value: value.update(namespace=namespace)


def request(world: World, who: str, number: int) -> str:
    """A pushed branch on which somebody releases churn, not knowing of anybody else."""
    where = world.branch(who, f"{who}-release")
    return world.add_release(who, where, ("churn", number), salt=who)


@pytest.fixture
def late(running: World) -> World:
    """Dana's churn@2 was merged; Ravi's, made from the same main, was not."""
    first, second = request(running, "dana", 2), request(running, "ravi", 2)
    running.deploy(first, "ravi")
    running.git("ravi", "fetch", "-q", "origin")
    assert running.git("ravi", "branch", "--show-current") == second
    return running


def conflicted(world: World, who: str = "ravi") -> list[str]:
    """Merge main in somebody's clone; what conflicts."""
    world.git(who, "merge", "-q", "origin/main", check=False)
    return world.git(who, "diff", "--name-only", "--diff-filter=U").splitlines()


def ends_well(world: World) -> None:
    """Ravi's branch can be approved and merged, and both releases are there."""
    where = world.enter("ravi")
    records = [msgspec.convert(read(where, f"releases/churn/{n}.yaml"), Release) for n in (2, 3)]
    assert [each.digest for each in records] == [each.computed_digest() for each in records]
    assert records[0].artifact != records[1].artifact
    assert (where / CHURN_2).read_text() == world.git("ravi", "show", f"origin/main:{CHURN_2}") + "\n"
    assert pinned(where) == 3
    outcome = world.deploy(world.push("ravi"), "dana")
    (decision,) = (each for entry in outcome.entries for each in entry.decisions)
    assert decision.approved
    assert decision.release is not None
    assert decision.release.label == "churn@3"
    assert decision.release.artifact == records[1].artifact


def test_git_itself_says_that_two_requests_took_one_number(late: World) -> None:
    assert CHURN_2 in conflicted(late)


def test_in_the_middle_of_the_merge_the_later_one_moves(late: World) -> None:
    conflicted(late)
    done = renumber(late.enter("ravi"), "churn")
    assert (done.moved, done.pinned, done.merging) == ((("churn@2", "churn@3"),), ("staging",), True)
    assert set(done.written) == {CHURN_2, "releases/churn/3.yaml", "environments/staging.yaml"}
    late.git("ravi", "add", *done.written)
    late.git("ravi", "commit", "-q", "-m", "Merge main; churn@3")
    assert late.git("ravi", "status", "--porcelain") == ""
    ends_well(late)


def test_before_the_merge_it_moves_too_and_the_pin_that_then_conflicts_is_settled(late: World) -> None:
    done = renumber(late.enter("ravi"), "churn")
    assert not done.merging
    late.commit("ravi", "Make way")
    assert conflicted(late) == ["environments/staging.yaml"]  # Dana's pin and ours
    again = renumber(late.enter("ravi"), "churn")
    assert (again.moved, again.pinned) == ((), ("staging",))
    late.git("ravi", "add", *again.written)
    late.git("ravi", "commit", "-q", "-m", "Merge main")
    ends_well(late)


def test_a_second_run_finds_what_the_first_wrote(late: World) -> None:
    conflicted(late)
    first = renumber(late.enter("ravi"), "churn")
    second = renumber(late.enter("ravi"), "churn")
    assert second.moved == first.moved
    assert second.written == ()


def test_a_number_of_any_branch_or_of_the_past_is_not_taken(late: World) -> None:
    """churn@3 stands on a branch of Mei's, and churn@4 was once on one and is gone."""
    request(late, "mei", 3)
    where = late.branch("omar", "gone")
    late.add_release("omar", where, ("churn", 4), salt="omar")
    late.git("omar", "rm", "-q", "releases/churn/4.yaml")
    late.pin(where, "staging", "churn", 1)
    late.commit("omar", "Never mind")
    late.push("omar")
    late.git("ravi", "fetch", "-q", "origin")
    conflicted(late)
    assert renumber(late.enter("ravi"), "churn").moved == (("churn@2", "churn@5"),)


def test_what_this_branch_did_not_pin_is_left_alone(late: World) -> None:
    """Production still runs an older release of the same model; its pin is not ours."""
    where = late.branch("ada", "production")
    late.pin(where, "production", "churn", 1)
    late.commit("ada", "Production")
    late.merge(late.push("ada"))
    late.git("ravi", "fetch", "-q", "origin")
    late.git("ravi", "checkout", "-q", "ravi-release")
    conflicted(late)
    assert renumber(late.enter("ravi"), "churn").pinned == ("staging",)
    assert pinned(late.enter("ravi"), "production") == 1


def test_a_file_with_other_conflicts_is_for_people_and_nothing_is_written(late: World) -> None:
    for who, limit in (("ravi", "ours"), ("dana", "theirs")):
        where = late.branch("dana", "limits") if who == "dana" else late.enter("ravi")
        late.edit(where, "environments/staging.yaml", rename(limit))
        late.commit(who, "Another namespace")
    late.merge(late.push("dana"))
    late.git("ravi", "fetch", "-q", "origin")
    assert "environments/staging.yaml" in conflicted(late)
    before = late.git("ravi", "status", "--porcelain")
    with pytest.raises(UserError, match="more than the pin") as caught:
        renumber(late.enter("ravi"), "churn")
    assert caught.value.where == "environments/staging.yaml"
    assert late.git("ravi", "status", "--porcelain") == before


@pytest.mark.parametrize(("model", "what"), [("churn", "no release of churn"), ("moon", "no model `moon`")])
def test_where_no_number_is_taken_twice_nothing_moves(running: World, model: str, what: str) -> None:
    running.branch("dana", "fresh")
    with pytest.raises(UserError, match=what):
        renumber(running.enter("dana"), model)


def test_without_a_base_branch_it_says_what_to_fetch(running: World) -> None:
    running.branch("dana", "fresh")
    running.git("dana", "update-ref", "-d", "refs/remotes/origin/main")
    running.git("dana", "branch", "-q", "-D", "main", check=False)
    with pytest.raises(UserError, match="base branch main is not"):
        renumber(running.enter("dana"), "churn")


def test_the_command_says_what_to_add(late: World) -> None:
    ran = CliRunner().invoke(ordain, ["renumber", "churn", "-C", str(late.enter("ravi"))])
    assert ran.exit_code == 0, ran.output
    assert "churn@2 is now churn@3" in ran.output
    assert f"git add {CHURN_2} releases/churn/3.yaml environments/staging.yaml" in ran.output
    assert "git merge origin/main" in ran.output
