"""Reading a repository: objects, never the working tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import msgspec

from ordain.adapters.git.batch import Batch
from ordain.adapters.git.command import Command, StoreError, hostile
from ordain.core import gitnames
from ordain.core.git import trees
from ordain.core.git.commits import Commit, parse, tree_of
from ordain.errors import UserError

T = TypeVar("T")
BLOB_LIMIT = 8 * 2**20
REGULAR = {"100644", "100755"}
_PROMISOR = r"^remote\..*\.promisor$"
_EVERY_BRANCH = "git remote set-branches origin '*'"


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

    def is_whole(self) -> bool:
        """Whether all is here that the refs promise: neither history nor, as by `--filter`, content is left
        out."""
        return not self.is_shallow() and self._promisor() is None

    def _promisor(self) -> str | None:
        """The remote that what a partial clone was made without is to be had from, if this is one.

        Git marks the packs that came from there; the setting alone may be anybody's.
        """
        if not any(Path(self.objects_folder).glob("pack/*.promisor")):
            return None
        rows = self.line("config", "--type=bool", "--get-regexp", _PROMISOR, fine=(0, 1)).splitlines()
        names = (
            key.split(".", 1)[1].rpartition(".")[0]
            for key, _, on in (row.rpartition(" ") for row in rows)
            if on == "true"
        )
        return next(names, None)

    def deepening(self) -> str:
        """The command that brings what a clone lacks: content, or history and branches that it was cloned
        without, as `--depth` does and a ledger's own branch would be."""
        promisor = self._promisor()
        if promisor is not None and not self.is_shallow():
            forgotten = f"git config --unset-all remote.{promisor}.promisor"
            return f"git fetch --refetch --no-filter {promisor} && {forgotten}"
        known = self.line("config", "--get-all", "remote.origin.fetch", fine=(0, 1)).split()
        every = any(each.removeprefix("+").startswith("refs/heads/*:") for each in known)
        return "git fetch --unshallow" if every else f"{_EVERY_BRANCH} && git fetch --unshallow"

    def ignored(self, paths: Iterable[str]) -> dict[str, str]:
        """What keeps Git from adding each of these paths, as `FILE:LINE: PATTERN`; not those that it has."""
        # Git knows no literal paths here; behind `./` none of them has magic.
        asked = b"".join(b"./" + each.encode("utf-8", "surrogateescape") + b"\0" for each in paths)
        plain = {"GIT_LITERAL_PATHSPECS": "0"}
        ran = self.run(
            "check-ignore", "--stdin", "-z", "--verbose", stdin=asked, fine=(0, 1), environment=plain
        )
        said = ran.output.decode("utf-8", "surrogateescape").split("\0")[:-1]
        rows = zip(said[::4], said[1::4], said[2::4], said[3::4], strict=True)
        return {
            path[2:]: f"{file}:{line}: {rule}" for file, line, rule, path in rows if not rule.startswith("!")
        }

    def has_working_tree(self) -> bool:
        """Whether files are checked out here."""
        return self.line("rev-parse", "--is-inside-work-tree") == "true"

    def find(self, revision: str) -> str | None:
        """The id of the commit that a revision names, or None.

        Raises:
            UserError: for a name that is never passed to Git; any commit has an id that is.
        """
        try:
            name = gitnames.revision(revision)
        except UserError as error:
            fix = "name the commit by its id, which `git rev-parse` tells"
            raise UserError(error.what, where=error.where, fix=fix, reason=error.reason) from error
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

    def _size(self, sizes: Mapping[str, tuple[str, int]], blob: str) -> int:
        kind, size = sizes.get(blob, ("", 0))
        if kind != "blob":
            raise self._absent("blob", blob, kind)
        return size

    def _absent(self, kind: str, name: str, stands: str | None) -> UserError:
        """An object that is not here, or is one of another kind.

        Commits may be named by anybody, whether there is such a one or not; a blob is named by a tree that is
        here, and so must be here too.
        """
        what, where = f"the {kind} {name} is not here", str(self.folder)
        if kind == "blob" and not stands:
            return StoreError(what, where=where, fix="git fsck, or make a new clone")
        return UserError(what, where=where, fix="git fetch")

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
                self._trees[name] = self.tree(parsed(tree_of, name, found.data))
            elif found is None or found.kind != "tree":
                raise self._absent("tree", name, found.kind if found else None)
            else:
                self._trees[name] = self._parsed(name, found.data)
        return self._trees[name]

    def _parsed(self, name: str, data: bytes) -> trees.Tree:
        try:
            return trees.parse(data, len(name) // 2)
        except ValueError as error:
            raise hostile(f"tree {name}", str(error)) from error

    def objects(self, ids: Iterable[str], kind: str) -> dict[str, bytes]:
        """The content of objects of one kind, by id.

        Raises:
            UserError: when one is absent or of another kind.
        """
        wanted = list(dict.fromkeys(gitnames.object_id(each) for each in ids))
        found = self._batch.contents(wanted)
        for each in wanted:
            there = found[each].kind if each in found else None
            if there != kind:
                raise self._absent(kind, each, there)
        return {each: found[each].data for each in wanted}

    def commits(self, ids: Iterable[str]) -> list[Commit]:
        """Commits by id, in the order asked for.

        Raises:
            UserError: when one is not here; reason `hostile-object` when Git would not read it either.
        """
        wanted = list(ids)
        raw = self.objects([each for each in wanted if each not in self._commits], "commit")
        self._commits.update({each: parsed(partial(parse, each), each, data) for each, data in raw.items()})
        return [self._commits[each] for each in wanted]

    def commits_below(self, prefix: str) -> dict[str, str]:
        """What refs below a prefix point at, by their full names."""
        rows = self.line(
            "for-each-ref", "--format=%(objectname) %(refname)", gitnames.ref(prefix)
        ).splitlines()
        return {name: found for found, _, name in (row.partition(" ") for row in rows)}

    def refs(self, prefix: str, kind: str = "blob") -> dict[str, Listed]:
        """Refs below a prefix that point at objects of one kind, by their full names."""
        form = "--format=%(objectname) %(objecttype) %(objectsize) %(refname)"
        rows = self.line("for-each-ref", form, gitnames.ref(prefix)).splitlines()
        parts = (row.split(" ", 3) for row in rows)
        return {name: Listed(found, int(size)) for found, is_, size, name in parts if is_ == kind}


def parsed(how: Callable[[bytes], T], name: str, data: bytes) -> T:
    """What a commit's bytes mean.

    Raises:
        UserError: reason `hostile-object` when they mean nothing.
    """
    try:
        return how(data)
    except ValueError as error:
        raise hostile(f"commit {name}", str(error)) from error
