"""What labels measure, and what probabilities let one expect: the parts of evidence on performance."""

from __future__ import annotations

from ordain.core.gating.verdicts import Verdict
from ordain.core.specs.parts import Part


class Measurement(Part, frozen=True, kw_only=True):
    """One metric, with its 95 % interval; None where it is undefined."""

    value: float | None
    interval: tuple[float, float] | None = None


class Slice(Part, frozen=True, kw_only=True):
    """Performance on some of the labelled predictions.

    Attributes:
        rows: that are measured. older: rows that are not, since there are too many.
    """

    name: str
    rows: int
    older: int = 0
    metrics: dict[str, Measurement]


class Stopped(Part, frozen=True, kw_only=True):
    """A gap in the labels of predictions that should have them by now.

    Attributes:
        since: time of the first prediction in the gap. due, labelled: predictions in it, and those of them
            that have a label. usual: labelled share before.
    """

    since: str
    due: int
    labelled: int
    usual: float


class Omitted(Part, frozen=True, kw_only=True):
    """What no slice shows.

    Attributes:
        groups, rows: of a column, those that are too small or beyond the largest; no groups where the
            column itself is left out, since there are too many.
    """

    column: str
    groups: int = 0
    rows: int = 0


class Performance(Part, frozen=True, kw_only=True):
    """What late labels say.

    Attributes:
        known: labels that there are. predictions, labelled: since `start`, and those of them whose label
            has come. early: labelled ones that are too young for a label: what is known of these is no
            fair sample, and nothing is measured on them. newest: time of the newest other labelled one.
        uneven: median hours that labels take, by class, where no delay is declared and these are so far apart
            that the newest labels are of one class above all.
        due, punctual: predictions that are old enough for a label, and those of them that have one.
        overdue: predictions that should have a label by what is usual for all versions of the model too.
        stopped: where labels no longer come as they did; None where they do, or where nothing says how
            long labels take.
        middle: of the time since `start` in which predictions are old enough.
        unmatched: labels without a prediction, of no class of the model, or of no possible time.
        files, unreadable: of labels, and those that could not be read, or not to their end.
        corrupt: lines of other files that could not be read, or are of no prediction's id or place.
        undated: labels with a time that cannot be read, which count as of no time.
        unknown: labels that are no class, or no number. impossible: predictions whose label is of
            before the prediction, or of the future, by more than a day; they are not `labelled`.
        delay: hours from prediction to label: median and 90th percentile; None when no label says when.
        overall, recent: metrics of all rows, and of the newest ones, which are judged.
        versions, groups: of all rows by version where there are several, and by group, the largest first.
        omitted: of versions and groups.
        verdicts: the spec's quality and fairness gates; none without a spec.
        waived: gates that people let fail, and the last day on which they do.
    """

    start: str
    end: str
    middle: str
    known: int
    predictions: int
    labelled: int
    early: int = 0
    uneven: dict[str, float] = {}
    due: int = 0
    punctual: int = 0
    overdue: int = 0
    newest: str = ""
    stopped: Stopped | None = None
    unmatched: int = 0
    files: int = 0
    unreadable: int = 0
    corrupt: int = 0
    undated: int = 0
    unknown: int = 0
    impossible: int = 0
    delay: tuple[float, float] | None = None
    overall: Slice | None = None
    recent: Slice | None = None
    versions: tuple[Slice, ...] = ()
    groups: tuple[Slice, ...] = ()
    omitted: tuple[Omitted, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    waived: dict[str, str] = {}

    @property
    def judged(self) -> int:
        """Labelled predictions by which performance is told."""
        return self.labelled - self.early

    @property
    def coverage(self) -> float | None:
        """Labelled share of the predictions that are old enough for a label."""
        return self.punctual / self.due if self.due else None


class Estimate(Part, frozen=True, kw_only=True):
    """Performance expected from the probabilities alone: an estimate, never a measurement.

    Attributes:
        refused: why there is none; empty when there is. rows: in the judged windows.
        metrics: by name, with the interval within which the measured value would lie, were
            probabilities off by no more than `error` and the relation of inputs and outcome unchanged.
        error: the calibration error that the intervals allow for.
    """

    refused: str = ""
    rows: int = 0
    error: float = 0.0
    metrics: dict[str, Measurement] = {}
