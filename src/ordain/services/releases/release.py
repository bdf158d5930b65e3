"""`ordain release`: judge each champion against what is deployed, and record the ones that changed.

Builds on `services.evidence`. The order of writing is: artifact into the store, count of looks, record,
pin. A kill between any two leaves a state that the next run completes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ordain.adapters import files as disk
from ordain.adapters.artifacts import store_of
from ordain.adapters.dvc import exclusive
from ordain.adapters.dvc_leftovers import sweep
from ordain.adapters.git import Repository, find_repository
from ordain.adapters.resources import templates
from ordain.core.approvals.baseline import COMPARED, deployed_baseline
from ordain.core.artifacts.artifact import Layout, read_layout
from ordain.core.decisions import LedgerState
from ordain.core.gating import gates as rules
from ordain.core.gating.release import Baseline, Release, encode
from ordain.core.gating.verdicts import Verdict
from ordain.core.gating.waivers import blocking
from ordain.core.ledger.ledger import Record, fold
from ordain.core.pipelines.looks import FILE as LOOKS
from ordain.core.pipelines.pipeline import FOLDER
from ordain.core.problems import did_you_mean
from ordain.core.releasing import releasing
from ordain.core.releasing.refused import NotReleasedError, Refused, RefusedError
from ordain.core.releasing.releasing import Judgement
from ordain.core.specs.identity import ReleaseRef
from ordain.core.state.instance import Instance, environment_path, is_state_path, read_instance, release_path
from ordain.core.yaml.edit import set_pin
from ordain.errors import UserError
from ordain.services.judging.book import check_ledger
from ordain.services.judging.clone import check_whole, ground_of
from ordain.services.judging.states import States
from ordain.services.training.evidence import Collected, Outputs

WAIVER_DAYS = 30
Say = Callable[[str], None]


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one model.

    Attributes:
        release: such as `churn@3`; the newest record, written now or before.
        recorded: whether it was written now. pinned: where it was pinned now, else None.
        baseline: what it was judged against, such as `churn@2`.
        notes: those of the record. waived: gates that did not pass and are covered by a waiver.
        written: paths of changed files.
    """

    model: str
    release: str
    artifact: str
    recorded: bool = False
    pinned: str | None = None
    baseline: str | None = None
    notes: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


def release(root: Path, wanted: Sequence[str], now: datetime, say: Say) -> tuple[Released, ...]:
    """Release the wanted models (default: all) whose champion changed.

    Args:
        root: the repository.
        wanted: names of models; none means all.
        now: the current time, for waivers.
        say: told when another run has to be waited for.

    Raises:
        UserError: an invalid state.
        NotReleasedError: after every other model had its turn, why a model is not released; nothing is
            written for that model.
    """
    place = root.resolve()
    with exclusive(place, lambda: say("waiting for an earlier run here to end")):
        for folder in ("releases", "environments", FOLDER):  # what a killed run was writing
            sweep(disk.inside(place, folder))
        instance = read_instance(disk.read_state(place, is_state_path))
        names = _chosen(instance, wanted)
        history = History.around(place)
        done, failed, refused = [], [], []
        for name in names:
            try:
                # Read again: the model before may have changed the same environment.
                current = read_instance(disk.read_state(place, is_state_path))
                done.append(Desk(place, current, history).release(name, now))
            except UserError as error:
                failed.append(error)
                refused.append(_refused(name, error))
        if failed:
            raise NotReleasedError(_joined(failed, done), tuple(refused))
    return tuple(done)


def _chosen(instance: Instance, wanted: Sequence[str]) -> list[str]:
    known = sorted(instance.models.models)
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, known) or "the models are in models.yaml"
            raise UserError(f"there is no model `{name}`", where="models.yaml", fix=hint)
    return [each for each in known if not wanted or each in wanted]


def _refused(model: str, error: UserError) -> Refused:
    verdicts = error.verdicts if isinstance(error, RefusedError) else ()
    return Refused(model=model, what=error.what, fix=error.fix, verdicts=verdicts)


def _joined(failed: Sequence[UserError], done: Sequence[Released]) -> UserError:
    """One error for all models that are not released; says which others are."""
    first = failed[0]
    if len(failed) == 1 and not done:
        return first
    told = [f"{first.what}", *(str(each) for each in failed[1:])]
    others = ", ".join(each.release for each in done)
    told += [f"the others are done: {others}"] if others else []
    fixes = list(dict.fromkeys(each.fix for each in failed))
    return UserError("\n".join(told), where=first.where, fix="\n".join(fixes), reason=first.reason)


class History(msgspec.Struct, frozen=True):
    """What Git knows of releases.

    Attributes:
        repository: None outside Git.
        ledger: what is deployed by the base branch as last fetched; None outside Git.
    """

    repository: Repository | None = None
    ledger: LedgerState | None = None

    @classmethod
    def around(cls, root: Path) -> History:
        """The history of the repository that a folder is the top of, and its proven ledger.

        Raises:
            UserError: reason `ledger-broken`; and for a clone in which part of the history was left out: it
                would say that nothing runs, and that numbers are free which are not.
        """
        try:
            repository = find_repository(root)
        except UserError:
            return cls()
        if repository.folder.resolve() != root:
            return cls()
        check_whole(repository)
        return cls(repository, fold([(each.digest, each.entry) for each in _ledger(repository)]))

    def numbers(self, model: str) -> set[int]:
        """Every number that a record of the model has had in any commit of any ref."""
        if self.repository is None:
            return set()
        folder = f"releases/{model}"
        listed = self.repository.names_ever(folder)
        found = (re.fullmatch(r"([1-9][0-9]{0,8})\.yaml", each) for each in listed)
        return {int(each[1]) for each in found if each}


