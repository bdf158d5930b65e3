"""Whole files or none, and never outside the folder that was meant."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordain.adapters.files import (
    TEMPORARY,
    hash_file,
    inside,
    locked,
    read_bytes,
    read_state,
    safe_parts,
    write_atomic,
    write_tree_atomic,
)
from ordain.errors import UserError

BAD_PATHS = [
    "", ".", "..", "/", "/etc/passwd", "a/../b", "../a", "a/..", "a//b", "a/", "./a", "-a", "a/-rf",
    "a\\b", "a\0b", "a\nb", "a\x1bb", "a\u202eb", "a\ud800b", ".git/hooks/post-commit", "x/.GIT/config",
    "git~1/x", "GIT~12/x", ".git./x", ".Git /x", ".git::$INDEX_ALLOCATION/x", ".g\u200cit/x", ".\ufeffgit/x",
    ".g\u0131t/x", ":x", "x" * 256, "é" * 128, "a/" * 600 + "a",
]  # fmt: skip


@pytest.mark.parametrize("relative", BAD_PATHS)
def test_unsafe_paths_are_refused(tmp_path: Path, relative: str) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: inside(tmp_path, relative),
        lambda: write_tree_atomic(tmp_path / "t", {relative: b""}),
    ]
    for attempt in attempts:
        with pytest.raises(UserError) as caught:
            attempt()
        assert caught.value.reason == "hostile-object"
        assert caught.value.where.isprintable()
    assert list(tmp_path.iterdir()) == []


@given(relative=st.one_of(st.text(max_size=40), st.text(alphabet="./-\\ab\0", max_size=12)))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_ever_escapes(tmp_path: Path, relative: str) -> None:
    try:
        path = inside(tmp_path, relative)
    except UserError as error:
        refused = error
        assert refused.reason == "hostile-object"
        return
    assert path.resolve().is_relative_to(tmp_path.resolve())
    assert path.resolve() != tmp_path.resolve()
    assert path.relative_to(tmp_path).parts == safe_parts(relative)


def test_inside_allows_what_is_or_will_be_there(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").touch()
    assert inside(tmp_path, "real/file") == tmp_path / "real/file"
    assert inside(tmp_path, "real") == tmp_path / "real"
    assert inside(tmp_path, "new/folder/file.yaml") == tmp_path / "new/folder/file.yaml"


def test_inside_follows_no_symlink(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "real").mkdir()
    (root / "folder").symlink_to(tmp_path)
    (root / "real/file").symlink_to("/etc/passwd")
    (root / "broken").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    for relative in ("folder/x", "folder", "real/file", "broken", "broken/x", "loop"):
        with pytest.raises(UserError, match="symlink"):
            inside(root, relative)


def test_inside_refuses_special_files_and_files_as_folders(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    for relative in ("pipe", "file/below", "file/below/more"):
        with pytest.raises(UserError) as caught:
            inside(tmp_path, relative)
        assert caught.value.reason == "hostile-object"


def test_inside_reports_a_path_that_is_too_long(tmp_path: Path) -> None:
    home = os.open(".", os.O_RDONLY)
    try:
        os.chdir(tmp_path)
        for _ in range(18):  # deeper than any single path can name
            Path("a" * 250).mkdir()
            os.chdir("a" * 250)
    finally:
        os.chdir(home)
        os.close(home)
    with pytest.raises(UserError, match="too long"):
        inside(tmp_path.joinpath(*["a" * 250] * 17), "a" * 250)
    subprocess.run(["rm", "-rf", str(tmp_path)], check=True)


def test_reading(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert read_bytes(tmp_path / "file") == b"content"
    assert read_bytes(tmp_path / "file", limit=7) == b"content"
    assert hash_file(tmp_path / "file", "sha256", "md5") == (
        hashlib.sha256(b"content").hexdigest(),
        hashlib.md5(b"content").hexdigest(),
    )
    with pytest.raises(UserError, match="larger than 6"):
        read_bytes(tmp_path / "file", limit=6)
    with pytest.raises(UserError, match="No such file"):
        read_bytes(tmp_path / "absent")


def test_reading_never_waits_for_a_pipe_nor_follows(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    for path in (tmp_path / "pipe", tmp_path / "link", tmp_path, Path("/dev/zero")):
        with pytest.raises(UserError) as caught:
            read_bytes(path)
        assert caught.value.reason == "hostile-object"


def is_yaml(path: str) -> bool:
    return path.endswith(".yaml")


def test_state_is_what_the_predicate_accepts_below_the_tops(tmp_path: Path) -> None:
    for relative in (
        "models.yaml",
        "environments/a.yaml",
        "releases/m/1.yaml",
        "other/x.yaml",
        "releases/note",
    ):
        write_atomic(tmp_path / relative, relative.encode())
    found = read_state(tmp_path, is_yaml)
    assert found == {p: p.encode() for p in ("models.yaml", "environments/a.yaml", "releases/m/1.yaml")}
    assert read_state(tmp_path, is_yaml, tops=["other"]) == {"other/x.yaml": b"other/x.yaml"}


@pytest.mark.parametrize("relative", ["models.yaml", "environments", "releases/m", "releases/m/1.yaml"])
@pytest.mark.parametrize("to", ["/etc/passwd", "/etc", "nowhere"])
def test_state_holds_no_symlink(tmp_path: Path, relative: str, to: str) -> None:
    (tmp_path / relative).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / relative).symlink_to(to)
    if relative == "releases/m" and to == "/etc/passwd":
        assert read_state(tmp_path, is_yaml) == {}  # a link that nobody reads is nobody's business
        return
    with pytest.raises(UserError) as caught:
        read_state(tmp_path, is_yaml)
    assert caught.value.reason == "hostile-object"


def test_state_holds_no_special_file_no_odd_name_and_nothing_huge(tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    os.mkfifo(tmp_path / "environments/pipe")
    with pytest.raises(UserError, match="special file"):
        read_state(tmp_path, is_yaml)
    (tmp_path / "environments/pipe").unlink()
    (tmp_path / "environments/-x.yaml").touch()
    with pytest.raises(UserError, match="-x"):
        read_state(tmp_path, is_yaml)
    (tmp_path / "environments/-x.yaml").rename(tmp_path / "environments/x.yaml")
    (tmp_path / "environments/x.yaml").write_bytes(b"x" * 11)
    with pytest.raises(UserError, match="larger than 10"):
        read_state(tmp_path, is_yaml, limit=10)


def test_a_write_replaces_the_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "new/folder/file"
    write_atomic(target, b"one")
    target.chmod(0o600)
    write_atomic(target, b"two")
    assert target.read_bytes() == b"two"
    assert target.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in target.parent.iterdir()] == ["file"]


def test_a_write_replaces_a_symlink_instead_of_following_it(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"safe")
    (tmp_path / "link").symlink_to("victim")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "victim").read_bytes() == b"safe"
    assert not (tmp_path / "link").is_symlink()


def test_a_write_that_cannot_be_done_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder/full").mkdir(parents=True)
    attempts: list[Callable[[], object]] = [
        lambda: write_atomic(tmp_path / "file/below", b""),
        lambda: write_atomic(tmp_path / "folder", b""),
        lambda: write_tree_atomic(tmp_path / "file/below", {"a": b""}),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="nothing was changed"):
            attempt()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


FULL_DISK = """
import resource, sys
from pathlib import Path
from ordain.adapters.files import write_atomic, write_tree_atomic
from ordain.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # the kernel stops the write halfway
folder = Path(sys.argv[1])
for attempt in (
    lambda: write_atomic(folder / "file", b"x" * 5000),
    lambda: write_tree_atomic(folder / "tree", {"a": b"y", "b": b"x" * 5000}),
):
    try:
        attempt()
    except UserError as error:
        print(error, "|", error.fix)
