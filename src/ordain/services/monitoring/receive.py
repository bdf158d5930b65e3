"""`ordain receive`: Alertmanager's webhooks, passed on to the forge whose jobs open requests.

It holds no clone and no key: a forge is told, and `ordain retrain` there decides whether there is a request
already. Nothing is kept but when something was last passed on, so a restart loses nothing that matters.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable

from msgspec import Struct

from ordain.core.drift import alerts
from ordain.core.drift.alerts import Said
from ordain.errors import RetryLater, UserError
from ordain.ports import Dispatches
from ordain.services.monitoring.tell import EVENT

QUIET = dt.timedelta(hours=1)
MOST = 10_000
LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)
# Model, environment, level and name of an alert.
Key = tuple[str, str, str, str]


class Answer(Struct, frozen=True):
    """What the sender is told: an HTTP status, by which Alertmanager tries again or not, and why."""

    status: int
    told: str


class Receiver:
    """Passes alerts on, the same ones at most once an hour.

    Args:
        forge: that is told. clock: the present time.
    """

    def __init__(self, forge: Dispatches, clock: Callable[[], dt.datetime]) -> None:
        self._forge, self._clock = forge, clock
        self._sent: dict[Key, dt.datetime] = {}
        self._lock = threading.Lock()

    def receive(self, body: bytes) -> Answer:
        """One message; it may be received from several threads at once."""
        try:
            found = alerts.said(alerts.read(body))
        except UserError as error:
            return Answer(400, str(error))
        with self._lock:
            return self._pass_on(found)

    def _pass_on(self, found: tuple[Said, ...]) -> Answer:
        told = []
        try:
            for each in found:
                keys, now = _keys(each), self._clock()
                if any(now - self._sent.get(key, LONG_AGO) >= QUIET for key in keys):
                    self._forge.dispatch(EVENT, {"model": each.model, "evidence": each.evidence})
                    self._remember(keys, now)
                    told.append(f"{each.model}@{each.environment}: {each.level}")
        except RetryLater as error:
            return Answer(503, str(error))
        except UserError as error:
            return Answer(502, f"{error}; {error.fix}")
        return Answer(200, ", ".join(told) or "nothing that calls for a request")

    def _remember(self, keys: Iterable[Key], now: dt.datetime) -> None:
        """Note what was passed on; of too many the oldest are forgotten, and passed on again if they come."""
        for key in keys:
            self._sent.pop(key, None)  # so that the newest stand last
            self._sent[key] = now
        kept = [(key, when) for key, when in self._sent.items() if now - when < QUIET]
        self._sent = dict(kept[-MOST:])


def _keys(found: Said) -> list[Key]:
    """What makes an alert the same as another; a breach is not the same as a draft."""
    return [(found.model, found.environment, found.level, name) for name in found.names]
