"""What a monitor found, as one document: `ordain monitor --json`, and what a retraining request rests on."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ordain.core.canonical import digest
from ordain.core.gating.verdicts import Outcome, Verdict
from ordain.core.specs.parts import Name, Part
from ordain.errors import UserError

LIMIT = 4 * 2**20
Kind = Literal[
    "drift", "missingness", "unseen-categories", "out-of-range", "joint-shift", "prediction-drift",
    "target-drift", "performance", "fairness", "schema-change", "log-absent", "log-stale", "log-damaged",
    "log-foreign", "log-future", "log-crowded", "labels-absent", "labels-stale", "labels-damaged",
]  # fmt: skip
Suspect = Literal["schema-change", "upstream-missingness", "population-shift", "label-shift", "concept-shift"]
State = Literal["stable", "drift", "insufficient", "constant"]
Test = Literal["distribution", "location", "missing", "beyond", "joint"]
# A breach is shown with labels; drift is a reason to look.
BREACHES: frozenset[Kind] = frozenset({"performance", "fairness"})
DRIFTS: frozenset[Kind] = frozenset(
    {"drift", "missingness", "unseen-categories", "out-of-range", "joint-shift", "prediction-drift",
     "target-drift", "schema-change"}
)  # fmt: skip
Share = Annotated[float, Meta(ge=0, le=1)]


class Settings(Part, frozen=True, kw_only=True):
    """How alarms are raised.

    Attributes:
        level: expected share of false alarms among a window's flags; without drift, the largest chance
            of any. effect: smallest difference worth a flag, in standard deviations.
        needed, windows: of so many windows so many must show it. fewest: rows below which a window or a
            column says nothing.
        labelled: labelled rows below which performance says nothing.
    """

    level: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    effect: Annotated[float, Meta(ge=0, le=2)] = 0.1
    needed: Annotated[int, Meta(ge=1, le=100)] = 2
    windows: Annotated[int, Meta(ge=1, le=100)] = 3
    fewest: Annotated[int, Meta(ge=20)] = 50
    labelled: Annotated[int, Meta(ge=20)] = 200


class Tested(Part, frozen=True, kw_only=True):
    """One comparison in one window.

    Attributes:
        adjusted: p-value after control of false discoveries over the window. direction: of a location.
        drifted: whether it is within the level and the effect is large enough.
    """

    test: Test
    p: float
    adjusted: float
    effect: float
    drifted: bool
    direction: Literal["", "higher", "lower"] = ""


class Spread(Part, frozen=True, kw_only=True):
    """Two distributions over the same cells, as shares; the second is that of the newest window."""

    cells: tuple[str, ...]
    reference: tuple[Share, ...]
    current: tuple[Share, ...]


class ColumnReport(Part, frozen=True, kw_only=True):
    """One column.

    Attributes:
        role: what it is to the model. ordered: whether its cells are bins of numbers.
        drifted: windows that show drift, of those judged.
        tests: in the newest window that was judged.
        spread: for a column with an alarm.
    """

    column: str
    role: Literal["feature", "answer", "target"]
    ordered: bool
    state: State
    drifted: int = 0
    alarms: tuple[Test, ...] = ()
    tests: tuple[Tested, ...] = ()
    spread: Spread | None = None


class WindowReport(Part, frozen=True, kw_only=True):
    """One window and what it came to."""

    start: str
    end: str
    rows: int
    state: Literal["stable", "drift", "insufficient"]


class Finding(Part, frozen=True, kw_only=True):
    """One thing worth saying.

    Attributes:
        alarm: whether somebody should act; else it is for the record.
        columns, groups: which are affected.
    """

    kind: Kind
    alarm: bool
    detail: str
    columns: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Cause(Part, frozen=True, kw_only=True):
    """A suspicion and what speaks for it; the likeliest first."""

    suspect: Suspect
    because: str


class Reading(Part, frozen=True, kw_only=True):
    """What was read of the log, all of it counted.

    Attributes:
        files, unreadable: whole files, and those that could not be read.
        records, corrupt: predictions taken, and lines or rows that were none.
        duplicates: seen before by id. mistaken: chance by now that a new one is taken for a duplicate.
        out_of_order: older than one read before.
        future: later than now allows. outside: of a time that no window covers.
        other_models, other_versions: by name; predictions of these are not judged for drift.
        newest: time of the newest prediction of this model.
        absent, mistyped: features, with the rows that lack them or hold another type.
        extra: columns that the model does not know, and rows with them.
    """

    files: int = 0
    unreadable: int = 0
    records: int = 0
    corrupt: int = 0
    duplicates: int = 0
    mistaken: Share = 0.0
    out_of_order: int = 0
    future: int = 0
    outside: int = 0
    other_models: dict[str, int] = {}
    other_versions: dict[str, int] = {}
    newest: str | None = None
    absent: dict[str, int] = {}
    mistyped: dict[str, int] = {}
    extra: dict[str, int] = {}


class Measurement(Part, frozen=True, kw_only=True):
    """One metric, with its 95 % interval; None where it is undefined."""

    value: float | None
    interval: tuple[float, float] | None = None


class Slice(Part, frozen=True, kw_only=True):
    """Performance on some of the labelled predictions."""

    name: str
    rows: int
    metrics: dict[str, Measurement]


class Performance(Part, frozen=True, kw_only=True):
    """What late labels say.

    Attributes:
        known: labels that there are. predictions, labelled: since `start`, and those of them whose label
            has come. newest: time of the newest labelled prediction.
        due, punctual: predictions that are old enough for a label, and those of them that have one.
        middle: of the time since `start` in which predictions are old enough.
        unmatched: labels without a prediction, or that are no class of the model.
        files, unreadable: of labels, and those that could not be read, or not to their end.
        unknown: labels that are no class, or no number. impossible: labelled predictions whose label is
            of before the prediction, or of the future, by more than a day.
        delay: hours from prediction to label: median and 90th percentile; None when no label says when.
        overall, recent: metrics of all rows, and of the newest ones, which are judged.
        versions, groups: of all rows by version where there are several, and of the newest by group.
        verdicts: the spec's quality and fairness gates; none without a spec.
    """

    start: str
    end: str
    middle: str
    known: int
    predictions: int
    labelled: int
    due: int = 0
    punctual: int = 0
    newest: str = ""
    unmatched: int = 0
    files: int = 0
    unreadable: int = 0
    unknown: int = 0
    impossible: int = 0
    delay: tuple[float, float] | None = None
    overall: Slice | None = None
    recent: Slice | None = None
    versions: tuple[Slice, ...] = ()
    groups: tuple[Slice, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def coverage(self) -> float | None:
        """Labelled share of the predictions that are old enough for a label."""
        return self.punctual / self.due if self.due else None


class Estimate(Part, frozen=True, kw_only=True):
    """Performance expected from the probabilities alone: an estimate, never a measurement.

    Attributes:
        refused: why there is none; empty when there is. rows: in the judged windows.
        metrics: by name, with the interval within which the measured value would lie.
    """

    refused: str = ""
    rows: int = 0
    metrics: dict[str, Measurement] = {}


class Evidence(Part, frozen=True, kw_only=True):
    """Everything.

    Attributes:
        release: such as `churn@7`; empty when it is not known. artifact: digest, whose profile was used.
        observed: when. reference: `profile`, or `season of 7d`.
        outcome: `fail` with an alarm, `insufficient` when too few windows could be judged.
        request: what should follow: nothing, a draft (drift alone), or an open request (a breach).
        key: equal for equal alarms on the same release, so that one storm makes one request.
    """

    version: Literal[1] = 1
    model: Name
    environment: Name
    release: str
    artifact: str
    observed: str
    reference: str
    settings: Settings
    outcome: Outcome
    request: Literal["none", "draft", "open"]
    key: str
    windows: tuple[WindowReport, ...]
    reading: Reading
    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...] = ()
    columns: tuple[ColumnReport, ...] = ()
    performance: Performance | None = None
    estimate: Estimate | None = None


def request_of(findings: tuple[Finding, ...]) -> Literal["none", "draft", "open"]:
    """What alarms ask for."""
    kinds = {each.kind for each in findings if each.alarm}
    return "open" if kinds & BREACHES else "draft" if kinds & DRIFTS else "none"


def key_of(model: str, environment: str, artifact: str) -> str:
    """What a request is deduplicated by: not by columns or kinds, which change as a storm goes on."""
    return digest("evidence/v1", {"model": model, "environment": environment, "artifact": artifact})


def encode(evidence: Evidence) -> bytes:
    """The bytes of an evidence file: sorted keys, two spaces, a final newline."""
    return msgspec.json.format(msgspec.json.encode(evidence, order="sorted"), indent=2) + b"\n"


def decode(data: bytes, where: str) -> Evidence:
    """Read an evidence file.

    Raises:
        UserError: when it isn't one.
    """
    try:
        if len(data) > LIMIT:
            raise msgspec.DecodeError(f"it is larger than {LIMIT} bytes")
        return msgspec.json.decode(data, type=Evidence)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(
            f"not evidence that `ordain monitor` wrote: {error}",
            where=where,
            fix="ordain monitor MODEL@ENV --evidence FILE",
        ) from error
