"""Where prediction log records end: rotated files in a folder, or whole objects at an fsspec URL.

Everything here runs in the log's one writer thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from ordain.adapters.places import shown_url, without_host
from ordain.core.data.addresses import usable
from ordain.errors import UserError

OPEN, WHOLE = ".jsonl.open", ".jsonl"


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """When a file is whole, and how many whole ones stay.

    Attributes:
        bytes, seconds: whichever comes first ends a file.
        keep: whole files in a folder; the oldest goes. (A pod's disk is small, and a collector
            should have fetched it by then.) At a URL everything stays.
    """

    bytes: int = 8 * 2**20
    seconds: float = 300.0
    keep: int = 4


class Sink(Protocol):
    """Takes encoded lines; raises whatever its file system raises when it cannot store them.

    Attributes:
        written: records that are stored.
        dropped: records that could not be.
        removed: files with stored records that went to make room.
    """

    written: int
    dropped: int
    removed: int

    def write(self, lines: bytes, records: int) -> None:
        """Store whole lines, one a record, now or with later ones."""
        ...

    def tick(self) -> None:
        """End the file or object when it is old enough."""
        ...

    def close(self) -> None:
        """End the last file or object."""
        ...


def open_sink(target: str, rotation: Rotation, writer: str = "") -> Sink:
    """The sink for a folder or a URL.

    Args:
        target: which. rotation: of its files.
        writer: what its files are told apart by from those of others on this host; empty takes the
            process's number.

    Raises:
        UserError: when the folder cannot be made, is another host's, or nothing reads such URLs.
    """
    if "://" in target and not target.startswith("file://"):
        return UrlSink(target, rotation, writer)
    return FolderSink(Path(without_host(target).removeprefix("file://")), rotation, writer)


@contextlib.contextmanager
def _counting(sink: Sink, records: int) -> Iterator[None]:
    """Count records as written when the body ends well, else as dropped; drivers raise errors of any type."""
    stored = False
    try:
        yield
        stored = True
    finally:
        if stored:
            sink.written += records
        else:
            sink.dropped += records


_HOST = f"predictions-{socket.gethostname()}"
_NAME = re.compile(r"-(?P<process>[0-9]{1,9})(\.[0-9]+)?-(?P<ms>[0-9]{1,16})-(?P<number>[0-9]{1,9})\.jsonl")


def _stem(writer: str) -> str:
    return f"{_HOST}-{writer or os.getpid()}"


class FolderSink:
    """Lines go to one open file; a whole file is renamed, so that a collector never takes half of one."""

    def __init__(self, folder: Path, rotation: Rotation, writer: str = "") -> None:
        self.written = self.dropped = self.removed = 0
        self._folder, self._rotation, self._stem = folder, rotation, _stem(writer)
        self._file: IO[bytes] | None = None
        self._path = folder
        self._size, self._since, self._number = 0, 0.0, 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob(f"{_HOST}-*{OPEN}"):
                if left.is_file():  # to open a pipe is to wait for somebody who writes to it
                    _end_if_left(left)
        except OSError as error:
            raise UserError(
                f"cannot write the prediction log: {error.strerror}",
                where=str(folder),
                fix="mount a writable folder there, or leave --log out",
            ) from error

    def write(self, lines: bytes, records: int) -> None:
        """Append to the open file, or to a new one: all lines, or none."""
        with _counting(self, records):
            self._append(lines)
        if self._size >= self._rotation.bytes:
            self.close()

    def _append(self, lines: bytes) -> None:
        if self._file is None:
            self._number += 1
            name = f"{self._stem}-{time.time_ns() // 1_000_000}-{self._number}{OPEN}"
            self._path = self._folder / name
            self._file = self._path.open("xb", buffering=0)
            with contextlib.suppress(OSError):  # a file system without locks: others then leave it alone
                fcntl.flock(self._file, fcntl.LOCK_EX)  # held for a moment by who looks whether it was left
            self._size, self._since = 0, time.monotonic()
        rest = memoryview(lines)
        try:
            while rest:  # a disk that is nearly full takes a part before it refuses
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            raise
        self._size += len(lines)

    def tick(self) -> None:
        """End the file when it is old enough."""
        if self._file is not None and time.monotonic() - self._since >= self._rotation.seconds:
            self.close()

    def close(self) -> None:
        """End the open file and drop what is too old."""
        if self._file is None:
            return
        file, self._file = self._file, None
        with file:  # its lock ends after it has its name
            self._path.rename(self._path.with_name(self._path.name.removesuffix(OPEN) + WHOLE))
        whole = sorted(
            (_begun(each), each) for each in self._folder.glob(f"{_HOST}-*{WHOLE}") if self._rotates(each)
        )
        for _, old in whole[: -self._rotation.keep]:
            with contextlib.suppress(FileNotFoundError, PermissionError):  # gone, or another user's
                old.unlink()
                self.removed += 1

    def _rotates(self, path: Path) -> bool:
        """Whether a file is this process's, or of one that is no more."""
        named, own = _named(path), path.name.startswith(f"{self._stem}-")
        return named is not None and (own or not _lives(int(named["process"])))


def _end_if_left(path: Path) -> None:
    """End a file that no process has open any more: its process was killed.

    An empty one may be about to be locked. What is another user's is theirs to end.
    """
    with contextlib.suppress(FileNotFoundError, PermissionError), path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        if os.fstat(stream.fileno()).st_size:
            path.rename(path.with_name(path.name.removesuffix(OPEN) + WHOLE))


def _begun(path: Path) -> tuple[int, int]:
    """When a file was begun, and its number, as its name says."""
    named = _named(path)
    return (int(named["ms"]), int(named["number"])) if named else (0, 0)


def _named(path: Path) -> re.Match[str] | None:
    """What the name of a file says that some process of this host ended."""
    return _NAME.fullmatch(path.name.removeprefix(_HOST))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


class UrlSink:
    """Lines gather in memory until they make an object, which is then written whole."""

    def __init__(self, url: str, rotation: Rotation, writer: str = "") -> None:
        import fsspec

        if not usable(url):
            fix = "use a folder, or the URL of a store on a network such as s3:// or https://"
            what = "cannot write the prediction log there: no such URL is written"
            raise UserError(what, where=shown_url(url), fix=fix)
        try:
            self._files: Any
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise UserError(
                f"cannot write the prediction log there: {error}",
                where=shown_url(url),
                fix="use a folder, or install the fsspec driver for this URL",
            ) from error
        self.written = self.dropped = self.removed = 0
        self._rotation, self._stem = rotation, _stem(writer)
        self._lines: list[bytes] = []
        self._size, self._records, self._since, self._number = 0, 0, 0.0, 0

    def write(self, lines: bytes, records: int) -> None:
        """Gather, and write the object when it is large enough."""
        if not self._lines:
            self._since = time.monotonic()
        self._lines.append(lines)
        self._size += len(lines)
        self._records += records
        if self._size >= self._rotation.bytes:
            self.close()

    def tick(self) -> None:
        """Write the object when it is old enough."""
        if self._lines and time.monotonic() - self._since >= self._rotation.seconds:
            self.close()

    def close(self) -> None:
        """Write what has been gathered."""
        if not self._lines:
            return
        lines, self._lines, self._size = b"".join(self._lines), [], 0
        records, self._records = self._records, 0
        self._number += 1
        name = f"{self._stem}-{time.time_ns() // 1_000_000}-{self._number}{WHOLE}"
        with _counting(self, records):
            self._files.pipe_file(f"{self._root.rstrip('/')}/{name}", lines)
