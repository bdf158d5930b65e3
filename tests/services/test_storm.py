"""A 30-day alert storm gives exactly one request, whoever finds what, at every forge, whatever happens."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ordain.core.drift import proposal
from ordain.services.monitoring import retrain as service
from tests.core.signing import Person
from tests.services.storm import FORGERIES, HOUR, KEY, STRANGER, Forgery, Kind, Level, Storm, made

KINDS: tuple[Kind, ...] = ("local", "github", "gitlab")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("storm"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_thirty_days_of_drift_alerts_and_at_last_a_breach_are_one_request(
    kind: Kind, origin: Path, tmp_path: Path
) -> None:
    storm = Storm(kind, origin, tmp_path)
    for day in range(30):
        if day % 2:
            storm.alerted("draft")
            storm.restart()
        else:
            storm.found("open" if day >= 20 else "draft")
        storm.now += 24 * HOUR
        (request,) = storm.open()
        assert request.draft == (day < 20)
    assert storm.count() == 1
    assert storm.answers == ["ask", *["open"] * 19, "ready", *["open"] * 9]
    storm.end()


TIMES = (
    "9999-12-31T23:59:59Z",
    "2090-01-01T00:00:00Z",
    "2026-11-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "soon",
)
OTHER = "sha256:" + "0" * 64


@pytest.mark.slow
@pytest.mark.parametrize("what", FORGERIES)
@pytest.mark.parametrize("signer", [STRANGER, None], ids=["signed", "unsigned"])
def test_what_a_stranger_pushes_silences_nothing_and_is_never_proposed(
    what: Forgery, signer: Person | None, origin: Path, tmp_path: Path
) -> None:
    storm = Storm("local", origin, tmp_path)
    for asked, key in itertools.product(TIMES, (KEY, OTHER)):
        storm.forge(what, asked, key, signer)
    found = storm.found("open")
    assert (found.answer, found.branch) == ("ask", "retrain/churn-1")
    (request,) = storm.open()
    storm.turned_down(request, delete=True)
    storm.now += 90 * 24 * HOUR
    storm.forge(what, "9999-12-31T23:59:59Z", signer=signer)
    assert storm.found("open").answer == "known"
    assert storm.count() == 1
    storm.end()


class Killed(BaseException):
    """The process is gone."""


class Month(RuleBasedStateMachine):
    """Everything that can happen in less than 30 days, in any order; a model of it says how many requests
    there may be.

    Attributes:
        allowed: so many. unmarked: whether a breach was asked for and nothing remembers it yet.
    """

    kind: Kind
    origin: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.storm = Storm(self.kind, self.origin, self.folder)
        self.allowed = 1
        self.unmarked = False

    def teardown(self) -> None:
        self.storm.end()
        shutil.rmtree(self.folder)

    @rule(level=st.sampled_from(["draft", "draft", "open"]))
    def monitor(self, level: Level) -> None:
        self.storm.found(level)
        self._after(level)

    @rule(level=st.sampled_from(["draft", "draft", "open"]))
    def alert(self, level: Level) -> None:
        before = len(self.storm.answers)
        self.storm.alerted(level)
        if len(self.storm.answers) > before:  # it was passed on
            self._after(level)

    @rule(level=st.sampled_from(["draft", "open"]), at=st.sampled_from(["open", "mark"]))
    def killed(self, level: Level, at: str) -> None:
        """A job is killed before it opens the request, or before it leaves the mark; if it comes so far.

        A draft that asks for review, and whose mark does not say so yet, is turned down as a draft.
        """

        def dies(*_: object) -> None:
            raise Killed

        owner, name = (service, "remember") if at == "mark" else (proposal, "draft")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, name, dies)
            try:
                self.storm.found(level)
            except Killed:
                self.unmarked |= at == "mark"
                return
        self._after(level)

    @rule(hours=st.integers(1, 60))
    def later(self, hours: int) -> None:
        self.storm.now += hours * HOUR

    @rule(
        what=st.sampled_from(FORGERIES), asked=st.sampled_from(TIMES), key=st.sampled_from([KEY, OTHER]),
        signer=st.sampled_from([STRANGER, None]),
    )  # fmt: skip
    def stranger_pushes(self, what: Forgery, asked: str, key: str, signer: Person | None) -> None:
        """Whatever it says, and of whatever time: nothing here counts it, so nothing below may change."""
        self.storm.forge(what, asked, key, signer)

    @rule()
    def receiver_restarts(self) -> None:
        self.storm.restart()

    @precondition(lambda self: self.storm.open())
    @rule(merge=st.booleans(), delete=st.booleans())
    def decided(self, merge: bool, delete: bool) -> None:
        """A person merges the request or turns it down; of a draft, a breach may then bring another."""
        (request,) = self.storm.open()
        self.allowed = 2 if request.draft or self.unmarked else self.allowed
        decide = self.storm.merged if merge else self.storm.turned_down
        decide(request, delete=delete)

    @invariant()
    def there_is_one_request_at_a_time_and_never_too_many(self) -> None:
        assert len(self.storm.open()) <= 1
        assert self.storm.count() <= self.allowed

    def _after(self, level: Level) -> None:
        """Whoever was not killed leaves a request, and one that asks for review after a breach."""
        assert self.storm.count() >= 1
        self.unmarked &= level != "open"
        if level == "open" and self.storm.open():
            assert not self.storm.open()[0].draft


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_happens_in_a_month_there_is_one_request(kind: Kind, origin: Path) -> None:
    machine = type("Month", (Month,), {"kind": kind, "origin": origin})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    often = settings(max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(machine, settings=often)
