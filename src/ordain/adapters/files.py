"""The one door to the working tree: whole files or none, and never outside the folder that was meant.

A repository is hostile until approved, so every path that comes out of one goes through `inside` or
`read_state`: no symlink is followed, nothing but a regular file is read, and every read is bounded.
Writes appear whole (a temporary file beside the target, fsync, rename) or not at all.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ordain.core import gitnames
from ordain.core.reasons import Reason
from ordain.errors import UserError

STATE_LIMIT = 4 * 2**20
FILE_LIMIT = 512 * 2**20
FILE_MODE, FOLDER_MODE = 0o644, 0o755
TEMPORARY = ".ordain-tmp"
# Where declared and generated state lives. Nothing else in a working tree is ever walked.
STATE_TOPS = (
    "models.yaml",
    "params.yaml",
    "policy.yaml",
    "dvc.yaml",
    "environments",
    "releases",
    "pipelines",
    "manifests",
    ".ordain/schemas",
)
_CHUNK = 2**20
_SHOWN = 300  # characters of a path that a message names
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def _hostile(where: str, what: str) -> UserError:
    fix = "replace it with a regular file inside the repository"
    return UserError(what, where=ascii(where[-_SHOWN:])[1:-1], fix=fix, reason=Reason.HOSTILE_OBJECT)


def safe_parts(relative: str) -> tuple[str, ...]:
    """The segments of a relative path that can only lead downwards, by the rule for paths in Git.

    Raises:
        UserError: reason `hostile-object` for whatever `gitnames.path` refuses.
    """
    try:
        return tuple(gitnames.path(relative).split("/"))
    except UserError as error:
        raise _hostile(relative, error.what) from error


def inside(root: Path, relative: str) -> Path:
    """`root / relative`, after a look at every component that exists below `root`.

    Returns:
        a path whose existing components below `root` are real folders and whose end, if it exists,
        is a regular file or a folder.

    Raises:
        UserError: reason `hostile-object` for a path of `safe_parts`' list, a symlink anywhere below
            `root`, a file where a folder must be, or a special file at the end.
    """
    parts = safe_parts(relative)
    path = root
    for position, part in enumerate(parts):
        path = path / part
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            break
        except OSError as error:  # too long, a file in place of a folder, no permission
            raise _hostile(relative, f"the path cannot be used: {error.strerror}") from error
        last = position == len(parts) - 1
        if stat.S_ISLNK(mode):
            raise _hostile(relative, "a symlink is on this path, and symlinks are never followed")
        if not (stat.S_ISDIR(mode) or (last and stat.S_ISREG(mode))):
            raise _hostile(relative, "a special file, or a file in place of a folder, is on this path")
    return root.joinpath(*parts)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A descriptor of a regular file; a symlink, device or pipe at its place is refused unread."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _hostile(str(path), "a symlink is in place of a file") from error
        if error.errno == errno.ENXIO:
            raise _hostile(str(path), "a special file is in place of a file") from error
        raise UserError(f"cannot read the file: {error.strerror}", where=str(path)) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _hostile(str(path), "a folder or a special file is in place of a file")
        yield descriptor
    finally:
        os.close(descriptor)


def read_bytes(path: Path, limit: int = FILE_LIMIT) -> bytes:
    """The content of one regular file.

    Raises:
        UserError: when it is absent, unreadable, no regular file (`hostile-object`) or over `limit`
            bytes.
    """
    with _opened(path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise UserError(f"the file is larger than {limit} bytes", where=str(path))
    return data


def hash_file(path: Path, *algorithms: str) -> tuple[str, ...]:
    """Hexadecimal digests of one regular file of any size, read once, one per hashlib algorithm.

    Raises:
        UserError: as `read_bytes`, without a limit.
    """
    hashes = [hashlib.new(name, usedforsecurity=name != "md5") for name in algorithms]
    with _opened(path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as stream:
        while chunk := stream.read(_CHUNK):
            for each in hashes:
                each.update(chunk)
    return tuple(each.hexdigest() for each in hashes)


def _walk(folder: Path, relative: str) -> Iterator[tuple[str, os.stat_result]]:
    """Everything that is not a real folder, at or below one path, sorted."""
    try:
        found = os.lstat(folder)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        yield relative, found
        return
    for child in sorted(folder.iterdir()):
        yield from _walk(child, f"{relative}/{child.name}")


def read_state(
    root: Path,
    predicate: Callable[[str], bool],
    *,
    tops: Sequence[str] = STATE_TOPS,
    limit: int = STATE_LIMIT,
) -> dict[str, bytes]:
    """Every file below `tops` whose path relative to `root` the predicate accepts, by that path.

    A symlink to a file that the predicate does not accept is passed over (DVC may link its outputs);
    every other symlink and every special file is refused.

    Args:
        root: the repository.
        predicate: which paths (with `/`) are wanted.
        tops: files and folders to look at; absent ones are skipped.
        limit: largest file in bytes.

    Raises:
        UserError: reason `hostile-object`; or a file that is unreadable or too large.
    """
    files: dict[str, bytes] = {}
    for top in tops:
        inside(root, top)
        for relative, found in _walk(root / top, top):
            if stat.S_ISLNK(found.st_mode) and (predicate(relative) or not (root / relative).is_file()):
                raise _hostile(relative, "a symlink is in place of a file or folder")
            if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
                raise _hostile(relative, "a special file is in place of a file")
            if predicate(relative):
                safe_parts(relative)
                files[relative] = read_bytes(root / relative, limit)
    return files


def _unwritable(path: Path, error: OSError) -> UserError:
    full = error.errno in _FULL
    return UserError(
        f"cannot write: {error.strerror}; nothing was changed",
        where=str(path),
        fix="free some space and run the command again" if full else "check the folder's permissions",
    )


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(descriptor: int, data: bytes) -> None:
    """Write all bytes to a fresh descriptor and close it, on the disk when this returns."""
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fchmod(stream.fileno(), FILE_MODE)
        os.fsync(stream.fileno())


def write_atomic(path: Path, data: bytes) -> None:
    """Replace one file as a whole, with mode 0644, making its folders where needed.

    A reader sees the old bytes or the new ones; a symlink at `path` is replaced, not followed.

    Raises:
        UserError: when the bytes cannot be written (full disk, permissions); `path` is untouched.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:60]}.", suffix=TEMPORARY, dir=path.parent)
        temporary = Path(name)
        _write_new(descriptor, data)
        temporary.replace(path)
        _fsync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_tree_atomic(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make `folder` hold exactly these files, built aside and renamed into place.

    An existing folder is replaced. It is never seen half-written: a kill between the two renames of
    a replacement leaves it absent.

    Args:
        folder: what to make; its parents are made where needed.
        files: content by safe relative path.

    Raises:
        UserError: for an unsafe path (`hostile-object`), or when the files cannot be written.
    """
    targets = {safe_parts(relative): data for relative, data in files.items()}
    aside = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name[:60]}.", suffix=TEMPORARY, dir=folder.parent))
        built, old = aside / "new", aside / "old"
        built.mkdir(mode=FOLDER_MODE)
        for parts, data in targets.items():
            target = built.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_new(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), data)
        _swap(folder, built, old)
        _fsync_folder(folder.parent)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def _swap(folder: Path, built: Path, old: Path) -> None:
    """Put `built` in the place of `folder`; put the old one back when that fails."""
    with suppress(FileNotFoundError):
        folder.rename(old)
    try:
        built.rename(folder)
    except OSError:
        with suppress(FileNotFoundError):
            old.rename(folder)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive advisory lock; it ends with the process, however that ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
