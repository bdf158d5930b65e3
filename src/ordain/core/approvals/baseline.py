"""What a new release is to be compared with, and whether its record was."""

from __future__ import annotations

from collections.abc import Mapping

from ordain.core.decisions import LedgerState
from ordain.core.gating.release import Release
from ordain.core.gating.verdicts import Verdict
from ordain.core.specs.governance import Environment
from ordain.core.specs.identity import ReleaseRef, Target
from ordain.core.state.declared import Instance

# The first release has nothing to be compared with; what comes while another runs has.
COMPARED = "non_inferiority."


def outwards(environments: Mapping[str, Environment]) -> tuple[str, ...]:
    """Environments from the first, where releases are pinned, to the last; each after the one it
    promotes from, equals by name. One that no path from the first leads to is left out.

    Returns:
        nothing where there is no first environment.
    """
    order = [name for name, each in sorted(environments.items()) if each.promotes_from is None][:1]
    for name in order:
        order += [each for each, found in sorted(environments.items()) if found.promotes_from == name]
    return tuple(order)


def deployed_baseline(model: str, instance: Instance, ledger: LedgerState | None) -> ReleaseRef | None:
    """The release that a champion is judged against: the one that runs farthest along the promotion.

    Where no path of promotion leads counts last, by name.

    Args:
        model: its name.
        instance: the declared state.
        ledger: what is deployed; None where there is no ledger to ask (no Git), and then pins stand in.

    Returns:
        None when no release of the model is deployed anywhere.
    """
    running = {target.environment for target in ledger.deployed} if ledger else set()
    order = outwards(instance.environments)
    for environment in (*reversed(order), *sorted({*instance.environments, *running} - set(order))):
        if ledger is not None:
            deployed = ledger.deployed.get(Target(environment=environment, model=model))
            found = deployed.release if deployed else None
        else:
            record = instance.pinned(model, environment)
            found = record.ref if record else None
        if found is not None:
            return found
    return None


def outrun(verdict: Verdict, record: Release, running: ReleaseRef) -> Verdict:
    """A verdict of a record that has yet to run; a comparison that was passed against anything else than
    what runs is `insufficient`: an old release that nobody runs is easily matched.

    Args:
        running: what it is to be compared with, by `deployed_baseline`.
    """
    if verdict.outcome != "pass" or not verdict.gate.startswith(COMPARED):
        return verdict
    baseline = record.baseline
    if baseline is not None and (baseline.release, baseline.artifact) == (running.label, running.artifact):
        return verdict
    against = baseline.release if baseline else "nothing"
    detail = f"{record.ref.label} was compared with {against}, and what runs is {running.label}"
    return Verdict(gate=verdict.gate, outcome="insufficient", bound=verdict.bound, detail=detail)
