"""A long history, of which the benchmark makes the longest: what is proven, remembered and proven again."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.verify.history import build
from ordain.adapters.artifacts import Store
from ordain.adapters.git.command import Command
from ordain.core.reports.verification import tally
from ordain.services.proofs.verify import Verified, verify

STEPS = 12


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    build(folder / "origin.git", STEPS, 3)
    subprocess.run(["git", "clone", "-q", folder / "origin.git", folder / "clone"], check=True)
    return folder / "clone"


def everything(clone: Path, *, anew: bool = False) -> Verified:
    return verify(clone, Store(clone / "store"), everything=True, anew=anew)


def test_every_entry_is_proven_once_and_again_when_asked(clone: Path) -> None:
    first = everything(clone)
    assert (first.sound, first.entries) == (True, STEPS)
    judged = [each for each in first.proofs if each.link == "judgement"]
    assert len(judged) == STEPS
    again = everything(clone)
    assert again.sound
    assert [each.what for each in again.proofs if each.link == "judgement"] == [f"entries 1 to {STEPS}"]
    assert len(again.proofs) < len(first.proofs)
    assert tally(everything(clone, anew=True).proofs) == tally(first.proofs)


def test_copies_of_the_process_prove_what_one_proves(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = everything(clone, anew=True)
    monkeypatch.setattr("ordain.services.proofs.verify.MANY", 4)
    monkeypatch.setattr("ordain.services.proofs.verify.processors", lambda: 3)
    assert everything(clone, anew=True) == alone


def test_what_was_proven_of_another_ledger_counts_for_nothing(clone: Path) -> None:
    """The note of what was proven names a digest: a ledger that was replaced is proven from its beginning."""
    everything(clone)
    note = clone / ".git/ordain/ledger-heads.json"
    note.write_text(note.read_text().replace("sha256:", "sha256:0", 2))
    assert len([each for each in everything(clone).proofs if each.link == "judgement"]) == STEPS


def test_the_number_of_git_processes_follows_no_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the steps, and as many processes: makers and keys are found in memory."""
    original, counts = Command.run, []
    for steps in (STEPS // 2, STEPS):
        origin, clone = tmp_path / f"{steps}.git", tmp_path / f"{steps}"
        build(origin, steps, 3)
        subprocess.run(["git", "clone", "-q", origin, clone], check=True)
        ran: list[str] = []

        def run(self: Command, *words: str, ran: list[str] = ran, **options: Any) -> Any:
            ran.append(words[0])
            return original(self, *words, **options)

        with monkeypatch.context() as patch:
            patch.setattr(Command, "run", run)
            patch.setattr(
                "ordain.services.proofs.verify.FEW", 0
            )  # fewer are asked for one by one, which costs less
            assert everything(clone).sound
        counts.append(Counter(ran))
    assert counts[0] == counts[1]
