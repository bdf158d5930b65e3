"""New data behind a URL, over real HTTP: seen, pinned, read again only where it may have changed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ordain.errors import UserError
from ordain.services.training import data_pins
from ordain.services.training.affected import affected
from tests.services.test_run import MODEL, Repo, make


class Server(ThreadingHTTPServer):
    """A folder over HTTP, and what was downloaded from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: list[str] = []
        outer = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.endswith(".csv"):
                    outer.read.append(self.path)
                super().do_GET()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def put(self, name: str, text: str, time: int = 1_700_000_000) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, (time, time))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "www").mkdir()
    with Server(tmp_path / "www") as server:
        Thread(target=server.serve_forever, daemon=True).start()
        server.put("parts/2026-10.csv", "left,age\nYes,1\nNo,2\n")
        yield server
        server.shutdown()


@pytest.fixture
def repo(tmp_path: Path, server: Server) -> Repo:
    repo = make(tmp_path / "repo")
    source = {"url": server.url("parts/*.csv")}
    repo.declare({"churn": {**MODEL, "data": {**MODEL["data"], "source": source}}})
    return repo


def state(repo: Repo) -> tuple[str, str]:
    (found,) = data_pins.check(repo.root, [])
    return found.state, found.told


def test_a_new_partition_is_new_data_and_a_commit(repo: Repo, server: Server, tmp_path: Path) -> None:
    assert state(repo)[0] == "unpinned"
    assert "ordain data pin churn" in repo.ordain("check").stdout + repo.ordain("check").stderr
    data_pins.pin(repo.root, [])
    repo.run()
    repo.commit()
    assert (state(repo), affected(repo.root)[0].stages) == (("same", ""), ())
    server.put("parts/2026-11.csv", "left,age\nNo,3\n")
    assert state(repo) == ("new", f"1 new: {server.url('parts/2026-11.csv')}")
    assert affected(repo.root)[0].stages == ()
    out = tmp_path / "out"
    assert repo.ordain("data", "check", "--output", str(out), "--evidence", "../evidence").returncode == 0
    assert out.read_text() == 'models=["churn"]\n'
    told = json.loads((tmp_path / "evidence/churn.json").read_text())
    assert told["findings"][0]["detail"].endswith("2026-11.csv")
    assert repo.ordain("data", "pin", "churn").returncode == 0
    assert affected(repo.root)[0].stages[0] == "ingest"
    assert affected(repo.root)[0].why == ("file source.json changed",)
    assert repo.dvc("repro", "churn").returncode == 0
    assert affected(repo.root)[0].stages == ()


def test_a_piece_is_downloaded_again_only_when_the_store_says_it_may_differ(
    repo: Repo, server: Server
) -> None:
    data_pins.pin(repo.root, [])
    server.read.clear()
    assert state(repo) == ("same", "")
    assert server.read == []
    server.put("parts/2026-10.csv", "left,age\nYes,1\nNo,2\n", time=1_800_000_000)
    assert state(repo) == ("same", "")
    assert server.read == ["/parts/2026-10.csv"]
    server.put("parts/2026-10.csv", "left,age\nYes,1\nNo,9\n", time=1_800_000_001)
    assert state(repo)[1] == f"1 changed: {server.url('parts/2026-10.csv')}"


def test_pinning_what_is_pinned_writes_nothing(repo: Repo, server: Server) -> None:
    data_pins.pin(repo.root, [])
    path = repo.root / data_pins.path_of("churn")
    before = path.read_bytes()
    server.put("parts/2026-10.csv", "left,age\nYes,1\nNo,2\n", time=1_800_000_000)
    data_pins.pin(repo.root, ["churn"])
    assert path.read_bytes() == before
    path.write_text("{")
    with pytest.raises(UserError, match="no pin of a source"):
        data_pins.check(repo.root, [])
    checked = repo.ordain("check")
    assert "no pin of a source" in checked.stdout + checked.stderr


