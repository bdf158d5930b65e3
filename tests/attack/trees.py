"""Trees that Git stores and no checkout would make, written object by object."""

from __future__ import annotations

import hashlib
import subprocess
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

FILE, PROGRAM, FOLDER, LINK, MODULE = "100644", "100755", "40000", "120000", "160000"
Row = tuple[str, bytes, str]


class Objects:
    """The objects of one repository.

    Args:
        folder: a bare repository.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.objects = folder, folder / "objects"

    def _git(self, *words: str, stdin: bytes = b"") -> str:
        return subprocess.run(
            ["git", *words], cwd=self.folder, input=stdin, capture_output=True, check=True
        ).stdout.decode().strip()  # fmt: skip

    def write(self, kind: str, data: bytes) -> str:
        """A loose object, as `git hash-object -w --literally` writes it, which needs a process for each."""
        whole = f"{kind} {len(data)}\0".encode() + data
        name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        path = self.objects / name[:2] / name[2:]
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(whole, 1))
        return name

    def blob(self, data: bytes = b"x\n") -> str:
        return self.write("blob", data)

    def tree(self, rows: Sequence[Row]) -> str:
        """A tree of these rows, in this order, whatever they are."""
        return self.write(
            "tree", b"".join(f"{m} ".encode() + n + b"\0" + bytes.fromhex(i) for m, n, i in rows)
        )

    def rows(self, treeish: str) -> list[Row]:
        """What stands in a tree."""
        listed = self._git("ls-tree", "-z", treeish).encode().split(b"\0")[:-1]
        parts = [row.partition(b"\t") for row in listed]
        return [
            (head.split()[0].decode().lstrip("0"), name, head.split()[2].decode()) for head, _, name in parts
        ]

    def commit(self, tree: str, *parents: str) -> str:
        """A commit by nobody that anyone knows."""
        options = [word for each in parents for word in ("-p", each)]
        person = [word for key in ("user.name=M", "user.email=m@x.example") for word in ("-c", key)]
        return self._git(*person, "commit-tree", "-m", "x", *options, tree)

    def put(self, treeish: str, path: str, entry: tuple[str, str]) -> str:
        """A tree like another, in which something else (mode and id) stands at a path."""
        name, _, rest = path.partition("/")
        rows = {each[1]: each for each in self.rows(treeish)}
        known = rows.get(name.encode())
        if rest:
            entry = (FOLDER, self.put(known[2] if known else self.tree([]), rest, entry))
        rows[name.encode()] = (entry[0], name.encode(), entry[1])
        return self.tree([rows[each] for each in sorted(rows)])

    def beside(self, treeish: str, folder: str, rows: Sequence[Row]) -> str:
        """A tree like another, in which some rows stand in a folder behind those that are there."""
        inner = self._git("rev-parse", f"{treeish}:{folder}")
        return self.put(treeish, folder, (FOLDER, self.tree([*self.rows(inner), *rows])))


def deep(objects: Objects, levels: int) -> str:
    """A folder in a folder in a folder."""
    found = objects.tree([(FILE, b"x.yaml", objects.blob())])
    for _ in range(levels):
        found = objects.tree([(FOLDER, b"d", found)])
    return found


def bomb(objects: Objects, levels: int, width: int = 10) -> str:
    """A tree of few objects that is read as `width` to the power of `levels` files."""
    found = objects.blob()
    mode = FILE
    for _ in range(levels):
        found = objects.tree([(mode, f"f{number}".encode(), found) for number in range(width)])
        mode = FOLDER
    return found


# What stands in a folder of the state beside what belongs there.
HOSTILE: dict[str, Callable[[Objects], list[Row]]] = {
    **{
        f"named {name!r}": lambda objects, name=name: [(FILE, name, objects.blob())]  # type: ignore[misc]
        for name in (b"..", b".", b".git", b".GIT", b"git~1", b".git.", b".git ", b".git::$INDEX_ALLOCATION",
                     b"-rf.yaml", b"a\\b.yaml", b":x", b"x\ny.yaml", b"\xff.yaml", b"\xe2\x80\xae.yaml",
                     b".g\xe2\x80\x8cit", b"x" * 300)
    },
    "a symlink": lambda objects: [(LINK, b"evil.yaml", objects.blob(b"/etc/passwd"))],
    "a symlink to a folder": lambda objects: [(LINK, b"evil", objects.blob(b"../.git/hooks"))],
    "a submodule": lambda objects: [(MODULE, b"evil", "1" * 40)],
    "a folder called .git": lambda objects: [(FOLDER, b".git", deep(objects, 1))],
    "a name twice": lambda objects: [(FILE, b"z.yaml", objects.blob(each)) for each in (b"x", b"y")],
    "a file and a folder of a name": lambda objects: [
        (FILE, b"z", objects.blob()), (FOLDER, b"z", deep(objects, 1))],
    "a deep folder": lambda objects: [(FOLDER, b"deep", deep(objects, 1500))],
    "a bomb": lambda objects: [(FOLDER, b"bomb", bomb(objects, 7))],
    "a large file": lambda objects: [(FILE, b"large.yaml", objects.blob(b"#" * (9 * 2**20)))],
}  # fmt: skip
