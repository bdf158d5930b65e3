"""What a model was asked, whichever version answered: what is usual at a season does not depend on that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ordain.adapters.predictions import Batch
from ordain.watch.collect import Taken
from ordain.watch.columns import Coder
from ordain.watch.seen import Seen
from ordain.watch.spans import Spans
from ordain.watch.tally import Tally


class Asked:
    """Inputs by window, of all versions: what a canary answers too counts once.

    Versions whose log lacks a column of this release, or holds it as another type, say nothing.

    Args:
        coder: of the release. spans: how the log is cut.
    """

    def __init__(self, coder: Coder, spans: Spans) -> None:
        self.tallies: dict[int, Tally] = {}
        self._coder, self._spans = coder, spans
        self._seen = Seen()

    def add(self, taken: Taken) -> None:
        """Count what is left of a batch."""
        batch = taken.batch
        kept = taken.ours | ~_misshapen(batch)[taken.at]
        kept &= batch.times[taken.at] >= self._spans.start()
        at = taken.at[kept]
        at = at[self._seen.fresh(batch.keys[at])]
        numbers = self._spans.numbers(batch.times[at])
        coded = self._coder.code(batch)
        for number in np.unique(numbers[numbers >= 0]).tolist():
            rows = at[numbers == number]
            tally = self.tallies.setdefault(number, Tally(self._coder, ()))
            tally.add(coded, rows, batch.times[rows])


def _misshapen(batch: Batch) -> NDArray[np.bool_]:
    """Rows without a column of the release, or with one of another type."""
    found = np.zeros(len(batch.times), dtype=np.bool_)
    for rows in (*batch.absent.values(), *batch.mistyped.values()):
        found |= rows
    return found
