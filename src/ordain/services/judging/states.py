"""What commits declare, who made them, and where trust begins: read once, kept by content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from ordain.adapters.git import Repository, StoreError
from ordain.core.approvals.approval import policy_subject
from ordain.core.canonical import digest
from ordain.core.decisions import Entry
from ordain.core.gating.release import Release
from ordain.core.git import trees
from ordain.core.git.commits import Commit
from ordain.core.ledger.ledger import Record
from ordain.core.people.ties import Ties
from ordain.core.people.trust import Contribution, collectors, contribution
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import Desired, desired
from ordain.core.specs.governance import Policy
from ordain.core.specs.identity import ReleaseRef, Target
from ordain.core.specs.spec import Models, Params
from ordain.core.state.declared import POLICY, Instance, release_path
from ordain.core.state.instance import STATE_PATHS, is_state_path
from ordain.errors import UserError
from ordain.services.judging.declarations import Declarations, usable
from ordain.services.judging.lineage import Lineage
from ordain.services.judging.texts import Texts

MANIFESTS = "manifests"
# Steps are judged one after another, so few states are looked at again.
REMEMBERED = 64


class Snapshot(Struct, frozen=True, kw_only=True):
    """What one commit declares.

    Attributes:
        key: of a state that can't be used, the digest of its files: equal keys are equal states.
        instance, wanted: None and empty when `fault` says why the state can't be used.
    """

    key: str = ""
    instance: Instance | None = None
    wanted: Mapping[Target, Desired] = {}
    fault: UserError | None = None


class States:
    """The declared states of a repository's commits. Nothing is ever read from a working tree.

    Args:
        repository: where the commits are.
        templates: of the renderer.
    """

    def __init__(self, repository: Repository, templates: Mapping[str, str]) -> None:
        self.repository = repository
        self.templates = templates
        self.declarations = Declarations(repository)
        self._snapshots: dict[tuple[trees.Entry | None, ...], Snapshot] = {}
        self._known: Mapping[Target, Desired] = {}
        self.lineage = Lineage(self.declarations)
        self.texts = Texts(self.declarations)
        self._ties: tuple[tuple[str, ...], Ties] = (), Ties(())
        # Proven ledgers by commit and genesis: `book.check_ledger` proves each once.
        self.ledgers: dict[tuple[str, str], tuple[Record, ...]] = {}

    def instance(self, treeish: str) -> Instance | None:
        """What a commit or tree declares, unrendered; None when it can't be used."""
        return usable(lambda: self.declarations.instance(treeish))

    def models(self, treeish: str) -> tuple[Models, Params] | None:
        """The models and candidates of a commit, whatever else it holds; None when they can't be used."""
        return usable(lambda: self.declarations.models(treeish))

    def release(self, treeish: str, ref: ReleaseRef) -> Release | None:
        """The very record that a pinned release names, where it stands at its place in a commit."""
        found = usable(lambda: self.declarations.release(treeish, release_path(ref.model, ref.number)))
        return found if found is not None and found.digest == ref.record else None

    def releases(self, commits: Iterable[str]) -> Iterator[Release]:
        """Every sound release record that some commits hold."""
        return self.declarations.releases(commits)

    def policy(self, treeish: str) -> Policy | None:
        """The policy that a commit holds, whatever else it holds; None when it can't be read."""
        return self.declarations.policy(treeish)

    def snapshot(self, treeish: str) -> Snapshot:
        """What a commit or tree declares, or why that can't be used."""
        try:
            place = self.declarations.place(treeish)
        except StoreError:
            raise
        except UserError as error:
            return Snapshot(key=digest("state/v1", treeish), fault=error)
        found = self._snapshots.pop(place, None) or self._read(treeish)
        self._snapshots[place] = found
        while len(self._snapshots) > REMEMBERED:
            self._snapshots.pop(next(iter(self._snapshots)))
        return found

    def _read(self, treeish: str) -> Snapshot:
        try:
            instance = self.declarations.instance(treeish)
            wanted = desired(instance, self.templates, self._known)
            for each in wanted.values():
                _sound(each)
        except StoreError:
            raise
        except UserError as error:
            return Snapshot(key=self._key(treeish), fault=error)
        self._known = wanted
        return Snapshot(instance=instance, wanted=wanted)

    def _key(self, treeish: str) -> str:
        listed = usable(lambda: self.repository.listing(treeish, STATE_PATHS))
        if listed is None:
            return digest("state/v1", treeish)
        return digest("state/v1", {path: each.id for path, each in listed.items() if is_state_path(path)})

    def needed_policy(self, commit: str) -> Policy:
        """The policy of a commit that is known to hold one.

        Raises:
            UserError: reason `history-rewritten`, when it does not.
        """
        policy = self.policy(commit)
        if policy is None:
            what = f"the approved policy should be in {commit[:12]} and can't be read there"
            raise UserError(what, fix="restore the branch from a good clone", reason=Reason.HISTORY_REWRITTEN)
        return policy

    def ties(self, commits: tuple[str, ...]) -> Ties:
        """Who is the same person in the policies of some commits."""
        if commits != self._ties[0]:
            self._ties = commits, Ties(map(self.needed_policy, commits))
        return self._ties[1]

    def genesis(self, head: str) -> str:
        """Where trust begins: the oldest first-parent commit with a policy that can be read.

        Raises:
            UserError: when there is none.
        """
        for commit in reversed(self.repository.changes(head, POLICY)):
            if self.policy(commit) is not None:
                return commit
        raise UserError("no commit of the branch holds a valid policy.yaml", where=POLICY, fix="ordain check")

    def collectors(self, entry: Entry, genesis: str) -> frozenset[str]:
        """Who may have signed an entry: nobody, unless its policy is where it says, from genesis on."""
        if entry.genesis != genesis or (entry.sequence == 1 and entry.policy_source != genesis):
            return frozenset()
        policy = self.policy(entry.policy_source)
        if policy is None or policy_subject(policy) != entry.policy:
            return frozenset()
        return collectors(policy)

    def contribution(self, after: str, until: str, policy: Policy) -> Contribution:
        """Who made what one commit has and another has not.

        A merge that is the clean automatic result of its two parents is no contribution, and neither
        is a commit of the reconciler's own, which changes nothing outside `manifests/`.
        """
        return contribution(policy, self.contributing(after, until, policy))

    def contributing(self, after: str, until: str, policy: Policy) -> list[Commit]:
        """The commits that one commit has and another has not, without those that are no contribution."""
        commits = self.repository.commits(self.repository.between(after, until))
        return [each for each in commits if not self._neutral(each, policy)]

    def made_by(self, commits: Iterable[Commit], policy: Policy) -> Contribution:
        """Who made some commits, by themselves."""
        return contribution(policy, [each for each in commits if not self._neutral(each, policy)])

    def _neutral(self, commit: Commit, policy: Policy) -> bool:
        if len(commit.parents) == 2:
            return self.repository.is_clean_merge(commit)
        return self._own(commit, policy)

    def own(self, commit: str, policy: Policy) -> bool:
        """Whether a commit is the reconciler's: signed by a collector, and only `manifests/` changed."""
        (found,) = self.repository.commits([commit])
        return self._own(found, policy)

    def _own(self, commit: Commit, policy: Policy) -> bool:
        signer = commit.signer
        if len(commit.parents) != 1 or signer is None or signer.fingerprint not in collectors(policy):
            return False
        before, now = self.repository.tree(commit.parents[0]), self.repository.tree(commit.tree)
        return {**before, MANIFESTS: None} == {**now, MANIFESTS: None}


def _sound(wanted: Desired) -> None:
    """A target renders at least one file, and only into its own folder."""
    folder = f"{wanted.target.label}/"
    if not wanted.files or not all(path.startswith(folder) for path in wanted.files):
        what = f"{wanted.target.label} renders nothing, or outside its folder"
        raise UserError(what, fix="ordain check", reason=Reason.STATE_INVALID)
