"""Who is the same person in several policies: tied by whatever entries share, over any number of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ordain.core.people.trust import accounts_of, fingerprint
from ordain.core.specs.governance import Person, Policy

# Some people, with every other name under which one of them stands in an approved policy.
Names = Callable[[Iterable[str]], tuple[str, ...]]


def by_name(people: Iterable[str]) -> tuple[str, ...]:
    """Everybody is who they are called: the rules before version 3, and of a policy that never changed."""
    return tuple(people)


class Ties:
    """People of some policies, by any of their names, keys, addresses and accounts.

    Two entries that share one of these are one person, in one policy or in several, and so is whoever shares
    another with either. Somebody of whom a policy replaces everything at once shares nothing.

    Args:
        policies: that were approved, in any order.
    """

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._beside: dict[str, set[str]] = {}
        self._people: set[str] = set()
        for policy in policies:
            for name, person in policy.people.items():
                self._people.add(name)
                for mark in _marks(person):
                    self._beside.setdefault(name, set()).add(mark)
                    self._beside.setdefault(mark, set()).add(name)

    def everybody(self, makers: Iterable[str]) -> tuple[str, ...]:
        """Some makers, and each name in any of the policies under which one of them stands there.

        Args:
            makers: keys of `policy.people`, addresses, or accounts such as `github:someone`.
        """
        named = set(makers)
        waiting = [*named, *(each.casefold() for each in named)]
        waiting += (mark for each in named for mark in _accounts(each))
        seen: set[str] = set()
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                waiting += self._beside.get(here, ())
        return tuple(sorted(named | (seen & self._people)))


def _marks(person: Person) -> Iterator[str]:
    """What tells somebody from others; no key of an entry looks like any of it, for none has a `:` or `@`."""
    yield f"name:{person.name.strip().casefold()}"
    yield from (each.strip().casefold() for each in person.emails)
    yield from (mark for each in person.emails for mark in _accounts(each))
    yield from (f"{forge}:{login.casefold()}" for forge, login in person.logins.items())
    yield from (found for each in person.keys if (found := fingerprint(each.key)) is not None)


def _accounts(email: str) -> Iterator[str]:
    """The accounts that an address of a forge's making may stand for."""
    return (f"{forge}:{login}" for forge, login in accounts_of(email))
