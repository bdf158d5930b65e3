"""Telling a forge what a monitor found, so that its jobs open the request. It decides and deploys nothing."""

from __future__ import annotations

from ordain.core.drift.brief import brief
from ordain.core.drift.evidence import Evidence
from ordain.ports import Dispatches

EVENT = "ordain-retrain"


def tell(forge: Dispatches, found: Evidence) -> str:
    """Send the evidence of what training may mend; in words, what was done.

    Raises:
        RetryLater: when the forge is busy or away. UserError: when it refuses.
    """
    if found.request == "none":
        return "nothing here calls for a retraining request: the forge was not told"
    forge.dispatch(EVENT, {"model": found.model, "evidence": brief(found)})
    return f"the forge was told, and opens {'a draft' if found.request == 'draft' else 'a request'}"
