"""Requests of the embedded forge, over real Git."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from ordain.adapters.git import Repository
from ordain.adapters.requests_local import COMMENTS, FOLDER, READY, LocalRequests
from ordain.core.people.request import Draft, Section
from tests.services.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def forge(world: World, who: str = "ada") -> LocalRequests:
    clone = Repository(world.enter(who))
    return LocalRequests(clone, str(world.origin), lambda: dt.datetime(2026, 11, 27, tzinfo=dt.UTC))


def pushed(world: World, branch: str, who: str = "ada") -> Draft:
    world.branch(who, branch)
    world.commit(who, f"Work on {branch}")
    world.push(who)
    return Draft(branch=branch, base="main", title="Retrain", body="Because.", labels=("retrain:churn",))


def test_a_request_is_open_until_its_branch_is_merged_or_gone(world: World) -> None:
    requests = forge(world)
    assert requests.open_requests("retrain:churn") == ()
    assert requests.open_request(pushed(world, "retrain/churn-1")) == f"{FOLDER}/1"
    (found,) = requests.open_requests("retrain:churn")
    assert (found.number, found.branch, found.created) == (1, "retrain/churn-1", "2026-11-27T00:00:00Z")
    assert "ada@x.example" in (found.author or "")
    assert requests.open_requests("retrain:fraud") == ()
    world.merge("retrain/churn-1")  # and the branch is left standing
    assert requests.open_requests("retrain:churn") == ()
    assert requests.open_request(pushed(world, "retrain/churn-2")) == f"{FOLDER}/2"
    world.run(world.origin, "git", "update-ref", "-d", "refs/heads/retrain/churn-2")
    assert requests.open_requests("retrain:churn") == ()
    assert requests.requested("retrain/churn-2", "main")  # whatever became of it
    assert not requests.requested("retrain/churn-3", "main")
    record = requests.record(2)
    assert record is not None
    assert record.body == "Because."
    assert requests.record(9) is None


def test_a_long_request_is_kept_in_a_record_that_is_read(world: World) -> None:
    """Quotes and controls count as a record writes them."""
    parts = tuple(Section(name=name, text=name * 300_000) for name in ("\x00", "x", '"', "é"))
    draft = replace(pushed(world, "retrain/churn-1"), sections=parts, whole="`a.json`")
    requests = forge(world)
    assert requests.open_request(draft) == f"{FOLDER}/1"
    assert [each.number for each in requests.open_requests("retrain:churn")] == [1]
    record = requests.record(1)
    assert record is not None
    assert record.body.startswith("Because.\n\nxxx")
    assert record.body.endswith("left out (\x00, é): whole in `a.json`.*")


def test_a_draft_asks_for_review_once_it_is_said_to(world: World) -> None:
    requests = forge(world)
    requests.open_request(replace(pushed(world, "retrain/churn-1"), draft=True))
    (found,) = requests.open_requests("retrain:churn")
    assert found.draft
    requests.ready(1, "labels show it")
    requests.ready(1, "said again")
    (found,) = forge(world, "bo").open_requests("retrain:churn")
    assert not found.draft
    told = world.run(world.origin, "git", "cat-file", "blob", f"{READY}/1")
    assert told == "labels show it"


def test_a_comment_is_kept_once_for_each_marker(world: World) -> None:
    requests = forge(world)
    requests.open_request(pushed(world, "work"))
    requests.comment(1, "found-a", "plan is gone")
    forge(world, "bo").comment(1, "found-a", "plan is still gone")
    forge(world, "bo").comment(1, "found-b", "tenure moved")
    told = [world.run(world.origin, "git", "cat-file", "blob", f"{COMMENTS}/1/found-{each}") for each in "ab"]
    assert told == ["plan is gone", "tenure moved"]


def test_opening_twice_is_opening_once(world: World) -> None:
    draft = pushed(world, "work")
    assert forge(world).open_request(draft) == forge(world).open_request(draft) == f"{FOLDER}/1"


def test_those_who_race_get_a_number_each(world: World) -> None:
    drafts = [pushed(world, f"work-{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        names = list(pool.map(forge(world).open_request, drafts))
    assert sorted(names) == [f"{FOLDER}/{number}" for number in range(1, 5)]
    assert len(forge(world).open_requests("retrain:churn")) == 4


def test_what_is_no_record_is_passed_over(world: World) -> None:
    where = world.enter("ada")
    odd = {
        "1": b"no json", "x": b"{}", "3": b"x" * (2**20 + 1),
        "4": b'{"branch": "../x", "base": "--upload-pack", "title": "", "body": "", "labels": ["l"], '
             b'"author": "", "created": ""}',
    }  # fmt: skip
    for name, data in odd.items():
        (blob,) = Repository(where).write_blobs([data])
        world.git("ada", "push", "-q", "origin", f"{blob}:{FOLDER}/{name}")
    assert forge(world).open_requests("l") == ()
    assert forge(world).open_request(pushed(world, "work")) == f"{FOLDER}/5"
