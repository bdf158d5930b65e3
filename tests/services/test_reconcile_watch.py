"""Reconciling round after round: what fails is told and tried again, and a signal ends it cleanly."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ordain.adapters.git import Repository
from ordain.adapters.git.batch import Batch
from ordain.adapters.git.command import Command
from ordain.adapters.round_metrics import MetricsServer, RoundMetrics
from ordain.adapters.stopping import Stopping
from ordain.cli.reconcile import command
from ordain.core.ledger.ledger import decode
from ordain.errors import RetryLater, UserError
from ordain.services.reconciling.order import Outcome
from ordain.services.reconciling.watch import LONGEST, delay_of, watch

if TYPE_CHECKING:
    from tests.services.world import World


def test_what_fails_is_told_and_tried_again_and_longer_each_time() -> None:
    ends = [
        Outcome(), UserError("no"), RetryLater("busy", after=500), UserError("no"), Outcome(), Outcome(),
    ]  # fmt: skip
    rounds: Iterator[Any] = iter(ends)
    told: list[Any] = []
    waited: list[float] = []

    def once() -> Outcome:
        ended = next(rounds)
        if isinstance(ended, Outcome):
            return ended
        raise ended

    def stopped(seconds: float) -> bool:
        waited.append(seconds)
        return len(waited) == len(ends)

    watch(once, told.append, stopped, lambda failed: 10.0 * 2**failed)
    assert told == ends
    assert waited == [10, 20, 500, 80, 10, 10]


def test_a_bug_is_not_tried_again() -> None:
    def once() -> Outcome:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        watch(once, lambda _: None, lambda _: False, lambda _: 0.0)


@given(every=st.floats(0.1, 86400), failed=st.integers(0, 10**9), share=st.floats(0, 1))
def test_the_wait_is_bounded_and_never_none(every: float, failed: int, share: float) -> None:
    found = delay_of(every, failed, share)
    assert 0.79 * every <= found <= 1.21 * max(every, LONGEST)
    assert delay_of(every, failed + 1, share) >= found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait_and_is_not_forgotten(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Stopping() as stopping:
        assert not stopping.within(0)
        threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
        started = time.monotonic()
        assert stopping.within(60)
        assert time.monotonic() - started < 30
        assert stopping.within(0)
        assert signal.getsignal(number) == before  # a second one acts as ever
    assert signal.getsignal(number) == before


class Watching:
    """`ordain reconcile --watch` as a process."""

    def __init__(self, world: World, *words: str) -> None:
        words = ("reconcile", "--watch", "--interval", "0.3", "--key", str(world.keys / "collector"), *words)
        program = "from ordain.cli.main import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *words, "-C", str(world.enter("ada"))],
            env={**world.environment("ada"), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.said: list[str] = []
        streams = (self.process.stdout, self.process.stderr)
        self.threads = [threading.Thread(target=self._listen, args=(each,)) for each in streams]
        for thread in self.threads:
            thread.start()

    def _listen(self, stream: Any) -> None:
        with stream:
            for line in stream:
                self.said.append(line)

    def end(self) -> int:
        """Wait until the process has ended and all that it said is here; its exit code."""
        code = self.process.wait(60)
        for thread in self.threads:
            thread.join()
        return code

    def until(self, *words: str) -> str:
        """The first line that holds all of some words."""
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            for line in list(self.said):
                if all(each in line for each in words):
                    return line
            assert self.process.poll() is None, "".join(self.said)
            time.sleep(0.05)
        raise AssertionError("".join(self.said))


@pytest.fixture
def watching(world: World) -> Iterator[Watching]:
    world.enter("ada")
    found = Watching(world, "--json")
    yield found
    found.process.kill()
    found.end()


def asked(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{address}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_rounds_are_told_to_prometheus_and_to_a_kubelet(world: World) -> None:
    world.approve(branch := world.release("dana", "churn", 1), "ravi")
    world.merge(branch)
    watching = Watching(world, "--metrics-port", "0")
    try:
        address = watching.until("metrics on http://127.0.0.1:").split()[-1].removesuffix("/metrics")
        watching.until("pushed")
        assert asked(address, "/livez")[0] == 200
        assert asked(address, "/elsewhere")[0] == 404
        until(lambda: asked(address, "/readyz")[0] == 200)
        away = world.origin.rename(world.root / "away.git")
        until(lambda: asked(address, "/readyz")[0] == 503)
        away.rename(world.origin)
        until(lambda: asked(address, "/readyz")[0] == 200)
        found = {
            (each.name, *each.labels.values()): each.value
            for family in text_string_to_metric_families(asked(address, "/metrics")[1])
            for each in family.samples
        }
        assert found["ordain_reconcile_rounds_total", "good"] >= 2
        bad = "failed", "busy"
        assert sum(found["ordain_reconcile_rounds_total", each] for each in bad) >= 1
        assert found["ordain_reconcile_decisions_total", "applied"] >= 1
        assert found["ordain_reconcile_decisions_total", "refused"] >= 0
        rounds = sum(found["ordain_reconcile_rounds_total", each] for each in ("good", *bad))
        assert found["ordain_reconcile_round_duration_seconds_count",] >= rounds
        assert 0 <= found["ordain_reconcile_seconds_since_good_round",] < 60
        watching.process.send_signal(signal.SIGTERM)
        assert watching.end() == 0
    finally:
        watching.process.kill()
        watching.end()


def until(found: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not found():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_without_what_serves_metrics_one_error_names_it(world: World) -> None:
    hidden = "import sys; sys.modules['prometheus_client'] = None; from ordain.cli.main import main; main()"
    words = ["reconcile", "--watch", "--key", str(world.keys / "collector"), "-C", str(world.enter("ada"))]
    run = subprocess.run(
        [sys.executable, "-c", hidden, *words, "--metrics-port", "0"],
        env=world.environment("ada"), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (1, "")
    for each in ("--metrics-port needs the package prometheus-client", "extra `serve`"):
        assert each in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr


def test_before_the_first_good_round_there_is_no_time_since() -> None:
    metrics = RoundMetrics()
    sample = metrics.registry.get_sample_value
    assert math.isnan(sample("ordain_reconcile_seconds_since_good_round") or 0)
    with MetricsServer(("127.0.0.1", 0), metrics) as server:
        port = server.server_address[1]
        assert asked(f"http://127.0.0.1:{port}", "/readyz")[0] == 503
        with pytest.raises(UserError, match="cannot listen"):
            MetricsServer(("127.0.0.1", port), metrics)


def test_metrics_are_for_watching() -> None:
    done = CliRunner().invoke(command, ["--key", __file__, "--metrics-port", "0"])
    assert done.exit_code == 2
    assert "--watch" in done.output


def test_merges_are_reconciled_as_they_come_and_an_origin_that_is_away_is_told(
    world: World, watching: Watching
) -> None:
    branch = world.release("dana", "churn", 1)
    world.merge(branch)
    assert json.loads(watching.until('"entries": [1]'))["decisions"]
    away = world.origin.rename(world.root / "away.git")
    assert json.loads(watching.until('"error"'))["error"]
    away.rename(world.origin)
    world.merge(world.replicas("dana", 5))
    watching.until('"entries": [2]')
    watching.process.send_signal(signal.SIGTERM)
    assert watching.end() == 0
    assert [decode(data).sequence for _, data in sorted(world.ledger().items())] == [1, 2]
    assert len([line for line in watching.said if '"entries"' in line]) == 2  # what is old news is not told


def test_what_runs_for_a_round_is_out_of_reach_of_ctrl_c(tmp_path: Path) -> None:
    """In a terminal it goes to the whole group: Git would die in the middle of the round that is to end."""
    Command(tmp_path).run("init", "--quiet", "--bare")
    outside = Command(tmp_path).start("cat-file", "--batch-command")
    with Stopping():
        inside = Command(tmp_path).start("cat-file", "--batch-command")
    assert os.getsid(outside.pid) == os.getsid(0)
    assert os.getsid(inside.pid) == inside.pid
    for each in (outside, inside):
        each.stdin.close()
        assert each.wait() == 0


def test_ctrl_c_for_the_whole_group_ends_it_after_the_round(world: World, watching: Watching) -> None:
    world.merge(world.release("dana", "churn", 1))
    watching.until('"entries": [1]')
    os.killpg(watching.process.pid, signal.SIGINT)
    assert watching.end() == 0
    assert not [line for line in watching.said if "Traceback" in line or "error" in line]


@pytest.mark.parametrize("verb", ["sizes", "contents"])
def test_a_git_that_was_killed_is_an_error_and_no_absent_object(tmp_path: Path, verb: str) -> None:
    repository = Repository(tmp_path)
    repository.run("init", "--quiet", "--bare")
    first, second = repository.write_blobs([b"1", b"2"])
    batch = Batch(tmp_path)

    def ask(wanted: str) -> list[str]:
        return list(batch.sizes([wanted]) if verb == "sizes" else batch.contents([wanted]))

    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    before = set(children.read_text().split())
    assert ask(first) == [first]
    (child,) = set(children.read_text().split()) - before
    os.kill(int(child), signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(UserError, match="ended before it had answered"):
            ask(second)
