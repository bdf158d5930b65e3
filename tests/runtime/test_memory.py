"""What a large request frees is there for the next one."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, threading
import numpy as np
from ordain.runtime.memory import settle_memory

settle_memory()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    kept = [np.ones(800_000, dtype=np.uint8) for _ in range(8)]

def rounds():
    work()
    before = faults()
    for _ in range(50):
        work()
    print(faults() - before)

rounds()
thread = threading.Thread(target=rounds)
thread.start()
thread.join()
"""
PAGES = 8 * 800_000 // 4096  # that one round touches


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries have no such setting")
def test_pages_are_cleared_once_and_not_for_each_request() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    on_the_loop, in_a_thread = map(int, done.stdout.split())
    assert on_the_loop < PAGES
    assert in_a_thread < PAGES
