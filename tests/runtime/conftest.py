"""One server for all tests that only ask it things."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.runtime.toy import Running, files, serving, write


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("toy"), files())


@pytest.fixture(scope="session")
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log")


@pytest.fixture(scope="session")
def server(folder: Path, log_folder: Path) -> Iterator[Running]:
    limits = ("--max-rows", "50", "--max-body", "1")
    with serving(
        str(folder), *limits, "--log", str(log_folder), ORDAIN_RELEASE="toy@7", ORDAIN_INTENT="i1"
    ) as it:
        yield it


@pytest.fixture
def client(server: Running) -> httpx.Client:
    return server.client
