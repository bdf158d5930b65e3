"""Requests of the embedded forge: a pushed branch, and a record under `refs/ordain/requests/`.

A request is open while its branch is at the origin and not yet merged into its base: nothing has to be
closed by hand, a branch that was merged and left standing counts as merged, and to turn a request down is
to delete its branch. Records are numbered, and a ref is never replaced: of two that race, one takes the
next number. A draft asks for review once there is a ref of its number under `refs/ordain/ready/`, which
holds why; a comment is a ref under `refs/ordain/comments/`, below its number.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator

import msgspec

from ordain.adapters.git import PushRacedError, Repository, scratch
from ordain.core.people.request import Draft, Opened
from ordain.errors import RetryLater, UserError

FOLDER = "refs/ordain/requests"
READY = "refs/ordain/ready"
COMMENTS = "refs/ordain/comments"
_SEEN = "refs/ordain/seen"
_NUMBER = re.compile(rf"{FOLDER}/([1-9][0-9]{{0,8}})")
SIZE_LIMIT = 2**20
BODY_LIMIT = SIZE_LIMIT - 2**14  # beside which the rest of a record has room
ATTEMPTS = 20


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a request. `created`: RFC 3339. `author`: as Git names them. `draft`: when opened."""

    branch: str
    base: str
    title: str
    body: str
    labels: tuple[str, ...]
    author: str
    created: str
    draft: bool = False


class LocalRequests:
    """A `ports.Proposals` in the repository itself.

    Args:
        clone: whose objects and identity are used; nothing in it changes.
        address: the origin. clock: the present time.
    """

    def __init__(self, clone: Repository, address: str, clock: Callable[[], dt.datetime]) -> None:
        self._clone, self._address, self._clock = clone, address, clock

    def open_request(self, draft: Draft) -> str:
        """Record a request; the name of its ref."""
        record = Record(
            branch=draft.branch, base=draft.base, title=draft.title, body=draft.text(BODY_LIMIT, _written),
            labels=draft.labels, author=self._clone.identity(),
            created=self._clock().strftime("%Y-%m-%dT%H:%M:%SZ"), draft=draft.draft,
        )  # fmt: skip
        with scratch(self._clone.folder) as repository:
            (blob,) = repository.write_blobs([msgspec.json.format(msgspec.json.encode(record))])
            for _ in range(ATTEMPTS):
                known = self._fetched(repository)
                for number, each in known.items():
                    if (each.branch, each.base) == (draft.branch, draft.base) and _is_open(repository, each):
                        if each.draft and not draft.draft:  # a branch of that name was turned down before
                            self.ready(number, draft.title)
                        return f"{FOLDER}/{number}"
                name = f"{FOLDER}/{max(known, default=0) + 1}"
                try:
                    repository.push(self._address, blob, name)
                except PushRacedError:
                    continue
                return name
        raise RetryLater("others open requests all the time")

    def open_requests(self, label: str) -> tuple[Opened, ...]:
        """Those whose branch is there and not merged."""
        with scratch(self._clone.folder) as repository:
            known = self._fetched(repository)
            ready = repository.refs(READY)
            return tuple(
                _opened(number, each, draft=each.draft and f"{READY}/{number}" not in ready)
                for number, each in sorted(known.items())
                if label in each.labels and _is_open(repository, each)
            )

    def ready(self, number: int, why: str) -> None:
        """Push the mark, once; the first reason stays."""
        self._said_once(f"{READY}/{number}", why)

    def comment(self, number: int, marker: str, body: str) -> None:
        """Push what is said, once for each marker; the first words stay."""
        self._said_once(f"{COMMENTS}/{number}/{marker}", body)

    def requested(self, branch: str, base: str) -> bool:
        """Whether there is a record of one."""
        with scratch(self._clone.folder) as repository:
            known = self._fetched(repository).values()
            return any((each.branch, each.base) == (branch, base) for each in known)

    def record(self, number: int) -> Record | None:
        """One request with its body, or None when there is no such one."""
        with scratch(self._clone.folder) as repository:
            return self._fetched(repository).get(number)

    def _said_once(self, name: str, text: str) -> None:
        with scratch(self._clone.folder) as repository:
            folder = name.rpartition("/")[0]
            repository.fetch(self._address, {f"{folder}/*": f"{folder}/*"})
            if name in repository.refs(folder):
                return
            (blob,) = repository.write_blobs([text.encode()])
            try:
                repository.push(self._address, blob, name)
            except PushRacedError:
                return  # somebody else was quicker

    def _fetched(self, repository: Repository) -> dict[int, Record]:
        refs = {f"{each}/*": f"{each}/*" for each in (FOLDER, READY)} | {"refs/heads/*": f"{_SEEN}/*"}
        repository.fetch(self._address, refs)
        return dict(_records(repository))


def _written(text: str) -> int:
    """Bytes of a text in a record."""
    return len(msgspec.json.encode(text))


def _records(repository: Repository) -> Iterator[tuple[int, Record]]:
    """Every record by its number. What is misnamed, too large or no record is passed over."""
    listed = {name: each for name, each in repository.refs(FOLDER).items() if each.size <= SIZE_LIMIT}
    content = repository.objects([each.id for each in listed.values()], "blob")
    for name, each in listed.items():
        found = _NUMBER.fullmatch(name)
        try:
            if found:
                yield int(found[1]), msgspec.json.decode(content[each.id], type=Record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue


def _is_open(repository: Repository, record: Record) -> bool:
    refs = dict.fromkeys((record.branch, record.base))
    found = {name: _find(repository, f"{_SEEN}/{name}") for name in refs}
    head, base = found[record.branch], found[record.base]
    return head is not None and base is not None and not repository.is_ancestor(head, base)


def _find(repository: Repository, name: str) -> str | None:
    try:
        return repository.find(name)
    except UserError:  # a record may name what no branch can be called
        return None


def _opened(number: int, record: Record, *, draft: bool) -> Opened:
    return Opened(
        number=number, url=f"{FOLDER}/{number}", title=record.title, branch=record.branch, base=record.base,
        author=record.author, created=record.created, draft=draft,
    )  # fmt: skip
