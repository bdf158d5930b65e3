"""The scratch folder, its people, and the commands they type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from ordain.errors import UserError

PEOPLE = {
    "ada": ("Ada Okafor", "ada@ordain.example"),
    "dana": ("Dana Reyes", "dana@ordain.example"),
    "mei": ("Mei Tanaka", "mei@ordain.example"),
    "ravi": ("Ravi Menon", "ravi@ordain.example"),
    "reconciler": ("Ordain Reconciler", "reconciler@ordain.example"),
}


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """One finished command."""

    code: int
    output: str


class Theatre:
    """Where the demo happens: one bare repository, one clone a person, one key a person.

    Args:
        root: an empty folder.
        identities: folder of example key pairs; copied, because ssh insists on private permissions.
        say: prints one line of narration.
    """

    def __init__(self, root: Path, identities: Path, say: Callable[[str], None]) -> None:
        self.root = root
        self.say = say
        self.origin = root / "origin.git"
        self._keys = root / "keys"
        self._keys.mkdir(mode=0o700)
        for person in PEOPLE:
            for name in (person, f"{person}.pub"):
                shutil.copyfile(identities / name, self._keys / name)
            self.key(person).chmod(0o600)

    def key(self, person: str) -> Path:
        """A person's private key."""
        return self._keys / person

    def clone_of(self, person: str) -> Path:
        """A person's working copy."""
        return self.root / person

    def environment(self, person: str) -> dict[str, str]:
        """A clean Git identity for one person: nothing of the user's own configuration gets in."""
        name, email = PEOPLE[person]
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ORDAIN_"))}
        return {
            **keep,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.root / "home"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": email,
            "PYTHONUNBUFFERED": "1",
            "ORDAIN_STORE": str(self.root / "registry"),
            "ORDAIN_COLLECTOR_KEY": str(self.key("reconciler")),
        }  # fmt: skip

    def run(self, person: str, *words: str, expect: int | None = 0, loud: bool = False) -> Ran:
        """Run one command as one person, in their clone.

        Args:
            person: who types it.
            words: the command.
            expect: the exit code that the story needs; None for any.
            loud: whether each line is narrated as it comes.

        Raises:
            UserError: when the exit code is another one; it carries what the command printed.
        """
        where = self.clone_of(person)
        lines: list[str] = []
        with subprocess.Popen(
            words,
            cwd=where if where.is_dir() else self.root,
            env=self.environment(person),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        ) as process:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                if loud:
                    self.say(f"    {line.rstrip()}")
        ran = Ran(code=process.returncode, output="\n".join(lines).strip())
        if expect is not None and ran.code != expect:
            raise UserError(
                f"`{' '.join(words)}` ended with {ran.code}, the story needs {expect}\n{ran.output}",
                where=f"demo / {person}",
                fix="make demo KEEP=1, then run the command again in the folder it names",
            )
        return ran

    def show(self, person: str, *words: str, expect: int | None = 0) -> Ran:
        """Run a command and let the audience see it, with what it prints indented below, as it comes."""
        self.say(f"  {person}$ {' '.join(self._short(word) for word in words)}")
        return self.run(person, *words, expect=expect, loud=True)

    def _short(self, word: str) -> str:
        text = word.replace(str(self.root) + os.sep, "../")
        return f'"{text}"' if " " in text else text

    def enter(self, person: str) -> None:
        """Give a person a clone that signs commits with their key."""
        (self.root / "home").mkdir(exist_ok=True)
        where = self.clone_of(person)
        if not where.exists():
            self.run(person, "git", "clone", "--quiet", str(self.origin), str(where))
        self.configure(person)

    def configure(self, person: str) -> None:
        """Commit signing with the person's own SSH key."""
        settings: Mapping[str, str] = {
            "gpg.format": "ssh",
            "user.signingkey": str(self.key(person)),
            "commit.gpgsign": "true",
            "advice.detachedHead": "false",
        }
        for key, value in settings.items():
            self.run(person, "git", "config", key, value)
