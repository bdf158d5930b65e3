"""The door to data at fsspec URLs: large files, read in pieces, and written so that they appear whole.

A path without a protocol, and `file://`, is the local disk: written beside the target, synced, renamed.
Every other file system commits at the end, which object stores map to completing an upload. No message
repeats a query or a user name of a URL, where secrets are.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ordain.adapters.files import TEMPORARY
from ordain.adapters.store_answers import ABSENT, is_later
from ordain.core.data.addresses import usable
from ordain.errors import RetryLater, UserError

# What a file system may say about a version of a file; whatever of it is there goes into the fingerprint.
_VERSION_KEYS = (
    "size",
    "mtime",
    "ino",
    "created",
    "ETag",
    "etag",
    "LastModified",
    "last_modified",
    "md5",
    "crc32c",
    "Last-Modified",
    "Content-MD5",
    "Digest",
    "VersionId",
    "generation",
    "updated",
    "modified",
    "modificationTime",
    "modify",
    "blob_id",
    "last_commit",
)
_FILE = "file://"
_CHAINED = "::"


class Place:
    """One file or folder somewhere.

    Args:
        files: the fsspec file system. path: within it. shown: how messages name it.
    """

    def __init__(self, files: Any, path: str, shown: str) -> None:
        self.files, self.path, self.shown = files, path, shown

    @property
    def local(self) -> bool:
        """Whether it is on this machine's disk."""
        return self._speaks("file")

    def _speaks(self, protocol: str) -> bool:
        names = self.files.protocol
        return protocol in ((names,) if isinstance(names, str) else names)

    @property
    def name(self) -> str:
        """The last segment."""
        return self.path.rstrip("/").rpartition("/")[2]

    def same(self, other: Place) -> bool:
        """Whether another place is this one, however it is spelt."""
        if self.local and other.local:
            return os.path.realpath(self.path) == os.path.realpath(other.path)
        normal = posixpath.normpath
        return type(self.files) is type(other.files) and normal(self.path) == normal(other.path)

    def beside(self, name: str) -> Place:
        """Another name in the same folder."""
        head, _, shown = (
            self.path.rstrip("/").rpartition("/")[0],
            "",
            self.shown.rstrip("/").rpartition("/")[0],
        )
        return Place(self.files, f"{head}/{name}", f"{shown}/{name}" if shown else name)

    def below(self, name: str) -> Place:
        """A name in this folder."""
        return Place(self.files, f"{self.path.rstrip('/')}/{name}", f"{self.shown.rstrip('/')}/{name}")

    def exists(self) -> bool:
        """Whether something is there."""
        with self._told():
            return bool(self.files.exists(self.path))

    def may_hold(self) -> bool:
        """Whether files may lie below it: in a folder, or anywhere in a store of objects but in an object."""
        with self._told():
            self.files.invalidate_cache()
            return bool(self.files.isdir(self.path) if self.local else not self.files.isfile(self.path))

    def open(self) -> Any:
        """The file's bytes as a seekable stream; on the local disk Arrow's own, which needs no Python."""
        with self._told():
            if self.local:
                import pyarrow as pa

                return pa.OSFile(self.path)
            return self.files.open(self.path, "rb")

    def text(self) -> Any:
        """The file's bytes from first to last, unpacked when its name ends in `.gz` or the like."""
        with self._told():
            return self.files.open(self.path, "rb", compression="infer")

    def read(self, limit: int) -> bytes:
        """A small file.

        Raises:
            UserError: when it is absent or larger than `limit` bytes.
        """
        with self._told(), self.files.open(self.path, "rb") as stream:
            data: bytes = stream.read(limit + 1)
        if len(data) > limit:
            raise UserError(f"the file is larger than {limit} bytes", where=self.shown)
        return data

    def fingerprint(self) -> str:
        """Names this version of the file: 32 hexadecimal digits of what its file system says about it.

        Where that is no more than its size, nobody can tell two versions apart: then no two answers agree.
        """
        with self._told():
            self.files.invalidate_cache()
            facts = self.files.info(self.path)
        known = {key: str(facts[key]) for key in _VERSION_KEYS if facts.get(key) is not None}
        if not known.keys() - {"size"}:
            known["asked"] = secrets.token_hex(16)
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]

    def size(self) -> int:
        """Bytes."""
        with self._told():
            return int(self.files.info(self.path).get("size") or 0)

    def names(self) -> list[str]:
        """What lies in the folder, sorted; nothing when it is absent."""
        with self._told(), suppress(FileNotFoundError, NotADirectoryError):
            self.files.invalidate_cache()
            found = self.files.ls(self.path, detail=False)
            return sorted(str(each).rstrip("/").rpartition("/")[2] for each in found)
        return []

    def write(self, data: bytes) -> None:
        """Put a whole file there."""
        with self.writing() as stream:
            stream.write(data)

    def remove(self) -> None:
        """Remove the file or folder; nothing happens when it is absent."""
        with self._told(), suppress(FileNotFoundError):
            self.files.rm(self.path, recursive=True)

    @contextmanager
    def writing(self) -> Iterator[IO[bytes]]:
        """A stream whose content appears at the end, and not at all when the body raises."""
        with self._told():
            if self.local:
                with _local_writing(Path(self.path)) as stream:
                    yield stream
            else:
                with _remote_writing(self.files, self.path) as stream:
                    yield stream

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            # Over HTTP, fsspec says so whatever went wrong, and has that as the cause.
            raise _absent(self.shown, error.__cause__ if self._speaks("http") else None) from error
        except NotImplementedError as error:
            fix = "write to a path, or to a store such as s3://"
            raise UserError("such a URL can only be read", where=self.shown, fix=fix) from error
        except OSError as error:
            said = error.strerror or type(error).__name__
            if self.local:
                raise UserError(
                    f"cannot be read or written: {said}", where=self.shown, fix="mend that"
                ) from error
            raise RetryLater(f"{self.shown} did not answer: {said}") from error


