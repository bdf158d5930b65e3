"""What a monitor found, as one document: `ordain monitor --json`, and what a retraining request rests on."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ordain.core.canonical import digest
from ordain.core.drift.measured import Estimate, Performance
from ordain.core.gating.verdicts import Outcome
from ordain.core.specs.parts import Name, Part
from ordain.errors import UserError

LIMIT = 4 * 2**20
Kind = Literal[
    "drift", "missingness", "unseen-categories", "out-of-range", "joint-shift", "prediction-drift",
    "target-drift", "performance", "fairness", "schema-change", "log-absent", "log-stale", "log-damaged",
    "log-foreign", "log-future", "log-crowded", "log-duplicated",
    "labels-absent", "labels-stale", "labels-damaged",
]  # fmt: skip
Suspect = Literal[
    "schema-change", "upstream-missingness", "upstream-filling", "population-shift", "label-shift",
    "concept-shift",
]  # fmt: skip
State = Literal["stable", "drift", "insufficient", "constant"]
Test = Literal["distribution", "location", "missing", "beyond", "joint"]
Direction = Literal["", "higher", "lower"]
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
        adjusted: p-value after control of false discoveries over the window.
        direction: of a location, or of the share that is missing.
        drifted: whether it is within the level and the effect is large enough.
    """

    test: Test
    p: float
    adjusted: float
    effect: float
    drifted: bool
    direction: Direction = ""


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
        spread: for a column with an alarm, and for those that a joint alarm rests on.
        lacks: what it is insufficient for the want of; empty unless it is.
    """

    column: str
    role: Literal["feature", "answer", "target"]
    ordered: bool
    state: State
    drifted: int = 0
    alarms: tuple[Test, ...] = ()
    tests: tuple[Tested, ...] = ()
    spread: Spread | None = None
    lacks: str = ""


class Moved(Part, frozen=True, kw_only=True):
    """A mean that the domain classifier tells the newest window from the reference by.

    Attributes:
        columns: one or two; of two, or of one twice, it is the mean of their product.
        of: the categories that the columns are marks of; empty text for numbers.
        reference, current: means of what has mean 0 and variance 1 over the reference; so a product of
            two columns is their correlation there, and a square is a variance.
    """

    columns: tuple[str, ...]
    of: tuple[str, ...]
    reference: float
    current: float


class WindowReport(Part, frozen=True, kw_only=True):
    """One window and what it came to; `lacks` says what it is insufficient for the want of."""

    start: str
    end: str
    rows: int
    state: Literal["stable", "drift", "insufficient"]
    lacks: str = ""


class Finding(Part, frozen=True, kw_only=True):
    """One thing worth saying.

    Attributes:
        alarm: whether somebody should act; else it is for the record.
        columns, groups: which are affected. direction: of what is missing more or less often.
        gate: whose verdict it is, such as `quality.roc_auc`.
    """

    kind: Kind
    alarm: bool
    detail: str
    columns: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    direction: Direction = ""
    gate: str = ""


class Cause(Part, frozen=True, kw_only=True):
    """A suspicion and what speaks for it; the likeliest first."""

    suspect: Suspect
    because: str


class Reading(Part, frozen=True, kw_only=True):
    """What was read of the log, all of it counted.

    Attributes:
        files, unreadable: whole files, and those that could not be read.
        records, corrupt: predictions taken, and lines or rows that were none.
        duplicates: of the release, seen before by id. reused: those of them that are of another time, so
            that an id stands for several predictions, of which one alone is judged.
        mistaken: chance by now that a new one is taken for a duplicate.
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
    reused: int = 0
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


class Evidence(Part, frozen=True, kw_only=True):
    """Everything.

    Attributes:
        release: such as `churn@7`; empty when it is not known. artifact: digest, whose profile was used.
        observed: when. reference: `profile`, or `season of 7d`.
        outcome: `fail` with an alarm, `insufficient` when too few windows could be judged.
        request: what should follow: nothing, a draft (drift alone), or an open request (a breach).
        key: equal for equal alarms on the same release, so that one storm makes one request.
        jointly: what a joint alarm rests on, in the newest window.
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
    jointly: tuple[Moved, ...] = ()
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
