"""Copies of a process: answers in order, errors where they can be seen, and no pipe shared."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from ordain.adapters.copies import processors, spread
from ordain.adapters.git import Repository


@pytest.mark.parametrize("parts", [0, 1, 2, 5])
def test_answers_come_in_order(parts: int) -> None:
    assert spread(lambda part: b"%d" % part, parts) == [b"%d" % part for part in range(parts)]


def test_each_part_but_the_last_is_answered_elsewhere() -> None:
    *others, last = spread(lambda _: b"%d" % os.getpid(), 3)
    assert last == b"%d" % os.getpid()
    assert len({*others, last}) == 3


def test_what_a_copy_cannot_answer_is_asked_again_here() -> None:
    here = os.getpid()

    def work(part: int) -> bytes:
        if os.getpid() != here:
            raise RuntimeError
        return b"%d" % part

    assert spread(work, 3) == [b"0", b"1", b"2"]
    with pytest.raises(ZeroDivisionError):
        spread(lambda part: b"%d" % (1 // part), 2)


def test_a_large_answer_blocks_nobody() -> None:
    assert [len(each) for each in spread(lambda _: b"x" * 2**21, 3)] == [2**21] * 3


def test_a_process_with_threads_is_not_copied() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    assert processors() == 1
    done.set()
    thread.join()


def test_a_copy_asks_git_by_itself(tmp_path: Path) -> None:
    def git(*words: str, stdin: bytes = b"") -> str:
        done = subprocess.run(["git", *words], cwd=tmp_path, input=stdin, capture_output=True, check=True)
        return done.stdout.decode().strip()

    git("init", "-q")
    blobs = [git("hash-object", "-w", "--stdin", stdin=b"%d" % number * 1000) for number in range(200)]
    repository = Repository(tmp_path)
    repository.objects(blobs[:1], "blob")  # its pipe is open before the copies are made

    def work(part: int) -> bytes:
        return b"".join(repository.objects([each], "blob")[each] for each in blobs[part::3])

    wanted = [b"".join(b"%d" % number * 1000 for number in range(part, 200, 3)) for part in range(3)]
    assert spread(work, 3) == wanted