def place_of(text: str, root: Path) -> Place:
    """The place that a path or URL names.

    Args:
        text: an fsspec URL, or a path below `root` (or an absolute one).

    Raises:
        UserError: a chained URL, a file of another host, or a protocol that is not known or has no driver.
    """
    shown = shown_url(text)
    if _CHAINED in text or "\0" in text:
        raise UserError("chained URLs are not read", where=shown, fix="name the file itself")
    if not usable(text):
        fix = "use a path, or the URL of a store on a network such as s3:// or https://"
        raise UserError("nothing here reads such a URL", where=shown, fix=fix)
    if "://" not in text:
        text = f"file://{(root / text).absolute()}"
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(without_host(text))
    except OSError as error:  # some drivers connect at once
        raise RetryLater(f"{shown} did not answer: {error.strerror or type(error).__name__}") from error
    except (ValueError, ImportError, TypeError) as error:
        fix = "use a path, or install the fsspec driver of this protocol"
        raise UserError("nothing here reads such a URL", where=shown, fix=fix) from error
    return Place(files, str(path), shown)


def without_host(text: str) -> str:
    """A file's URL without `localhost`, which is no other host (RFC 8089); any other text as it is.

    Raises:
        UserError: another host's file; a driver would look for a folder of that name.
    """
    if not text.startswith(_FILE):
        return text
    path = text.removeprefix(_FILE).removeprefix("localhost")
    if not path.startswith("/"):
        what = "it is another host's file: between `file://` and the next `/` stands a host"
        raise UserError(what, where=shown_url(text), fix="give the path, or file:///PATH")
    return _FILE + path


def _absent(shown: str, cause: BaseException | None) -> UserError | RetryLater:
    """What a file that is said to be missing means."""
    status = getattr(cause, "status", None)
    if cause is None or isinstance(cause, FileNotFoundError) or status in ABSENT:
        return UserError("there is nothing here", where=shown, fix="correct the path or URL")
    if status is None or is_later(status):
        return RetryLater(f"{shown} did not answer: {status or type(cause).__name__}")
    return UserError(f"the server answers {status}", where=shown, fix="correct the URL, or ask for access")


def shown_url(url: str) -> str:
    """A URL without what may be secret: user, password, query and fragment."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    rest = rest.partition("?")[0].partition("#")[0]
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


@contextmanager
def _remote_writing(files: Any, path: str) -> Iterator[IO[bytes]]:
    stream = files.open(path, "wb", autocommit=False)
    try:
        yield stream
        stream.close()
        getattr(stream, "commit", lambda: None)()
    except BaseException:
        getattr(stream, "discard", lambda: None)()
        raise


@contextmanager
def _local_writing(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
