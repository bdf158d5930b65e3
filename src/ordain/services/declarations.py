"""What commits declare, read piece by piece: a file or folder that did not change is not read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ordain.adapters.git import BLOB_LIMIT, REGULAR, Repository
from ordain.core.declared import MODELS, PARAMS, POLICY, Instance
from ordain.core.governance import Policy
from ordain.core.instance import STATE_PATHS, assembled, is_state_path, load, read_instance, sound_part
from ordain.core.release import Release
from ordain.core.trees import TREE, Entry
from ordain.errors import UserError

ENVIRONMENTS, RELEASES = "environments", "releases"
TOPS = (MODELS, PARAMS, POLICY, ENVIRONMENTS, RELEASES)


class Declarations:
    """The declared states of a repository's commits.

    Args:
        repository: where the commits are.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._parts: dict[tuple[str, Entry], Any] = {}
        self._folders: dict[tuple[str, str], dict[str, Any]] = {}
        self._policies: dict[str, Policy | None] = {}

    def place(self, treeish: str) -> tuple[Entry | None, ...]:
        """What stands at the places of the declared state; equal ones are equal states."""
        tree = self.repository.tree(treeish)
        return tuple(tree.get(top) for top in TOPS)

    def instance(self, treeish: str) -> Instance:
        """What a commit or tree declares.

        Raises:
            UserError: when it can't be used.
        """
        return self._piecewise(treeish) or read_instance(self.repository.read(treeish, STATE_PATHS))

    def _piecewise(self, treeish: str) -> Instance | None:
        """None where anything is not as it should be: reading the whole then says what."""
        *files, environments, releases = self.place(treeish)
        values = {
            top: self.part(top, entry) for top, entry in zip(TOPS, files, strict=False) if entry is not None
        }
        values |= self._folder(ENVIRONMENTS, environments)
        records: dict[str, dict[int, Release]] = {}
        if releases is not None and releases[0] != TREE:
            return None
        for model, entry in self.repository.tree(releases[1]).items() if releases else ():
            found = self._folder(f"{RELEASES}/{model}", entry)
            if None in found.values():
                return None
            if found:
                records[model] = dict(sorted((each.number, each) for each in found.values()))
        return assembled(values, records)

    def releases(self, commits: Iterable[str]) -> Iterator[Release]:
        """Every sound release record that some commits hold, each file once."""
        seen: set[Entry] = set()
        for commit in commits:
            for path, entry in self.repository.unseen(commit, RELEASES, seen):
                record = self.part(path, entry) if is_state_path(path) else None
                if record is not None:
                    yield record

    def entry(self, treeish: str, path: str) -> Entry | None:
        """What stands at the place of a declared file."""
        return self.repository.entry(treeish, path)

    def environments(self, treeish: str) -> tuple[str, ...] | None:
        """The names of the environments that have a file, sorted; None where that can't be told."""
        try:
            found = self.repository.listing(treeish, (f"{ENVIRONMENTS}/",))
        except UserError:
            return None
        return tuple(
            sorted(path.rpartition("/")[2].removesuffix(".yaml") for path in found if is_state_path(path))
        )

    def _folder(self, path: str, entry: Entry | None) -> dict[str, Any]:
        """What the files at and below a path declare, None for one that is not sound."""
        if entry is None:
            return {}
        if (path, entry[1]) not in self._folders:
            files = self.repository.files(path, entry)
            self._folders[path, entry[1]] = {
                name: self.part(name, each) for name, each in files.items() if is_state_path(name)
            }
        return self._folders[path, entry[1]]

    def part(self, path: str, entry: Entry) -> Any:
        """What one file declares; None when it is not sound, no plain file, or too large."""
        mode, blob = entry
        if (path, entry) not in self._parts:
            plain = mode in REGULAR and self.repository.listed(blob).size <= BLOB_LIMIT
            data = self.repository.objects([blob], "blob")[blob] if plain else None
            self._parts[path, entry] = sound_part(path, data) if data is not None else None
        return self._parts[path, entry]

    def policy(self, treeish: str) -> Policy | None:
        """The policy that a commit holds, whatever else it holds; None when it can't be read."""
        entry = self.repository.tree(treeish).get(POLICY)
        if entry is None or self.part(POLICY, entry) is None:
            return None
        if entry[1] not in self._policies:
            instance = load(self.repository.read(treeish, (POLICY,))).instance
            self._policies[entry[1]] = instance.policy if instance else None
        return self._policies[entry[1]]
