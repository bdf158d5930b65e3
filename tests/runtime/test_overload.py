"""More than it can do, for as long as it takes: 200 or 503 with when to come back, and memory that stays."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.runtime.test_lifecycle import resident
from tests.runtime.toy import ROW, Running, limited, tensors

CLIENTS, EACH = 16, 12
PLAIN = json.dumps(
    {"inputs": tensors(*[{**ROW, "visits": 3.0}] * 4000)}
).encode()  # odd, so read the long way
FORMS = {"plain": (PLAIN, {}), "gzip": (gzip.compress(PLAIN), {"Content-Encoding": "gzip"})}
HELD = 4 * len(PLAIN)


def ask(running: Running, form: str, answers: list[httpx.Response]) -> None:
    body, headers = FORMS[form]
    with httpx.Client(base_url=running.client.base_url, timeout=60) as client:
        path = "/v2/models/toy/infer"
        answers += [client.post(path, content=body, headers=headers) for _ in range(EACH)]


def crowd(running: Running, form: str, answers: list[httpx.Response]) -> float:
    """Many clients at once; MB of memory afterwards."""
    asking = [threading.Thread(target=ask, args=(running, form, answers)) for _ in range(CLIENTS)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    return resident(running.process.pid)


@pytest.mark.parametrize("form", FORMS)
def test_overload_is_refused_and_more_of_it_takes_no_more_memory(folder: Path, form: str) -> None:
    answers: list[httpx.Response] = []
    with limited(folder, bodies=HELD, in_flight=CLIENTS - 4) as running:
        first, again = (crowd(running, form, answers) for _ in range(2))
        assert running.client.post("/predict", json=ROW).status_code == 200
        text = running.client.get("/metrics").text
    counts = Counter(each.status_code for each in answers)
    assert set(counts) == {200, 503}
    assert counts[200] >= EACH
    for each in answers:
        if each.status_code == 503:
            assert each.headers["Retry-After"] == "1"
            assert each.json()["error"]
    assert f'ordain_http_requests_total{{code="503"}} {counts[503]}.0' in text
    assert again < 1.1 * first
