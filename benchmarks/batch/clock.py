"""Run a command and print what it took, as JSON: `python benchmarks/batch/clock.py WORD...`.

A process of its own, and a small one, because Linux counts what the parent used as the child's peak memory.
"""

from __future__ import annotations

import json
import os
import sys
import time

if __name__ == "__main__":
    began = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ)
    _, status, used = os.wait4(child, 0)
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "processor": used.ru_utime + used.ru_stime,
                "megabytes": used.ru_maxrss / 1024,
            }
        )
    )
    sys.exit(status != 0)
