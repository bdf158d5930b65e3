"""Writing a repository: objects first, then one ref, and a push that never forces."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ordain.adapters.git.ancestry import Ancestry
from ordain.adapters.git.command import hostile
from ordain.core import gitnames
from ordain.core.git import trees
from ordain.errors import UserError

_KINDS = {"40000": "tree", "160000": "commit"}


class Repository(Ancestry):
    """One repository on this machine, read and written by plumbing only."""

    def has_remote(self, name: str = "origin") -> bool:
        """Whether there is a remote of this name, whatever its address."""
        return bool(self.line("config", "--get", f"remote.{gitnames.ref(name)}.url", fine=(0, 1)))

    def remote(self, name: str = "origin") -> str:
        """Where a remote is, as an address that may be used.

        Raises:
            UserError: when there is no such remote, or its address is not allowed.
        """
        address = self.line("config", "--get", f"remote.{gitnames.ref(name)}.url", fine=(0, 1))
        if not address:
            fix = f"git remote add {name} URL"
            raise UserError(f"the repository has no remote `{name}`", where=str(self.folder), fix=fix)
        if address.startswith(("./", "../")):
            address = str((self.folder / address).resolve())
        try:
            return gitnames.url(address)
        except UserError as error:
            fix = f"git remote set-url {name} ADDRESS, by https, ssh or a folder and without a password"
            raise UserError(error.what, where=f"git config remote.{name}.url", fix=fix) from error

    def ledger(self) -> str | None:
        """The commit that whoever works here says the ledger is at, by `git config ordain.ledger REVISION`.

        Raises:
            UserError: when there is no such commit here.
        """
        named = self.line("config", "--get", "ordain.ledger", fine=(0, 1))
        return self.resolve(named) if named else None

    def fetch(self, address: str, refspecs: Mapping[str, str]) -> None:
        """Bring refs from elsewhere, by `{their name: our name}`; ours may be moved anywhere.

        Raises:
            UserError: when a ref is not there. RetryLater: when the other side does not answer.
        """
        specs = [f"+{_spec(theirs)}:{_spec(ours)}" for theirs, ours in refspecs.items()]
        quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-gc")
        self.run("fetch", *quiet, "--end-of-options", gitnames.url(address), *specs)

    def has(self, address: str, name: str) -> bool:
        """Whether a ref, by its full name, is there elsewhere.

        Raises:
            RetryLater: when the other side does not answer.
        """
        words = ("ls-remote", "--quiet", "--refs", "--end-of-options", gitnames.url(address))
        rows = self.line(*words, gitnames.ref(name)).splitlines()
        # Git matches the end of a name: `refs/x/refs/heads/main` is not `refs/heads/main`.
        return any(row.partition("\t")[2] == name for row in rows)

    def push(self, address: str, commit: str, name: str) -> None:
        """Move a ref elsewhere forward to an object; never by force.

        Raises:
            PushRacedError: when the ref there is not an ancestor of the commit.
            RetryLater: when the other side does not answer. UserError: when it refuses.
        """
        spec = f"{gitnames.object_id(commit)}:{gitnames.ref(name)}"
        quiet = ("--quiet", "--porcelain", "--no-verify", "--no-recurse-submodules", "--atomic")
        self.run("push", *quiet, "--end-of-options", gitnames.url(address), spec)

    def write_blobs(self, contents: Sequence[bytes]) -> list[str]:
        """Store blobs, unfiltered; their ids in the same order."""
        if not contents:
            return []
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, data in enumerate(contents):
                path = Path(folder) / str(number)
                path.write_bytes(data)
                paths.append(f"{path}\n")
            stdin = "".join(paths).encode()
            words = ("hash-object", "-w", "--no-filters", "--stdin-paths")
            return self.run(*words, stdin=stdin).output.decode().split()

    def write_tree(self, base: str | None, folder: str, blobs: Mapping[str, str]) -> str:
        """A tree like `base` in which one top folder holds exactly these blobs.

        Args:
            base: a commit or tree; None for an empty one.
            folder: a name at the top. blobs: ids by path, every path below that folder.
        """
        rows = "".join(f"100644 {gitnames.object_id(each)}\t{gitnames.path(name)}\0"
                       for name, each in sorted(blobs.items()))  # fmt: skip
        with tempfile.TemporaryDirectory() as scratch_folder:
            index = {"GIT_INDEX_FILE": str(Path(scratch_folder) / "index")}
            self.run("update-index", "-z", "--index-info", stdin=rows.encode(), environment=index)
            tree = self.run("write-tree", environment=index).output.decode().strip()
        wanted = self.tree(tree)
        others = {name: row for name, row in (self.tree(base) if base else {}).items() if name != folder}
        return self._mktree({**others, **wanted})

    def with_file(self, base: str, name: str, data: bytes) -> str:
        """A tree like that of a commit, with one file's content replaced."""
        return self.with_files(base, {name: data})

    def with_files(self, base: str, changes: Mapping[str, bytes | None]) -> str:
        """A tree like that of a commit, with some files' content replaced; None removes the file.

        Only the folders on the way are read: of what else a tree stands for, nothing is unfolded.

        Raises:
            UserError: reason `hostile-object` where something else than a folder is on the way.
        """
        written = {gitnames.path(name): data for name, data in changes.items() if data is not None}
        blobs = dict(zip(written, self.write_blobs(list(written.values())), strict=True))
        return self._mktree(self._edited(self.tree(base), {name: blobs.get(name) for name in changes}))

    def _edited(self, rows: trees.Tree, changes: Mapping[str, str | None]) -> trees.Tree:
        """The rows of a folder with blobs put in and taken out, by path; a folder that is empty then goes."""
        found, inner = dict(rows), dict[str, dict[str, str | None]]()
        for name, blob in changes.items():
            top, _, rest = gitnames.path(name).partition("/")
            if rest:
                inner.setdefault(top, {})[rest] = blob
            elif blob is None:
                found.pop(top, None)
            else:
                found[top] = ("100644", blob)
        for top, below in inner.items():
            mode, folder = found.pop(top, (trees.TREE, ""))
            if mode != trees.TREE:
                raise hostile(top, "something else stands where a folder must be")
            edited = self._edited(self.tree(folder) if folder else {}, below)
            if edited:
                found[top] = (trees.TREE, self._mktree(edited))
        return found

    def unrecorded(self, prefixes: Sequence[str]) -> list[str]:
        """Files below some paths of the working tree that differ from the index and are not ignored."""
        wanted = [gitnames.path(each.rstrip("/")) for each in prefixes]
        words = ("ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard", "--")
        rows = self.run(*words, *wanted).output.split(b"\0")[:-1]
        return sorted({gitnames.path(each.decode("utf-8", "surrogateescape")) for each in rows})

    def tracked(self, prefixes: Sequence[str]) -> list[str]:
        """What the index holds at or below some paths, sorted."""
        wanted = [gitnames.path(each.rstrip("/")) for each in prefixes]
        rows = self.run("ls-files", "-z", "--cached", "--", *wanted).output.split(b"\0")[:-1]
        return sorted({gitnames.path(each.decode("utf-8", "surrogateescape")) for each in rows})

    def identity(self) -> str:
        """Whoever commits here, as `Name <email>`.

        Raises:
            UserError: when Git knows nobody.
        """
        return self.line("var", "GIT_COMMITTER_IDENT").rsplit(" ", 2)[0]

    def adopt(self, commit: str) -> None:
        """Move what is checked out to a commit of the same content; no file is touched."""
        self.run("reset", "--quiet", "--mixed", gitnames.object_id(commit))

    def _mktree(self, rows: trees.Tree) -> str:
        stdin = b"".join(
            f"{mode} {_KINDS.get(mode, 'blob')} {found}\t".encode()
            + name.encode("utf-8", "surrogateescape")
            + b"\0"
            for name, (mode, found) in rows.items()
        )
        return self.run("mktree", "-z", "--missing", stdin=stdin).output.decode().strip()

    def write_commit(self, raw: bytes) -> str:
        """Store a commit from its bytes."""
        return self.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw).output.decode().strip()

    def branch(self) -> str | None:
        """The branch that is checked out, or None."""
        return self.line("symbolic-ref", "--quiet", "--short", "HEAD", fine=(0, 1)) or None

    def unmerged(self) -> set[str]:
        """Paths that a merge under way left undecided in the index."""
        listed = self.run("ls-files", "--unmerged", "-z").output.decode("utf-8", "replace")
        return {row.partition("\t")[2] for row in listed.split("\0") if row}

    def branches(self) -> set[str]:
        """Every branch, here and as last seen at `origin`, by its short name."""
        rows = self.line("for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes/origin")
        heads = ("refs/heads/", "refs/remotes/origin/")
        return {row.removeprefix(heads[0]).removeprefix(heads[1]) for row in rows.splitlines()}

    def tips(self) -> dict[str, str]:
        """The newest commit of each branch, here and as last seen at any remote, by name."""
        form = "--format=%(objectname) %(symref) %(refname)"
        rows = self.line("for-each-ref", form, "refs/heads", "refs/remotes").splitlines()
        parts = (row.split(" ", 2) for row in rows)
        heads = ("refs/heads/", "refs/remotes/")
        return {
            name.removeprefix(heads[0]).removeprefix(heads[1]): commit
            for commit, symbolic, name in parts
            if not symbolic
        }

    def worktrees(self) -> dict[Path, str]:
        """The newest commit of each working tree of this repository, by its folder."""
        rows = self.run("worktree", "list", "--porcelain", "-z").output.split(b"\0")
        found: dict[Path, str] = {}
        folder = Path()
        for row in rows:
            word, _, rest = row.partition(b" ")
            if word == b"worktree":
                folder = Path(os.fsdecode(rest))
            elif word == b"HEAD" and rest.strip(b"0"):
                found[folder] = gitnames.object_id(rest.decode())
        return found

    def signs(self) -> bool:
        """Whether commits made here are signed: people ask for it, or have named an SSH key for it."""
        asked = self.line("config", "--type=bool", "--get", "commit.gpgSign", fine=(0, 1))
        if asked:
            return asked == "true"
        ssh = self.line("config", "--get", "gpg.format", fine=(0, 1)) == "ssh"
        return ssh and bool(self.line("config", "--get", "user.signingKey", fine=(0, 1)))

    def commit_as_user(self, tree: str, parent: str, message: str) -> str:
        """A commit by the person whose repository this is, signed where `signs` says so.

        Raises:
            UserError: when Git has no identity or key for them.
        """
        words = ("commit-tree", *(("-S",) if self.signs() else ()), "-p", gitnames.object_id(parent))
        stdin = message.encode()
        return self.run(*words, gitnames.object_id(tree), stdin=stdin).output.decode().strip()

    def start_branch(self, name: str, commit: str) -> None:
        """Make a branch at a commit and check it out; edits of other files come along.

        Raises:
            UserError: when the branch exists or uncommitted changes stand in the way; nothing is done.
        """
        # Without the second word Git writes over a file that is ignored here and tracked there.
        careful = ("--no-track", "--no-overwrite-ignore")
        try:
            self.run(
                "switch", "--quiet", *careful, "--create", gitnames.ref(name), gitnames.object_id(commit)
            )
        except UserError as error:
            raise self._in_the_way(commit) or error from error

    def _in_the_way(self, commit: str) -> UserError | None:
        """Which uncommitted changes checking out a commit would lose; None when none would be."""
        new = self._names("diff-tree", "-r", "-z", "--name-only", "HEAD", gitnames.object_id(commit))
        edited = self._names("diff-index", "-z", "--name-only", "HEAD")
        lost = sorted(new & (edited | self._names("ls-files", "-z", "--others")))
        if not lost:
            return None
        what = f"uncommitted changes would be lost ({', '.join(lost[:5])}), so nothing was done"
        return UserError(what, where=lost[0], fix="git stash --include-untracked, or commit them")

    def _names(self, *words: str) -> set[str]:
        return {os.fsdecode(each) for each in self.run(*words).output.split(b"\0") if each}

    def leave_branch(self, name: str, back_to: str) -> None:
        """Go back to where one was before a branch was started, and forget the branch.

        Args:
            name: the branch. back_to: a branch or a commit.
        """
        own = back_to in self.branches() and not back_to.startswith("-")
        self.run("switch", "--quiet", *((back_to,) if own else ("--detach", gitnames.ref(back_to))))
        self.run("branch", "--quiet", "-D", "--end-of-options", gitnames.ref(name))

    def restore(self, paths: Sequence[str]) -> None:
        """Bring tracked files back to the newest commit."""
        if not paths:
            return
        self.run("restore", "--quiet", "--staged", "--worktree", "--", *map(gitnames.path, paths))

    def set_ref(self, name: str, target: str) -> None:
        """Point a ref of this repository at an object."""
        self.run("update-ref", gitnames.ref(name), gitnames.object_id(target))


def _spec(name: str) -> str:
    """A ref, or every ref of a folder: `refs/heads/main`, `refs/ordain/approvals/*`."""
    return gitnames.ref(name[:-2]) + "/*" if name.endswith("/*") else gitnames.ref(name)
