"""Reconcile again and again. Each round starts from what is there; only how many failed in a row is kept."""

from __future__ import annotations

from collections.abc import Callable

from ordain.errors import RetryLater, UserError
from ordain.services.reconciling.order import Outcome

LONGEST = 900.0
_JITTER = 0.2


def watch(
    once: Callable[[], Outcome],
    tell: Callable[[Outcome | UserError | RetryLater], None],
    stopped: Callable[[float], bool],
    delay: Callable[[int], float],
) -> None:
    """Reconcile until somebody asks to stop; what fails is told and tried again.

    Args:
        once: one round, which reads everything anew.
        tell: of every round, how it ended.
        stopped: waits some seconds; True as soon as somebody has asked to stop, also before.
        delay: seconds until the next round after so many failures in a row.
    """
    failed, ended = 0, False
    while not ended:
        least = 0.0
        try:
            tell(once())
            failed = 0
        except (UserError, RetryLater) as error:
            tell(error)
            failed += 1
            least = (error.after or 0.0) if isinstance(error, RetryLater) else 0.0
        ended = stopped(max(least, delay(failed)))


def delay_of(every: float, failed: int, share: float) -> float:
    """Seconds until the next round: twice as many after each failure, within a bound, in step with nobody.

    Args:
        every: seconds between rounds that succeed. failed: how many have failed in a row.
        share: from 0 to 1, at random: a fifth more or less.
    """
    longest = max(every, LONGEST)
    # Bounded before it is computed: nothing stops a reconciler from failing for a year.
    wanted = min(longest, every * 2.0 ** min(failed, 20))
    return wanted * (1 - _JITTER + 2 * _JITTER * share)
