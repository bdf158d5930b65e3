"""Reading a repository: objects, never the working tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import msgspec

from ordain.adapters.git.batch import KEPT, Batch
from ordain.adapters.git.command import Command, hostile
from ordain.core import gitnames, trees
from ordain.core.commits import Commit, parse, tree_of
from ordain.core.reasons import Reason
from ordain.core.trees import TREE
from ordain.errors import UserError

T = TypeVar("T")
BLOB_LIMIT = 8 * 2**20
REGULAR = {"100644", "100755"}
_PLAIN = "only plain files may stand here: no symlink, no submodule"
_TWICE = "one name stands for two things"
# Few objects can stand for any number of files, and for any depth: folders of the state are far from these.
MAX_FILES, MAX_DEPTH = 200_000, 32
_TOO_LARGE = f"the folder holds more than {MAX_FILES} files, or folders more than {MAX_DEPTH} deep"


class Listed(msgspec.Struct, frozen=True):
    """One blob: its id and its size in bytes."""

    id: str
    size: int


class Reader(Command):
    """What can be asked of a repository; whatever has an id is read once.

    Args:
        folder: a working tree, a folder in one, or a bare repository.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._batch = Batch(folder)
        self._commits: dict[str, Commit] = {}
        self._trees: dict[str, trees.Tree] = {}
        self._folders: dict[tuple[str, str], dict[str, trees.Entry]] = {}
        self._extents: dict[str, tuple[int, int]] = {}

    def git_folder(self) -> Path:
        """Where objects and settings are, shared by every worktree."""
        return Path(self.line("rev-parse", "--path-format=absolute", "--git-common-dir"))

    @cached_property
    def objects_folder(self) -> str:
        """Where this repository's own objects are."""
        return self.line("rev-parse", "--path-format=absolute", "--git-path", "objects")

    def is_shallow(self) -> bool:
        """Whether history was cut off when this was cloned."""
        return self.line("rev-parse", "--is-shallow-repository") == "true"

    def has_working_tree(self) -> bool:
        """Whether files are checked out here."""
        return self.line("rev-parse", "--is-inside-work-tree") == "true"

    def find(self, revision: str) -> str | None:
        """The id of the commit that a revision names, or None."""
        name = gitnames.revision(revision)
        if gitnames.is_object_id(name) and self._batch.sizes([name]).get(name, ("", 0))[0] == "commit":
            return name
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return self.line(*words, fine=(0, 1, 128)) or None

    def resolve(self, revision: str) -> str:
        """The id of the commit that a revision names.

        Raises:
            UserError: when there is no such commit here.
        """
        found = self.find(revision)
        if found is None:
            fix = "git fetch origin, or check the spelling"
            raise UserError(f"there is no commit `{revision}` here", where=str(self.folder), fix=fix)
        return found

    def listing(self, treeish: str, prefixes: Sequence[str]) -> dict[str, Listed]:
        """Every blob below some paths of a commit or tree, by path.

        Args:
            treeish: an object id. prefixes: files, or folders with a `/` at the end.

        Raises:
            UserError: reason `hostile-object` for a symlink, a submodule, an odd name, a name twice.
        """
        found: dict[str, str] = {}
        for prefix in prefixes:
            folder = prefix.endswith("/")
            name = gitnames.path(prefix.rstrip("/"))
            entry = self.entry(treeish, name)
            if entry is not None and folder and entry[0] != TREE:
                raise hostile(name, _TWICE if entry[0] in REGULAR else _PLAIN)
            if entry is not None:
                found.update({path: blob for path, (_, blob) in self.files(name, entry).items()})
        sizes = self._batch.sizes(found.values())
        return {path: Listed(blob, self._size(sizes, blob)) for path, blob in found.items()}

    def _size(self, sizes: Mapping[str, tuple[str, int]], blob: str) -> int:
        kind, size = sizes.get(blob, ("", 0))
        if kind != "blob":
            raise self._absent("blob", blob)
        return size

    def _absent(self, kind: str, name: str) -> UserError:
        return UserError(f"the {kind} {name} is not here", where=str(self.folder), fix="git fetch")

    def entry(self, treeish: str, name: str) -> trees.Entry | None:
        """Mode and id of what stands at a path."""
        rows: trees.Tree = self.tree(treeish)
        *folders, last = name.split("/")
        for folder in folders:
            mode, inner = rows.get(folder, ("", ""))
            if mode != TREE:
                return None
            rows = self.tree(inner)
        return rows.get(last)

    def stood(self, treeish: str, name: str) -> trees.Entry | None:
        """Mode and id of what stood at a path; nothing did where the way there is hostile."""
        try:
            return self.entry(treeish, name)
        except UserError as error:
            if error.reason != Reason.HOSTILE_OBJECT:
                raise
            return None

    def files(self, name: str, entry: trees.Entry) -> dict[str, trees.Entry]:
        """The files at and below a path, by path; what a folder holds is looked at once.

        Args:
            entry: what stands there.

        Raises:
            UserError: reason `hostile-object` for anything but plain files with plain names.
        """
        mode, found = entry
        if mode != TREE:
            if mode not in REGULAR:
                raise hostile(name, _PLAIN)
            return {name: entry}
        self.check_extent(name, found)
        if (name, found) not in self._folders:
            inner: dict[str, trees.Entry] = {}
            for each, one in self.tree(found).items():
                inner.update(self.files(gitnames.path(f"{name}/{each}"), one))
            self._folders[name, found] = inner
        return self._folders[name, found]

    def below(self, commits: Iterable[str], tops: Sequence[str]) -> set[str]:
        """Read the folders at and below some names of many commits, level by level, in few questions.

        It only makes later questions cheap: nothing is looked at, and what is not here is no error.

        Returns:
            ids of the plain files that stand in them.
        """
        roots = self._batch.contents(commits)
        with suppress(UserError):  # whoever looks at the commit that is none will name it
            self._batch.contents([_read(tree_of, name, each.data) for name, each in roots.items()])
        level = {entry for each in roots for top in tops if (entry := self._rows(each).get(top))}
        seen: set[trees.Entry] = set()
        while level := level - seen:
            seen |= level
            folders = [each for mode, each in level if mode == TREE]
            self._batch.contents(folders)
            level = set().union(*(self._rows(each).values() for each in folders))
        return {each for mode, each in seen if mode in REGULAR}

    def preload(self, blobs: Iterable[str]) -> None:
        """Read those of some files that are small enough to be kept."""
        sizes = self._batch.sizes(blobs)
        self._batch.contents([each for each, (_, size) in sizes.items() if size <= KEPT])

    def _rows(self, tree: str) -> trees.Tree:
        try:
            return self.tree(tree)
        except UserError:
            return {}

    def extent(self, tree: str) -> tuple[int, int]:
        """How many files a tree stands for, and how deep its folders go; each tree in it is read once.

        Raises:
            UserError: as `tree`.
        """
        waiting = [tree]
        while waiting:
            rows = self.tree(waiting[-1]).values()
            inner = [each for mode, each in rows if mode == TREE]
            unknown = [each for each in inner if each not in self._extents]
            waiting += unknown
            if not unknown:
                found = [self._extents[each] for each in inner]
                files = len(rows) - len(inner) + sum(count for count, _ in found)
                self._extents[waiting.pop()] = (files, 1 + max((depth for _, depth in found), default=0))
        return self._extents[tree]

    def check_extent(self, name: str, tree: str) -> None:
        """Refuse a folder that stands for more than can be walked.

        Raises:
            UserError: reason `hostile-object`.
        """
        if not self._bearable(tree):
            raise hostile(name, _TOO_LARGE)

    def _bearable(self, tree: str) -> bool:
        files, depth = self.extent(tree)
        return files <= MAX_FILES and depth <= MAX_DEPTH

    def within(self, tree: str) -> trees.Tree:
        """The entries of one tree, for whoever walks on below it: none where that is hostile.

        Raises:
            UserError: when it is not here.
        """
        try:
            return self.tree(tree) if self._bearable(tree) else {}
        except UserError as error:
            if error.reason != Reason.HOSTILE_OBJECT:
                raise
            return {}

    def listed(self, blob: str) -> Listed:
        """A blob with its size."""
        return Listed(blob, self._size(self._batch.sizes([blob]), blob))

    def tree(self, treeish: str) -> trees.Tree:
        """The entries of one tree, or of a commit's, by name.

        Raises:
            UserError: when it is not here; reason `hostile-object` when a name stands there twice.
        """
        name = gitnames.object_id(treeish)
        if name not in self._trees:
            found = self._batch.contents([name]).get(name)
            if found is not None and found.kind == "commit":
                self._trees[name] = self.tree(_read(tree_of, name, found.data))
            elif found is None or found.kind != "tree":
                raise self._absent("tree", name)
            else:
                self._trees[name] = self._parsed(name, found.data)
        return self._trees[name]

    def _parsed(self, name: str, data: bytes) -> trees.Tree:
        try:
            return trees.parse(data, len(name) // 2)
        except ValueError as error:
            raise hostile(f"tree {name}", str(error)) from error

    def read(self, treeish: str, prefixes: Sequence[str]) -> dict[str, bytes]:
        """The content of every file below some paths of a commit or tree, by path.

        Raises:
            UserError: as `listing`; also for a file over `BLOB_LIMIT` bytes.
        """
        listed = self.listing(treeish, prefixes)
        for name, each in listed.items():
            if each.size > BLOB_LIMIT:
                raise hostile(name, f"the file is larger than {BLOB_LIMIT} bytes")
        content = self.objects([each.id for each in listed.values()], "blob")
        return {name: content[each.id] for name, each in listed.items()}

    def objects(self, ids: Iterable[str], kind: str) -> dict[str, bytes]:
        """The content of objects of one kind, by id.

        Raises:
            UserError: when one is absent or of another kind.
        """
        wanted = list(dict.fromkeys(gitnames.object_id(each) for each in ids))
        found = self._batch.contents(wanted)
        for each in wanted:
            if each not in found or found[each].kind != kind:
                raise self._absent(kind, each)
        return {each: found[each].data for each in wanted}

    def commits(self, ids: Iterable[str]) -> list[Commit]:
        """Commits by id, in the order asked for.

        Raises:
            UserError: when one is not here; reason `hostile-object` when Git would not read it either.
        """
        wanted = list(ids)
        raw = self.objects([each for each in wanted if each not in self._commits], "commit")
        self._commits.update({each: _read(partial(parse, each), each, data) for each, data in raw.items()})
        return [self._commits[each] for each in wanted]

    def commits_below(self, prefix: str) -> dict[str, str]:
        """What refs below a prefix point at, by their full names."""
        rows = self.line(
            "for-each-ref", "--format=%(objectname) %(refname)", gitnames.ref(prefix)
        ).splitlines()
        return {name: found for found, _, name in (row.partition(" ") for row in rows)}

    def refs(self, prefix: str) -> dict[str, Listed]:
        """Refs below a prefix that point at blobs, by their full names."""
        form = "--format=%(objectname) %(objecttype) %(objectsize) %(refname)"
        rows = self.line("for-each-ref", form, gitnames.ref(prefix)).splitlines()
        parts = (row.split(" ", 3) for row in rows)
        return {name: Listed(blob, int(size)) for blob, kind, size, name in parts if kind == "blob"}


def _read(how: Callable[[bytes], T], name: str, data: bytes) -> T:
    try:
        return how(data)
    except ValueError as error:
        raise hostile(f"commit {name}", str(error)) from error