def _ledger(repository: Repository) -> tuple[Record, ...]:
    """The proven ledger as the clone knows it; empty where there is no base branch to ask yet."""
    states = States(repository, templates())
    try:
        found, _ = ground_of(repository, states)
    except UserError:
        return ()
    return check_ledger(states, found.ledger, found.genesis) if found.ledger else ()


class Desk:
    """Where one champion after the other is judged and recorded."""

    def __init__(self, root: Path, instance: Instance, history: History) -> None:
        self.root, self.instance, self.history = root, instance, history
        self.store = store_of(root)
        self._first = releasing.promotion_order(instance.environments)[0]

    def release(self, model: str, now: datetime) -> Released:
        """Judge one model, and record and pin it when its champion changed."""
        collected = Outputs(self.root, model, self.instance).collect()
        records = self.instance.releases.get(model, {})
        newest = records[max(records)] if records else None
        committed = self.history.numbers(model)
        if newest is not None and self._stands(newest, collected):
            # A kill may have come between record and pin, so one that was never committed is pinned
            # too; a committed one stays where people have pinned it since.
            is_fresh = newest.number not in committed
            return self._write(newest, collected, self._pin(newest) if is_fresh else {})
        judgement = self._judge(model, collected)
        verdicts = (*collected.evidence.verdicts, *judgement.verdicts)
        weighed = blocking(verdicts, self.instance.policy.waivers, model, f"{now.astimezone(UTC):%Y-%m-%d}")
        if weighed.blocked:
            expires = f"{now.astimezone(UTC) + timedelta(days=WAIVER_DAYS):%Y-%m-%d}"
            raise RefusedError(releasing.refusal(model, weighed.blocked, expires), verdicts)
        used = committed | releasing.numbers_in_use(model, self.instance, self.history.ledger)
        record = releasing.record_of(collected.evidence, judgement, releasing.next_number(used))
        path = release_path(model, record.number)
        answer = self._write(record, collected, {path: encode(record), **self._pin(record)})
        return msgspec.structs.replace(
            answer, recorded=True, waived=tuple(each.gate for each in weighed.waivers)
        )

    def _stands(self, newest: Release, collected: Collected) -> bool:
        """Whether the newest record says of the champion all that a record made now would."""
        lacking = releasing.lacks_comparison(newest, self.instance, self.history.ledger)
        return releasing.is_same(newest, collected.evidence) and not lacking

    def _pin(self, record: Release) -> dict[str, bytes]:
        """The first environment's file with the release pinned, by its path."""
        place = environment_path(self._first)
        now = disk.read_bytes(disk.inside(self.root, place), disk.STATE_LIMIT)
        return {place: set_pin(now, record.model, record.number, place)}

    def _write(self, record: Release, collected: Collected, files: Mapping[str, bytes]) -> Released:
        """Store the artifact, then write what differs, in order: looks first, then `files`."""
        self.store.put(collected.layout)
        wanted = {f"{FOLDER}/{record.model}/{LOOKS}": collected.looks, **files}
        written = tuple(each for each, data in wanted.items() if self._replace(each, data))
        return Released(
            model=record.model,
            release=record.ref.label,
            artifact=record.artifact,
            pinned=self._first if environment_path(self._first) in written else None,
            baseline=record.baseline.release if record.baseline else None,
            notes=record.notes,
            written=written,
        )

    def _replace(self, path: str, data: bytes) -> bool:
        target = disk.inside(self.root, path)
        if target.is_file() and disk.read_bytes(target, disk.STATE_LIMIT) == data:
            return False
        disk.write_atomic(target, data)
        return True

    def _judge(self, model: str, collected: Collected) -> Judgement:
        """The champion against the deployed release, on the same holdout rows."""
        gate = self.instance.models.models[model].gates.non_inferiority
        if gate is None:
            return Judgement()
        deployed = deployed_baseline(model, self.instance, self.history.ledger)
        if deployed is None:
            note = (
                f"no baseline yet: no release of {model} is deployed, so {gate.metric} was compared with none"
            )
            return Judgement(notes=(note,))
        try:
            compared = self._compare(collected, deployed, gate.metric)
        except UserError as error:
            detail = f"the baseline {deployed.label} cannot be had: {error.what} ({error.fix})"
            name = f"{COMPARED}{gate.metric}"
            missing = Verdict(gate=name, outcome="insufficient", bound=gate.margin, detail=detail)
            return Judgement(
                verdicts=(missing,), notes=(f"{deployed.label} is deployed and was not compared",)
            )
        verdict = rules.non_inferiority(compared, gate.margin)
        if verdict.value is None or verdict.interval is None:
            return Judgement(verdicts=(verdict,))
        baseline = Baseline(
            release=deployed.label,
            artifact=deployed.artifact,
            difference=verdict.value,
            interval=verdict.interval,
        )
        return Judgement(verdicts=(verdict,), baseline=baseline)

    def _compare(self, collected: Collected, deployed: ReleaseRef, metric: str) -> rules.Comparison:
        from ordain.adapters.tables import read_frame
        from ordain.core.artifacts.signature import decode as decode_signature
        from ordain.learn.compare import Packaged, compare

        def packaged(layout: Layout, label: str) -> Packaged:
            files = read_layout(layout.blobs)
            return Packaged(files["model.onnx"], decode_signature(files["signature.json"]), label)

        target = self.instance.models.models[collected.evidence.model].data.target
        old = packaged(self.store.get(deployed.artifact), deployed.label)
        new = packaged(collected.layout, "the champion")
        return compare(metric, read_frame(collected.holdout), target, new, old)
