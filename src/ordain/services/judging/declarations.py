"""What commits declare, piece by piece: what did not change since the last one is not read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from msgspec import Struct

from ordain.adapters.git import BLOB_LIMIT, REGULAR, Repository, StoreError
from ordain.core import gitnames
from ordain.core.gating.release import Release
from ordain.core.git.trees import TREE, Entry, changed
from ordain.core.specs.governance import Policy
from ordain.core.specs.spec import Models, Params
from ordain.core.state.declared import MODELS, PARAMS, POLICY, Instance
from ordain.core.state.instance import (
    STATE_PATHS,
    assembled,
    is_state_path,
    load,
    read_instance,
    sound_models,
    sound_part,
)
from ordain.errors import UserError

ENVIRONMENTS, RELEASES = "environments", "releases"
T = TypeVar("T")
TOPS = (MODELS, PARAMS, POLICY, ENVIRONMENTS, RELEASES)


def usable(read: Callable[[], T]) -> T | None:
    """What a commit holds; None where what stands there can't be used.

    Raises:
        StoreError: when it can't be had from the repository here: whatever it is, that is not its fault.
    """
    try:
        return read()
    except StoreError:
        raise
    except UserError:
        return None


class _Folder(Struct, frozen=True):
    """What the files at and below a path declare.

    Attributes:
        entry: what stands at the path. values: by path; None for a file that is not sound.
        records: the release records among them by number; None where a value is None.
    """

    entry: Entry
    values: Mapping[str, Any]
    records: Mapping[int, Release] | None


class Declarations:
    """The declared states of a repository's commits.

    Args:
        repository: where the commits are.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._parts: dict[tuple[str, Entry], Any] = {}
        self._folders: dict[str, _Folder] = {}
        self._models: dict[tuple[Entry | None, Entry | None], bool] = {}
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
        values |= sorted(self._folder(ENVIRONMENTS, environments).values.items()) if environments else {}
        if (releases is not None and releases[0] != TREE) or not self._sound_models(files, values):
            return None
        records: dict[str, Mapping[int, Release]] = {}
        for model, entry in self.repository.tree(releases[1]).items() if releases else ():
            found = self._folder(f"{RELEASES}/{model}", entry).records
            if found is None:
                return None
            if found:
                records[model] = found
        return assembled(values, records)

    def _sound_models(self, files: list[Entry | None], values: Mapping[str, Any]) -> bool:
        models, params, _ = files
        if (models, params) not in self._models:
            self._models[models, params] = sound_models(values.get(MODELS), values.get(PARAMS))
        return self._models[models, params]

    def models(self, treeish: str) -> tuple[Models, Params] | None:
        """The models and candidates of a commit or tree, whatever else it holds; None when they can't be
        used."""
        files = list(self.place(treeish)[:3])
        values = {top: self.part(top, entry) for top, entry in zip(TOPS[:2], files, strict=False) if entry}
        models, params = values.get(MODELS), values.get(PARAMS)
        if models is None or params is None or not self._sound_models(files, values):
            return None
        return models, params

    def release(self, treeish: str, path: str) -> Release | None:
        """The sound release record at a path of a commit or tree, or None."""
        entry = self.repository.entry(treeish, path)
        record = self.part(path, entry) if entry is not None else None
        return record if isinstance(record, Release) else None

    def releases(self, commits: Iterable[str]) -> Iterator[Release]:
        """Every sound release record that some commits hold, each file once."""
        seen: set[tuple[str, Entry]] = set()
        before: Entry | None = None
        for commit in commits:
            top = self.repository.stood(commit, RELEASES)
            for path, _, entry in changed(RELEASES, (before, top), self.repository.within):
                if entry is None or (path, entry) in seen or not is_state_path(path):
                    continue
                seen.add((path, entry))
                record = self.part(path, entry)
                if record is not None:
                    yield record
            before = top

    def entry(self, treeish: str, path: str) -> Entry | None:
        """What stands at the place of a declared file."""
        return self.repository.entry(treeish, path)

    def environments(self, treeish: str) -> tuple[str, ...] | None:
        """The names of the environments that have a file, sorted; None where that can't be told."""
        found = usable(lambda: self.repository.listing(treeish, (f"{ENVIRONMENTS}/",)))
        if found is None:
            return None
        return tuple(
            sorted(path.rpartition("/")[2].removesuffix(".yaml") for path in found if is_state_path(path))
        )

    def _folder(self, path: str, entry: Entry) -> _Folder:
        """What stands at and below a path, from what stood there in the state that was read before.

        Raises:
            UserError: reason `hostile-object` for anything but plain files with plain names.
        """
        before = self._folders.get(path)
        if before is not None and before.entry == entry:
            return before
        if entry[0] == TREE:
            self.repository.check_extent(path, entry[1])
        values = dict(before.values) if before else {}
        ends = (before.entry if before else None, entry)
        for name, _, now in changed(path, ends, self.repository.tree):
            values.pop(name, None)
            if now is not None:
                self.repository.files(gitnames.path(name), now)
                if is_state_path(name):
                    values[name] = self.part(name, now)
        sound = None not in values.values()
        records = {each.number: each for each in values.values() if isinstance(each, Release)}
        self._folders[path] = _Folder(entry, values, dict(sorted(records.items())) if sound else None)
        return self._folders[path]

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
        entry = self.repository.stood(treeish, POLICY)
        if entry is None or self.part(POLICY, entry) is None:
            return None
        if entry[1] not in self._policies:
            instance = load(self.repository.read(treeish, (POLICY,))).instance
            self._policies[entry[1]] = instance.policy if instance else None
        return self._policies[entry[1]]
