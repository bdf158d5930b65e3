"""Which verdicts stand in the way of a release or a deployment, and which waivers clear them.

`fail` and `insufficient` block alike. A waiver covers one gate of one model up to and including its last
day (UTC); it never turns a verdict into a pass, it only lets the decision be made with open eyes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ordain.core.gating.verdicts import Verdict
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Waiver
from ordain.core.specs.parts import Part

INDENT = "  "


class Blocked(Part, frozen=True, kw_only=True):
    """A verdict that nothing covers; `expired` is the waiver that did, until its last day."""

    verdict: Verdict
    expired: Waiver | None = None

    @property
    def reason(self) -> Reason:
        """The word for the ledger."""
        if self.expired is not None:
            return Reason.WAIVER_EXPIRED
        failed = self.verdict.outcome == "fail"
        return Reason.GATE_FAILED if failed else Reason.GATE_INSUFFICIENT


class Weighed(Part, frozen=True, kw_only=True):
    """Verdicts against waivers.

    Attributes:
        blocked: what stands in the way, in the verdicts' order; empty means go.
        waivers: those that the decision then rests on, in the verdicts' order.
    """

    blocked: tuple[Blocked, ...] = ()
    waivers: tuple[Waiver, ...] = ()


def blocking(verdicts: Iterable[Verdict], waivers: Sequence[Waiver], model: str, today: str) -> Weighed:
    """What blocks a model, and which waivers are used.

    Args:
        verdicts: of its release. waivers: of the policy in force. model: its name.
        today: the current day in UTC as `YYYY-MM-DD`.
    """
    blocked: list[Blocked] = []
    used: list[Waiver] = []
    for verdict in verdicts:
        if verdict.outcome == "pass":
            continue
        fitting = [each for each in waivers if each.model == model and each.gate == verdict.gate]
        longest = max(fitting, key=lambda each: each.expires, default=None)
        if longest is not None and today <= longest.expires:
            used.append(longest)
        else:
            blocked.append(Blocked(verdict=verdict, expired=longest))
    return Weighed(blocked=tuple(blocked), waivers=tuple(used))


def complete(verdicts: Sequence[Verdict], gates: Collection[str]) -> tuple[Verdict, ...]:
    """The verdicts, and an `insufficient` one for each declared gate that has none.

    Args:
        verdicts: as found.
        gates: names of the gates that must have spoken.
    """
    given = {each.gate for each in verdicts}
    silent = (
        Verdict(gate=gate, outcome="insufficient", detail="the gate is declared and gave no verdict")
        for gate in gates
        if gate not in given
    )
    return (*verdicts, *silent)


def described(verdict: Verdict) -> str:
    """One line: gate, outcome, value, bound, interval and detail, as far as there are any."""
    numbers = [
        f"value {verdict.value:g}" if verdict.value is not None else "",
        f"bound {verdict.bound:g}" if verdict.bound is not None else "",
        f"interval {verdict.interval[0]:g} to {verdict.interval[1]:g}" if verdict.interval else "",
    ]
    told = ", ".join(filter(None, numbers))
    parts = (f"{verdict.gate}: {verdict.outcome}", f"({told})" if told else "", verdict.detail)
    return " ".join(filter(None, parts))


def snippet(blocked: Sequence[Blocked], model: str, expires: str) -> str:
    """YAML for `policy.yaml` that would waive these gates, ready to paste.

    Args:
        blocked: what to waive. model: its name. expires: a last day to start from.
    """
    lines = ["waivers:"]
    for each in blocked:
        lines += [
            f"{INDENT}- model: {model}",
            f"{INDENT}  gate: {each.verdict.gate}",
            f"{INDENT}  expires: {expires!r}",
            f"{INDENT}  reason: Say here why this may be released all the same, and what will be done.",
        ]
    return "\n".join(lines)
