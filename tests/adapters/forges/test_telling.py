"""Telling a forge what a monitor found, with a token that is good for nothing else."""

from __future__ import annotations

import logging

import pytest

from ordain.adapters.forges.place import Place, Token, place_of
from ordain.adapters.forges.telling import Teller
from ordain.errors import RetryLater, UserError
from tests.adapters.forges import github_world as on_github
from tests.adapters.forges import gitlab_world as on_gitlab
from tests.adapters.forges.conftest import LIMITS, Slept
from tests.adapters.forges.standin import TOKEN, Fault

PAYLOAD = {"model": "churn", "evidence": '{"model":"churn"}'}


@pytest.fixture
def github_teller(github_place: Place, github_world: on_github.World, slept: Slept) -> Teller:
    return Teller(github_place, Token(TOKEN), limits=LIMITS, clock=slept.clock)


@pytest.fixture
def gitlab_teller(gitlab_world: on_gitlab.World, slept: Slept) -> Teller:
    place = place_of("gitlab", f"{gitlab_world.server.origin}/{on_gitlab.NAME}", "main")
    return Teller(place, Token(TOKEN), limits=LIMITS, clock=slept.clock)


def test_github_is_sent_the_event_that_its_workflow_listens_to(
    github_teller: Teller, github_world: on_github.World
) -> None:
    github_teller.dispatch("ordain-retrain", PAYLOAD)
    (asked,) = github_world.server.asked
    assert (asked.method, asked.path) == ("POST", "/repos/acme/churn/dispatches")
    assert asked.body == {"event_type": "ordain-retrain", "client_payload": PAYLOAD}


def test_gitlab_starts_a_pipeline_by_a_trigger_token_and_nothing_else(
    gitlab_teller: Teller, gitlab_world: on_gitlab.World
) -> None:
    gitlab_teller.dispatch("ordain-retrain", PAYLOAD)
    (asked,) = gitlab_world.server.asked
    assert (asked.method, asked.places) == ("POST", (on_gitlab.NAME,))
    assert asked.body["ref"] == "main"
    assert asked.body["inputs"] == {"event": "ordain-retrain", **PAYLOAD}
    assert "variables" not in asked.body  # which would replace the project's own
    assert "Authorization" not in asked.headers


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("no event", PAYLOAD),
        ("", PAYLOAD),
        ("e", {"not a name": "x"}),
        ("e", {"evidence": "x" * 65_001}),
        ("e", {f"n{at}": "x" for at in range(10)}),
    ],
)
def test_what_no_forge_takes_is_not_sent(
    event: str, payload: dict[str, str], github_teller: Teller, github_world: on_github.World
) -> None:
    with pytest.raises(UserError, match="can't take this event"):
        github_teller.dispatch(event, payload)
    assert github_world.server.asked == []


def test_a_refusal_names_what_the_token_needs_and_not_the_token(
    github_teller: Teller, gitlab_teller: Teller, caplog: pytest.LogCaptureFixture,
    github_world: on_github.World, gitlab_world: on_gitlab.World,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    github_world.server.faulty["POST", on_github.DISPATCHES] = Fault(status=403)
    gitlab_world.server.faulty["POST", on_gitlab.TRIGGER] = Fault(status=404)
    for teller, words in ((github_teller, "Contents: write"), (gitlab_teller, "pipeline trigger token")):
        with pytest.raises(UserError) as caught:
            teller.dispatch("e", PAYLOAD)
        assert words in caught.value.fix
        assert TOKEN not in f"{caught.value} {caught.value.fix} {caplog.text}"


def test_a_forge_that_is_away_is_told_later(github_teller: Teller, github_world: on_github.World) -> None:
    github_world.server.faults = [Fault(status=503)]
    with pytest.raises(RetryLater):
        github_teller.dispatch("e", PAYLOAD)
