"""The local artifact store: one OCI image layout that holds every artifact this clone has made or fetched.

Blobs are named by their digest, so two artifacts never collide and a write can be repeated. The index is
replaced as a whole, last, under a lock: a kill at any moment leaves blobs that nobody refers to, never a
reference to a blob that is not there. Reading trusts nothing: an artifact is verified each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ordain.adapters.files import (
    TEMPORARY,
    inside,
    locked,
    read_bytes,
    read_state,
    write_atomic,
    write_tree_atomic,
)
from ordain.core.artifacts.artifact import (
    BLOBS,
    INDEX,
    LAYOUT,
    LAYOUT_BYTES,
    MAX_FILE,
    MAX_JSON,
    Index,
    Layout,
    Manifest,
    ManifestDescriptor,
    altered,
    blob_path,
    build_layout,
    parse,
    read_layout,
    to_json,
)
from ordain.core.canonical import bytes_digest, is_digest
from ordain.core.reasons import Reason
from ordain.errors import UserError

STORE = ".ordain/local/artifacts"
NAME = "org.opencontainers.image.ref.name"
_LOCK = ".lock"
_LIMIT = 2 * MAX_FILE


def store_of(root: Path) -> Store:
    """The artifact store of a repository: `$ORDAIN_STORE`, which clones may share, or its own."""
    named = os.environ.get("ORDAIN_STORE")
    return Store(Path(named) if named else inside(root, STORE))


def read_folder(folder: Path) -> Layout:
    """One artifact from a folder that is an OCI layout, verified.

    Raises:
        UserError: reason `artifact-absent` when there is no layout; else as `read_layout`, with the
            folder in the place.
    """
    blobs = read_state(folder, lambda _: True, tops=(LAYOUT, INDEX, BLOBS.split("/")[0]), limit=_LIMIT)
    if not blobs:
        raise UserError(
            "there is no artifact here",
            where=str(folder),
            fix="ordain run, or `ordain data pull` to fetch what somebody else has run",
            reason=Reason.ARTIFACT_ABSENT,
        )
    return _verified(folder, blobs)


def _verified(folder: Path, blobs: dict[str, bytes]) -> Layout:
    try:
        return build_layout(read_layout(blobs))
    except UserError as error:
        error.where = str(folder / error.where)
        raise


class Store:
    """Artifacts by digest below one folder, made when the first is put.

    Args:
        root: the layout's folder; for a clone `.ordain/local/artifacts`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, layout: Layout) -> str:
        """Keep an artifact; putting it again changes nothing, and mends what was damaged.

        Returns:
            its digest.

        Raises:
            UserError: for a layout that is not a whole artifact, or when it cannot be written.
        """
        read_layout(layout.blobs)
        with locked(self.root / _LOCK):
            for left in self.root.rglob(f".*{TEMPORARY}"):  # by a writer that was killed
                left.unlink(missing_ok=True)
            for path, data in sorted(layout.blobs.items()):
                if path != INDEX and not self._holds(path, data):
                    write_atomic(inside(self.root, path), data)
            self._list(layout)
        return layout.manifest_digest

    def has(self, digest: str) -> bool:
        """Whether every blob of an artifact is here, by name; `get` is what verifies them."""
        try:
            return all(self._path(each).is_file() for each in (digest, *self._parts(digest)))
        except UserError:
            return False

    def get(self, digest: str) -> Layout:
        """One artifact, verified, as a layout of its own.

        Raises:
            UserError: reason `artifact-absent` when a blob is not here; or naming the blob that is
                damaged.
        """
        blobs = {blob_path(each): self._read(digest, each) for each in (digest, *self._parts(digest))}
        entry = ManifestDescriptor(digest=digest, size=len(blobs[blob_path(digest)]))
        index = to_json(Index(manifests=(entry,)))
        return _verified(self.root, {LAYOUT: LAYOUT_BYTES, INDEX: index, **blobs})

    def extract(self, digest: str, folder: Path) -> None:
        """Write an artifact's files to a folder, which then holds them and nothing else.

        Raises:
            UserError: as `get`, or when the files cannot be written; the folder is then untouched.
        """
        write_tree_atomic(folder, read_layout(self.get(digest).blobs))

    def digests(self) -> tuple[str, ...]:
        """Every artifact that the index lists, sorted."""
        return tuple(sorted(entry.digest for entry in self._entries()))

    def size_of(self, digests: Iterable[str]) -> int:
        """Bytes that only these artifacts take up."""
        return sum(path.stat().st_size for path in self._only(set(digests)))

    def remove(self, digests: Iterable[str]) -> int:
        """Forget artifacts; the bytes that this freed. Blobs that another artifact shares stay.

        The index goes first, so that a kill leaves unlisted blobs and never a listed artifact without them.
        """
        gone = set(digests)
        if not gone:
            return 0
        with locked(self.root / _LOCK):
            blobs = self._only(gone)
            left = tuple(each for each in self._entries() if each.digest not in gone)
            write_atomic(self.root / INDEX, to_json(Index(manifests=left)))
            freed = sum(path.stat().st_size for path in blobs)
            for path in blobs:
                path.unlink(missing_ok=True)
        return freed

    def _only(self, gone: set[str]) -> list[Path]:
        """The blobs of some artifacts that no other artifact of the index has."""
        staying = {
            part for each in self._entries() if each.digest not in gone for part in self._all(each.digest)
        }
        leaving = {part for digest in gone for part in self._all(digest)}
        return [path for path in map(self._path, sorted(leaving - staying)) if path.is_file()]

    def _all(self, digest: str) -> Iterator[str]:
        """An artifact's digest and, when its manifest can be read, those of its parts."""
        yield digest
        with suppress(UserError):
            yield from self._parts(digest)

    def _path(self, digest: str) -> Path:
        if not is_digest(digest):
            raise UserError(f"{digest[:80]!a} is not a digest", fix="write it as sha256:<64 hex digits>")
        return inside(self.root, blob_path(digest))

    def _read(self, digest: str, part: str) -> bytes:
        path = self._path(part)
        if not path.exists():
            raise UserError(
                f"the artifact {digest} is not in this clone",
                where=str(self.root),
                fix="ordain run, or `ordain data pull` and `ordain release` on the commit that released it",
                reason=Reason.ARTIFACT_ABSENT,
            )
        data = read_bytes(path, _LIMIT)
        if bytes_digest(data) != part:
            raise altered(str(path), "its bytes do not have the digest that it is named by")
        return data

    def _parts(self, digest: str) -> Iterator[str]:
        """Digests of the blobs that an artifact's manifest names."""
        data = self._read(digest, digest)
        if len(data) > MAX_JSON:
            raise altered(str(self._path(digest)), "it is too large for a manifest")
        manifest = parse(data, blob_path(digest), Manifest)
        yield manifest.config.digest
        yield manifest.layers[0].digest

    def _holds(self, path: str, data: bytes) -> bool:
        """Whether these very bytes are on the disk already."""
        place = inside(self.root, path)
        return place.is_file() and place.stat().st_size == len(data) and read_bytes(place, _LIMIT) == data

    def _entries(self) -> tuple[ManifestDescriptor, ...]:
        path = inside(self.root, INDEX)
        return parse(read_bytes(path), str(path), Index).manifests if path.exists() else ()

    def _list(self, layout: Layout) -> None:
        """Add an artifact to the index, under a name by which other tools can ask for it."""
        digest = layout.manifest_digest
        entries = {entry.digest: entry for entry in self._entries()}
        size = len(layout.blobs[blob_path(digest)])
        name = {NAME: digest.replace(":", "-")}
        entries[digest] = ManifestDescriptor(digest=digest, size=size, annotations=name)
        data = to_json(Index(manifests=tuple(entries[each] for each in sorted(entries))))
        if not self._holds(INDEX, data):
            write_atomic(self.root / INDEX, data)
