"""The door to logs at any URL: their files in the order in which they were written, opened for reading."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from typing import IO, Any, cast

from ordain.core.data.addresses import usable
from ordain.errors import RetryLater, UserError

MOST_FILES = 100_000
# How a server, or a compaction, ends a file's name: time, number.
_WRITTEN = re.compile(r"-(\d{1,19})-(\d{1,19})\.(?:jsonl|parquet)")


class LogPlace:
    """A folder or file, local or at an fsspec URL.

    Args:
        url: a path, or a URL whose driver is installed.
        what: what lies there, for messages, such as `the prediction log`.

    Raises:
        UserError: when nothing reads such URLs.
    """

    def __init__(self, url: str, what: str) -> None:
        import fsspec

        self.where, self._what = url.split("?", maxsplit=1)[0], what
        if "::" in url:
            raise UserError(f"{what} is at a chained URL", where=self.where, fix="name the place itself")
        if not usable(url):
            fix = "use a folder, or the URL of a store on a network such as s3:// or https://"
            raise UserError(f"{what} cannot be read there: no such URL is read", where=self.where, fix=fix)
        try:
            self._files: Any
            self._files, self.root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise UserError(
                f"{what} cannot be read there: {error}",
                where=self.where,
                fix="use a folder, or install the fsspec driver for this URL",
            ) from error

    def files(self, endings: tuple[str, ...]) -> list[str]:
        """The files of a folder and below, or the one file, as they were written; none when nothing is there.

        Raises:
            UserError: when reading is not allowed, or there are too many.
            RetryLater: when the place does not answer.
        """
        try:
            if self._files.isfile(self.root):
                return [self.root]
            found = [each for each in self._files.find(self.root) if each.endswith(endings)]
            if not found:
                self._files.ls(self.root)  # `find` takes a place that does not answer for an empty one
        except FileNotFoundError:
            return []
        except PermissionError as error:
            fix = "give this process the right to read it"
            raise UserError(f"{self._what} may not be read", where=self.where, fix=fix) from error
        except Exception as error:  # drivers have errors of their own
            raise RetryLater(f"{self.where} did not answer ({type(error).__name__})") from error
        if len(found) > MOST_FILES:
            fix = "name a folder of one month, or compact the files"
            raise UserError(f"there are more than {MOST_FILES} files", where=self.where, fix=fix)
        return sorted(found, key=_age)

    @contextmanager
    def opened(self, path: str) -> Iterator[IO[bytes]]:
        """One file, for reading; whatever its driver raises passes through."""
        from fsspec.spec import AbstractBufferedFile

        with self._files.open(path, "rb") as stream:
            # Files of object stores and of HTTP take no limit for the length of a line.
            own = isinstance(stream, AbstractBufferedFile)
            yield cast("IO[bytes]", BufferedReader(cast("RawIOBase", stream))) if own else stream


def begun(path: str) -> float:
    """When a file was begun, by its name, in seconds since 1970; NaN for other names."""
    written = _WRITTEN.search(path)
    return int(written[1]) / 1000 if written else math.nan


def _age(path: str) -> tuple[int, int, str]:
    written = _WRITTEN.search(path)
    return (int(written[1]), int(written[2]), path) if written else (0, 0, path)
