"""Tables outside memory: what they find is what plain Python would, and nothing of them is left."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.adapters.spill import Spill, Table

ROWS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(-9, 9) | st.just(float("nan")),
        st.text("a'\"é\0;", max_size=3),
    ),
    max_size=30,
)


def table(file: Spill, rows: list[tuple[int, float, str]]) -> Table:
    made = Table(file, ("key", "time", "name"))
    for at in range(0, len(rows), 7):
        keys, times, names = zip(*rows[at : at + 7], strict=True)
        made.add({"name": names, "key": keys, "time": times})
    return made


@given(ROWS, st.integers(0, 10))
@settings(deadline=None)
def test_what_is_found_is_what_was_added(rows: list[tuple[int, float, str]], most: int) -> None:
    numbered = [each for each in rows if each[1] == each[1]]
    with Spill() as file:
        made = table(file, rows)
        assert len(made) == len(rows)
        assert made.distinct("key") == len({key for key, _, _ in rows})
        counts = Counter(name for _, _, name in rows)
        assert list(made.sizes("name", {})) == sorted(counts.items(), key=lambda each: (-each[1], each[0]))
        assert made.count({"name": "a"}, ("time", 0.5)) == sum(
            name == "a" and when > 0.5 for _, when, name in rows
        )
        last = made.last(["key"], "time", {}, most)["key"]
        ranked = sorted(rows, key=lambda each: -np.inf if each[1] != each[1] else each[1])  # stable
        assert list(last) == [key for key, _, _ in ranked][len(rows) - min(most, len(rows)) :]
        for share in (0.0, 0.5, 0.9):
            expected = np.quantile([each[1] for each in numbered], share) if numbered else None
            assert made.quantile("time", share, {}) == (
                expected if expected is None else pytest.approx(expected)
            )


@given(ROWS)
@settings(deadline=None)
def test_of_one_key_the_newest_row_is_found(rows: list[tuple[int, float, str]]) -> None:
    ranked = sorted(rows, key=lambda each: -np.inf if each[1] != each[1] else each[1])
    newest = {key: name for key, _, name in ranked if key}
    with Spill() as file:
        made = table(file, rows).keyed("key", "time")
        assert len(made) == len(newest)
        assert Counter(dict(made.sizes("name"))) == Counter(newest.values())
        asked = [*newest, 5, *newest]
        places, found = made.find(asked)
        assert [newest[asked[place]] for place in places] == list(found["name"])
        assert len(places) == 2 * len(newest) + (5 in newest)


def test_a_column_that_comes_late_was_empty_before() -> None:
    hostile = 'x"); DROP TABLE t1; --'
    with Spill() as file:
        made = Table(file, ("key",))
        made.add({"key": [1, 2]})
        made.add({"key": [3], hostile: ["late"]})
        made.add({"key": [4]})
        assert list(made.sizes(hostile, {})) == [("", 3), ("late", 1)]


def ran(code: str, folder: Path) -> str:
    """What a process says that fills a table; SQLite reads once where temporary files go."""
    code = (
        "import os, resource, signal, stat\n"
        "from pathlib import Path\n"
        "from ordain.adapters import spill\n"
        "spill.CACHE = 64\n"
        f"{code}\n"
        "with spill.Spill() as file:\n"
        "    spill.Table(file, ('key',)).add({'key': list(range(200_000))})\n"
        "    files = [Path('/proc/self/fd', each) for each in os.listdir('/proc/self/fd')]\n"
        "    print([oct(each.stat().st_mode) for each in files if 'etilqs' in os.path.realpath(each)])\n"
    )
    where = {**os.environ, "SQLITE_TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=where, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def test_the_file_is_private_and_has_no_name(tmp_path: Path) -> None:
    assert ran("", tmp_path) == "['0o100600']\n"
    killed = ran("signal.setitimer(signal.ITIMER_PROF, 0.05)", tmp_path)  # by SIGPROF, in the midst of it
    assert "0o1" not in killed
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    full = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    full += "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    assert "UserError: the first folder of SQLITE_TMPDIR" in ran(full, tmp_path)


def test_memory_stays_the_same() -> None:
    with Spill() as file:
        made = Table(file, ("key", "time", "name"))

        def add(rows: int) -> int:
            for at in range(0, rows, 10_000):
                keys = [(each * 0x9E3779B97F4A7C15) % 2**62 for each in range(at + 1, at + 10_001)]
                made.add({"key": keys, "time": [float(at)] * 10_000, "name": ["group"] * 10_000})
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        before = add(300_000)
        assert add(600_000) < before + 8 * 1024
        assert len(made.keyed("key", "time")) == 600_000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 40 * 1024
