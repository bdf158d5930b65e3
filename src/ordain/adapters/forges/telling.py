"""Telling a forge that something happened, with a token that may start jobs and needs nothing else.

This is the one thing that a pod asks of a forge, so it takes Requests and the guard, and neither client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from requests import PreparedRequest

from ordain.adapters.forges.guard import Clock, Guard, Limits, session
from ordain.adapters.forges.place import Place, Token
from ordain.errors import UserError

_EVENT = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_MOST = 10
_SIZE = 65_000
PERMISSIONS = {
    "github": ((r".*", "Contents: write, which sending an event takes there"),),
    "gitlab": ((r".*", "a pipeline trigger token of this project"),),
}


class Teller:
    """One repository on one forge, which is told and never asked.

    Args:
        place: the repository. token: on GitHub one that may send events, on GitLab a pipeline trigger token.
        limits, clock: for tests.
    """

    def __init__(
        self, place: Place, token: Token, *, limits: Limits | None = None, clock: Clock | None = None
    ) -> None:
        self._place, self._token = place, token
        self._guard = Guard(place, PERMISSIONS[place.forge], limits or Limits(), clock or Clock())

    def dispatch(self, event: str, payload: Mapping[str, str]) -> None:
        """Start the jobs that listen to an event.

        On GitHub a `repository_dispatch`; on GitLab a pipeline of the base branch, with the event and the
        payload as its inputs. Never as variables: those replace the project's own, so a project should
        refuse them from whoever holds a trigger token (docs/monitoring.md).

        Raises:
            RetryLater: when the forge is busy or away. UserError: when it refuses.
        """
        named = _EVENT.fullmatch(event) and len(payload) < _MOST and all(map(_NAME.fullmatch, payload))
        if not named or sum(map(len, payload.values())) > _SIZE:
            fix = f"name it with letters, digits and `_.-`, and keep its payload below {_SIZE} characters"
            raise UserError("a forge can't take this event", where=ascii(event[:100]), fix=fix)
        self._guard.begin()
        if self._place.forge == "github":
            self._github(event, payload)
        else:
            self._gitlab(event, payload)

    def _github(self, event: str, payload: Mapping[str, str]) -> None:
        headers = {
            "Authorization": f"Bearer {self._token.secret}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        body = {"event_type": event, "client_payload": dict(payload)}
        self._post(f"/repos/{self._place.repository}/dispatches", body, headers)

    def _gitlab(self, event: str, payload: Mapping[str, str]) -> None:
        inputs = {"event": event, **payload}
        body = {"token": self._token.secret, "ref": self._place.base, "inputs": inputs}
        self._post(f"/projects/{quote(self._place.repository, safe='')}/trigger/pipeline", body, {})

    def _post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        with session(self._guard) as made:
            made.auth = _unchanged  # or Requests would look into ~/.netrc
            made.post(f"{self._place.api}{path}", json=body, headers={"User-Agent": "ordain", **headers})


def _unchanged(request: PreparedRequest) -> PreparedRequest:
    return request
