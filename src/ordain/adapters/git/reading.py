"""Reading a repository: objects, never the working tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from ordain.adapters.git.command import Command, hostile
from ordain.core import commits, gitnames
from ordain.errors import UserError

BLOB_LIMIT = 8 * 2**20
_REGULAR = {"100644", "100755"}
_CHANGES = (
    "log",
    "--first-parent",
    "--diff-merges=first-parent",
    "--no-renames",
    "--no-patch",
    "--format=%H",
)


class Listed(msgspec.Struct, frozen=True):
    """One blob: its id and its size in bytes."""

    id: str
    size: int


class Reader(Command):
    """What can be asked of a repository."""

    def git_folder(self) -> Path:
        """Where objects and settings are, shared by every worktree."""
        return Path(self.line("rev-parse", "--path-format=absolute", "--git-common-dir"))

    def find(self, revision: str) -> str | None:
        """The id of the commit that a revision names, or None."""
        name = gitnames.revision(revision)
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
        wanted = [gitnames.path(each.rstrip("/")) for each in prefixes]
        words = ("ls-tree", "-r", "-z", "-l", "--full-tree", gitnames.object_id(treeish), *wanted)
        found: dict[str, Listed] = {}
        for row in self.run(*words).output.split(b"\0")[:-1]:
            meta, _, raw = row.partition(b"\t")
            mode, _, blob, size = meta.decode().split()
            name = gitnames.path(raw.decode("utf-8", "surrogateescape"))
            if mode not in _REGULAR:
                raise hostile(name, "only plain files may stand here: no symlink, no submodule")
            if name in found or f"{name}/" in prefixes:
                raise hostile(name, "one name stands for two things")
            found[name] = Listed(blob, int(size))
        return found

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
        if not wanted:
            return {}
        stdin = "".join(f"{each}\n" for each in wanted).encode()
        data = self.run("cat-file", "--batch", "--buffer", stdin=stdin).output
        found, position = {}, 0
        for each in wanted:
            end = data.index(b"\n", position)
            words = data[position:end].decode().split()
            if len(words) != 3 or words[1] != kind:
                raise UserError(f"the {kind} {each} is not here", where=str(self.folder), fix="git fetch")
            start, size = end + 1, int(words[2])
            found[each] = data[start : start + size]
            position = start + size + 1
        return found

    def commits(self, ids: Iterable[str]) -> list[commits.Commit]:
        """Commits by id, in the order asked for."""
        wanted = list(ids)
        raw = self.objects(wanted, "commit")
        try:
            return [commits.parse(each, raw[each]) for each in wanted]
        except ValueError as error:
            raise hostile("a commit", str(error)) from error

    def first_parents(self, head: str) -> list[str]:
        """A commit and its first-parent ancestors, newest first."""
        return self.line("rev-list", "--first-parent", gitnames.object_id(head)).split()

    def between(self, after: str, until: str, *, through: bool = False) -> list[str]:
        """Commits reachable from `until` and not from `after`, newest first.

        Args:
            through: keep only those that also descend from `after`.
        """
        options = ("--ancestry-path",) if through else ()
        ends = gitnames.object_id(until), f"^{gitnames.object_id(after)}"
        return self.line("rev-list", "--topo-order", *options, *ends).split()

    def merge_base(self, left: str, right: str) -> str | None:
        """The newest commit that two have in common; None when there is none."""
        ends = gitnames.object_id(left), gitnames.object_id(right)
        return self.line("merge-base", *ends, fine=(0, 1)) or None

    def reachable(self, commit: str) -> frozenset[str]:
        """A commit and all its ancestors."""
        return frozenset(self.line("rev-list", gitnames.object_id(commit)).split())

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether one commit is reachable from another."""
        words = ("merge-base", "--is-ancestor", gitnames.object_id(old), gitnames.object_id(new))
        return self.run(*words, fine=(0, 1)).code == 0

    def merged_tree(self, ours: str, theirs: str) -> str | None:
        """The tree that merging two commits gives by itself; None when they conflict."""
        words = ("merge-tree", "--write-tree", "--no-messages")
        ran = self.run(*words, gitnames.object_id(ours), gitnames.object_id(theirs), fine=(0, 1))
        return ran.output.decode().split("\n", 1)[0].strip() if ran.code == 0 else None

    def refs(self, prefix: str) -> dict[str, Listed]:
        """Refs below a prefix that point at blobs, by their full names."""
        form = "--format=%(objectname) %(objecttype) %(objectsize) %(refname)"
        rows = self.line("for-each-ref", form, gitnames.ref(prefix)).splitlines()
        parts = (row.split(" ", 3) for row in rows)
        return {name: Listed(blob, int(size)) for blob, kind, size, name in parts if kind == "blob"}

    def changes(self, head: str, path: str, kinds: str = "") -> list[str]:
        """First-parent commits that changed something at or below a path, newest first.

        Args:
            kinds: letters of `git log --diff-filter`, such as `A` for added; empty for any change.
        """
        chosen = (f"--diff-filter={kinds}",) if kinds.isalpha() else ()
        return self.line(*_CHANGES, *chosen, gitnames.object_id(head), "--", gitnames.path(path)).split()

    def last_change(self, head: str, path: str) -> str | None:
        """The newest commit, on whichever side of a merge, that changed a path; None when there is none."""
        words = ("rev-list", "--max-count=1", gitnames.object_id(head), "--", gitnames.path(path))
        return self.line(*words) or None

    def top(self, treeish: str) -> dict[str, bytes]:
        """The rows of a commit's or tree's top folder, as `git mktree` reads them, by name."""
        rows = self.run("ls-tree", "-z", "--full-tree", gitnames.object_id(treeish)).output.split(b"\0")[:-1]
        return {row.partition(b"\t")[2].decode("utf-8", "surrogateescape"): row for row in rows}