"""


def test_a_full_disk_leaves_the_old_content(tmp_path: Path) -> None:
    write_atomic(tmp_path / "file", b"old")
    write_tree_atomic(tmp_path / "tree", {"a": b"old"})
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("nothing was changed | free some space") == 2
    assert (tmp_path / "file").read_bytes() == b"old"
    assert (tmp_path / "tree/a").read_bytes() == b"old"
    assert [each for each in tmp_path.rglob("*") if TEMPORARY in each.name] == []


def test_a_tree_is_replaced_as_a_whole(tmp_path: Path) -> None:
    tree = tmp_path / "deep/tree"
    write_tree_atomic(tree, {"a": b"1", "b/c": b"2"})
    write_tree_atomic(tree, {"b/d": b"3"})
    assert {str(p.relative_to(tree)): p.read_bytes() for p in tree.rglob("*") if p.is_file()} == {"b/d": b"3"}
    assert tree.stat().st_mode & 0o777 == 0o755
    assert (tree / "b/d").stat().st_mode & 0o777 == 0o644
    assert [each.name for each in tree.parent.iterdir()] == ["tree"]


def test_a_tree_that_contradicts_itself_changes_nothing(tmp_path: Path) -> None:
    write_tree_atomic(tmp_path / "tree", {"a": b"1"})
    with pytest.raises(UserError):
        write_tree_atomic(tmp_path / "tree", {"a": b"1", "a/b": b"2"})
    assert (tmp_path / "tree/a").read_bytes() == b"1"


def test_writers_and_readers_at_once_see_whole_files(tmp_path: Path) -> None:
    target = tmp_path / "file"
    contents = [bytes([value]) * 200_000 for value in range(4)]
    write_atomic(target, contents[0])

    def write(data: bytes) -> None:
        for _ in range(10):
            write_atomic(target, data)

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert read_bytes(target) in contents
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


COUNT = """
import sys
from pathlib import Path
from ordain.adapters.files import locked
folder = Path(sys.argv[1])
for _ in range(200):
    with locked(folder / "lock"):
        counter = folder / "counter"
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def test_a_lock_holds_between_processes(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    runs = [subprocess.Popen([sys.executable, "-c", COUNT, str(tmp_path)]) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert (tmp_path / "counter").read_text() == "600"
    (tmp_path / "link").symlink_to("counter")
    with pytest.raises(UserError), locked(tmp_path / "link"):
        pass
