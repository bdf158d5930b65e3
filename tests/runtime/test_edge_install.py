"""Updates of a device that go wrong: a full disk, a kill, a power cut."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ordain.adapters.resources import edge_programs
from ordain.runtime.edge import verify
from tests.runtime.devices import Device
from tests.runtime.toy import files

NOTHING_LONGER = 'ulimit -f 4; exec "$@"'  # blocks; to write more to a file fails, as on a full disk


@pytest.fixture
def device(tmp_path: Path) -> Device:
    made = Device(tmp_path, tmp_path / "key", tmp_path / "signers")
    made.trust()
    return made


def hidden(place: Path) -> list[str]:
    return [each.name for each in place.iterdir() if each.name.startswith(".")]


def test_an_update_that_meets_a_full_disk_leaves_nothing_there(device: Device) -> None:
    place, program = device.folder / "srv", device.folder / "verify.py"
    program.write_bytes(edge_programs()["verify.py"])
    assert device.run(program, str(device.bundle(number=1)), "--install", str(place)).returncode == 0
    second, before = str(device.bundle(number=2)), sorted(place.iterdir())
    words = [sys.executable, str(program), second, "--signers", str(device.signers), "--install", str(place)]
    for _ in range(2):
        done = subprocess.run(
            ["sh", "-c", NOTHING_LONGER, "sh", *words], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr[:9]) == (1, "refused: "), done.stderr
        assert sorted(place.iterdir()) == before
    (place / ".new-killed").mkdir()
    (place / ".new-killed/model.onnx").write_bytes(b"half")
    (place / ("f" * 16)).mkdir()  # an update whose health check failed
    done = subprocess.run(
        ["sh", "-c", NOTHING_LONGER, "sh", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert sorted(place.iterdir()) == before
    assert device.run(program, second, "--install", str(place)).returncode == 0
    assert hidden(place) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here")
def test_no_power_cut_leaves_current_on_half_a_bundle(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are on the disk before their folder has its name, and that before a link leads to it."""
    place, done = device.folder / "srv", []

    def synced(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        done.append((path.name, (place / "current").exists()))

    monkeypatch.setattr(os, "fsync", synced)
    verify.install(device.bundle(), device.signers, place)
    before = [name for name, switched in done if not switched]
    assert {*files(), "bundle.json", "bundle.json.sig", "predict.py", "verify.py"} <= {*before}
    assert before[-1] == place.name
    assert before[-2].startswith(".new-")
    assert done[-1] == (place.name, True)
