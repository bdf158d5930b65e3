"""The first-parent steps of a branch: which lie between two commits, and which declare anything anew."""

from __future__ import annotations

from ordain.adapters.git import Repository
from ordain.core.git.trees import Entry
from ordain.core.people.trust import Contribution, revoked
from ordain.core.specs.identity import ReleaseRef
from ordain.core.state.declared import POLICY, release_path
from ordain.services.judging.declarations import Declarations, usable

# From here on, steps are read together rather than one by one.
MANY = 16


class Lineage:
    """What is kept of a branch's steps, so that each is looked at once.

    Args:
        declared: the declarations of the repository's commits.

    Attributes:
        made: who made a step, by the step and the two commits whose policies say so.
    """

    def __init__(self, declared: Declarations) -> None:
        self._declared = declared
        self._repository: Repository = declared.repository
        self._anew: dict[str, bool] = {}
        self._recorded: dict[tuple[ReleaseRef, str, str], tuple[str, ...]] = {}
        self.made: dict[tuple[str, str, str], Contribution] = {}
        self._revoked: dict[str, tuple[str, frozenset[str]]] = {}

    def window(self, base: str | None, head: str) -> tuple[list[str], str | None]:
        """The steps that lead to a commit since another, oldest first, and the commit that they start from.

        Args:
            base: None for all of the branch; what is reachable from it is no step.
        """
        if base is None:
            return self._repository.first_parents(head)[::-1], None
        steps = self._repository.steps(base, head)
        if steps is not None:
            return steps, base
        # The branch was moved onto another line of history that holds the commit.
        later = set(self._repository.between(base, head))
        chain = self._repository.first_parents(head)
        found = [each for each in chain if each in later]
        return found[::-1], next(iter(chain[len(found) :]), None)

    def anew(self, steps: list[str]) -> list[str]:
        """Those of some steps that changed a file of the declared state."""
        unknown = [each for each in steps if each not in self._anew]
        if len(unknown) > MANY:
            known = self._repository.commits(unknown)
            self._repository.objects([each.tree for each in known], "tree")
        for step in unknown:
            self._anew[step] = self._declares(step)
        return [each for each in steps if self._anew[each]]

    def _declares(self, step: str) -> bool:
        (commit,) = self._repository.commits([step])
        if not commit.parents:
            return True
        ends = usable(lambda: [self._declared.place(each) for each in (step, commit.parents[0])])
        return ends is None or ends[0] != ends[1]

    def recorded(self, release: ReleaseRef, head: str, kinds: str = "AM") -> tuple[str, ...]:
        """The steps up to a commit that brought or changed a release's record, newest first."""
        if (release, head, kinds) not in self._recorded:
            path = release_path(release.model, release.number)
            self._recorded[release, head, kinds] = tuple(self._repository.touched(head, path, kinds))
        return self._recorded[release, head, kinds]

    def record(self, release: ReleaseRef, treeish: str) -> Entry | None:
        """What stands at the place of a release's record; None also where nothing can be told."""
        return usable(lambda: self._declared.entry(treeish, release_path(release.model, release.number)))

    def revoked(self, base: str, head: str) -> frozenset[str]:
        """Fingerprints that any policy since a commit revokes, approved or not."""
        known, found = self._revoked.get(base, (base, frozenset()))
        steps = self._repository.steps(known, head)
        if steps is None:
            found, (steps, _) = frozenset(), self.window(base, head)
        for step in self.anew(steps):
            found |= self._revoked_at(step)
        self._revoked[base] = head, found
        return found

    def _revoked_at(self, step: str) -> frozenset[str]:
        policy = usable(lambda: self._declared.policy(step))
        return revoked(policy) if policy else frozenset()

    def same_policy(self, commits: list[str]) -> bool:
        """Whether all of some commits hold the same `policy.yaml`."""
        found = usable(lambda: {self._declared.entry(each, POLICY) for each in commits})
        return found is not None and len(found) <= 1
