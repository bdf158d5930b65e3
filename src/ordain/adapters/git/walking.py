"""Walking the folders of a commit: what stands where, within bounds that no hostile tree passes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ordain.adapters.git.batch import KEPT
from ordain.adapters.git.command import hostile
from ordain.adapters.git.reading import BLOB_LIMIT, REGULAR, Listed, Reader, parsed
from ordain.core import gitnames
from ordain.core.git import trees
from ordain.core.git.commits import tree_of
from ordain.core.git.trees import TREE
from ordain.core.reasons import Reason
from ordain.errors import UserError

_PLAIN = "only plain files may stand here: no symlink, no submodule"
_TWICE = "one name stands for two things"
# Few objects can stand for any number of files, and for any depth: folders of the state are far from these.
MAX_FILES, MAX_DEPTH = 200_000, 32
_TOO_LARGE = f"the folder holds more than {MAX_FILES} files, or folders more than {MAX_DEPTH} deep"


class Walker(Reader):
    """What stands at which path of a commit or tree; each folder is looked at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folders: dict[tuple[str, str], dict[str, trees.Entry]] = {}
        self._extents: dict[str, tuple[int, int]] = {}

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
            self._batch.contents([parsed(tree_of, name, each.data) for name, each in roots.items()])
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
