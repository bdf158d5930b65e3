"""Which release of Ordain an image is built with: one that is named by its bytes."""

from __future__ import annotations

import subprocess

import pytest

from tests.images import ROOT


@pytest.mark.parametrize(
    "release",
    ["0.1.0", "ordain", "0.1.0@sha256:12", "0.1.0@" + "1" * 64, "absent.whl", f"@sha256:{'1' * 64}", ""],
)
def test_a_version_without_its_digest_is_refused_before_anything_is_fetched(release: str) -> None:
    done = subprocess.run(
        [str(ROOT / "scripts/image"), release, "base", "name"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 64
    assert "0.1.0@sha256:" in done.stderr
    assert done.stdout == ""
