"""What several serving processes ask for, when a spec does not say it."""

from __future__ import annotations

from msgspec.structs import replace

from ordain.core.specs.deployment import Deploy, Quantities, Resources


def resources_of(deploy: Deploy) -> Resources:
    """The resources of the server's container.

    What the spec leaves at its default is meant for one process: of several, each has a core, and as much
    memory as one alone. What it declares stays as it is declared.
    """
    declared, default, workers = deploy.resources, Resources(), deploy.workers
    if workers == 1:
        return declared
    requests, limits = (
        _times(given, workers) if given == usual else given
        for given, usual in (
            (declared.requests, default.requests),
            (declared.limits, default.limits),
        )
    )
    return Resources(requests=requests, limits=limits)


def _times(one: Quantities, workers: int) -> Quantities:
    """A core each; memory in the unit that one has."""
    memory = f"{int(one.memory[:-2]) * workers}{one.memory[-2:]}"
    return replace(one, cpu=str(workers), memory=memory)