def test_a_file_of_the_repository_is_compared_with_what_was_trained_on(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    assert state(repo)[0] == "unpinned"
    repo.run()
    assert state(repo) == ("same", "")
    (repo.root / "data/rows.csv").write_text("left,age\nYes,1\nNo,3\n")
    assert state(repo) == ("new", "1 changed: data/rows.csv")
    (repo.root / "data/rows.csv").unlink()
    with pytest.raises(UserError, match="does not exist"):
        state(repo)
    (repo.root / "data/rows.csv.dvc").write_text(f"outs:\n- md5: {'ab' * 16}\n  path: rows.csv\n")
    assert state(repo)[0] == "new"
    (repo.root / "data/rows.csv.dvc").write_text("outs: []\n")
    with pytest.raises(UserError, match="has one output"):
        state(repo)


def test_new_data_that_breaks_the_contract_is_named_by_column_and_row(
    repo: Repo, server: Server, tmp_path: Path
) -> None:
    data_pins.pin(repo.root, [])
    server.put("parts/2026-11.csv", "left,age\nNo,old\nNo,7\n,8\n")
    done = repo.ordain("data", "check", "--evidence", str(tmp_path))
    assert done.returncode == 0
    assert "churn: new: 1 new: " in done.stdout
    assert "`age`: 1 values are not" in done.stdout
    assert "('old')" in done.stdout
    kinds = [each["kind"] for each in json.loads((tmp_path / "churn.json").read_text())["findings"]]
    assert kinds == ["new-data", "contract"]
    server.put("parts/2026-11.csv", "left,age\nNo,1\n,8\n")
    (found,) = data_pins.check(repo.root, [])
    assert "missing" in found.faults
    assert "row " in found.faults
    server.put("parts/2026-11.csv", "left,age\nNo,1\nYes,8\n")
    assert data_pins.check(repo.root, [])[0].faults == ""


@pytest.fixture
def two(tmp_path: Path, server: Server) -> Repo:
    """Two models: the source of `absent`, the first, is not there; that of `churn` has new data."""
    repo = make(tmp_path / "repo")
    urls = {"absent": server.url("absent.csv"), "churn": server.url("parts/*.csv")}
    repo.declare({name: {**MODEL, "data": {**MODEL["data"], "source": {"url": url}}}
                  for name, url in urls.items()})  # fmt: skip
    data_pins.pin(repo.root, ["churn"])
    server.put("parts/2026-11.csv", "left,age\nNo,3\n")
    return repo


def test_one_source_that_is_not_there_keeps_no_other_models_evidence(two: Repo, tmp_path: Path) -> None:
    """Neither the output nor the evidence nor the pipeline; and the job is red all the same."""
    out, jobs = tmp_path / "out", tmp_path / "jobs.yml"
    done = two.ordain("data", "check", "--output", str(out), "--evidence", str(tmp_path / "found"),
                      "--gitlab", str(jobs))  # fmt: skip
    assert done.returncode == 1
    assert out.read_text() == 'models=["churn"]\n'
    assert [each.name for each in (tmp_path / "found").iterdir()] == ["churn.json"]
    assert "retrain-churn:" in jobs.read_text()
    assert "churn: new: 1 new: " in done.stdout
    assert "absent: unread" in done.stdout
    assert re.search(
        r"error: http://.*/absent.csv: there is nothing at this URL\n  next: correct", done.stderr
    )


def test_the_code_is_that_of_the_worst(two: Repo, server: Server) -> None:
    assert two.ordain("data", "check", "churn").returncode == 0
    (two.root / "models.yaml").write_text(
        (two.root / "models.yaml").read_text().replace(server.url("absent.csv"), "http://127.0.0.1:9/x.csv")
    )
    done = two.ordain("data", "check", "--json")
    assert done.returncode == 75
    away, found = json.loads(done.stdout)
    assert (away["model"], away["state"], found["model"], found["state"]) == (
        "absent", "unread", "churn", "new"
    )  # fmt: skip
    assert "did not answer" in away["error"]
    quiet = two.ordain("data", "check", "--quiet")
    assert (quiet.returncode, quiet.stdout) == (75, "")
    assert "try again later: http://127.0.0.1:9/x.csv did not answer" in quiet.stderr


def test_nothing_is_pinned_where_a_source_is_not_there(two: Repo) -> None:
    before = (two.root / data_pins.path_of("churn")).read_bytes()
    assert two.ordain("data", "pin").returncode == 1
    assert (two.root / data_pins.path_of("churn")).read_bytes() == before


def test_a_file_that_breaks_the_contract_likewise(ran: Repo, tmp_path: Path) -> None:
    repo = ran.copied(tmp_path / "repo")
    (repo.root / "data/rows.csv").write_text("left,age\nYes,x\nNo,3\n")
    (found,) = data_pins.check(repo.root, [])
    assert "`age`: 1 values are not" in found.faults
    assert "row 1 ('x')" in found.faults
