"""`ordain run`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.services.training.run import ModelRun, Ran


@click.command()
@click.argument("models", nargs=-1)
@click.option(
    "--jobs", type=click.IntRange(min=1, max=64), default=1, show_default=True, help="Models run at once."
)
@clone_options
def command(models: tuple[str, ...], jobs: int, as_json: bool, quiet: bool, root: Path) -> None:
    """Regenerate the pipelines from models.yaml and params.yaml, then run what changed.

    Without MODELS, every model has its turn. A model that fails does not stop the others. It is safe to
    interrupt: running it again goes on where it stopped. Plain `dvc repro` runs the same pipelines.

    \b
    Examples:
      ordain run
      ordain run churn --json
      ordain run --jobs 2
    """
    import msgspec

    from ordain.services.training.run import expected, run

    console = Console(as_json=as_json, quiet=quiet)
    seen = sys.stderr.isatty() and not (as_json or quiet)
    show = Bar(expected(root, models), jobs) if seen else Lines(console)
    with show:
        ran = run(root, models, jobs, show)
    console.result(msgspec.to_builtins(ran), "\n".join(summary(ran)))


def summary(ran: Ran) -> list[str]:
    """One line a model, and what was written for it."""
    lines = [f"generated {path}" for path in ran.files.written]
    if not ran.models:
        return [*lines, "no model is declared in models.yaml"]
    width = max(len(each.model) for each in ran.models)
    return [*lines, *(f"{each.model:{width}}  {_told(each)}" for each in ran.models)]


def _told(run: ModelRun) -> str:
    if run.ran or run.restored:
        kept = f", {len(run.restored)} from the run cache" if run.restored else ""
        done = f"{len(run.ran)} stages ran{kept}, {len(run.skipped)} unchanged, {run.seconds:.1f} s"
    else:
        done = "up to date"
    times = "once" if run.looks == 1 else f"{run.looks} times"
    return f"{done}; champion {run.champion}; this holdout has judged {times}"


class Lines(nullcontext[None]):
    """Progress for logs: a line a stage that runs."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def note(self, text: str) -> None:
        """Print the sentence."""
        self.console.say(text)

    def total(self, stages: int) -> None:
        """A log needs no total."""

    def stage(self, model: str, stage: str, state: str) -> None:
        """Print what starts and what the run cache had."""
        if stage and state in {"running", "restored"}:
            self.console.say(f"{model}: {stage}" + (" (from the run cache)" if state == "restored" else ""))


class Bar:
    """Progress for a terminal: a bar with the stage at work, and how long the rest will take.

    Args:
        seconds: what each stage that is behind took in the past, by model and stage.
        jobs: how many models run at once.
    """

    def __init__(self, seconds: Mapping[tuple[str, str], float], jobs: int) -> None:
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        left = TextColumn("{task.fields[left]}")
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), left)
        self.progress = Progress(*columns, TextColumn("{task.description}"), console=Terminal(stderr=True),
                                 transient=True)  # fmt: skip
        self.task = self.progress.add_task("starting", total=None, left="")
        self.seconds = dict(seconds)
        self.jobs = jobs

    def __enter__(self) -> None:
        self.progress.start()

    def __exit__(self, *_: Any) -> None:
        self.progress.stop()

    def note(self, text: str) -> None:
        """Print the sentence above the bar."""
        self.progress.console.print(text, markup=False, highlight=False)

    def total(self, stages: int) -> None:
        """Start counting."""
        self.progress.update(self.task, total=stages, left=time_left(self.seconds, self.jobs))

    def stage(self, model: str, stage: str, state: str) -> None:
        """Name the stage at work, or count it when it is over."""
        if state == "running":
            self.progress.update(self.task, description=f"{model}: {stage or 'record'}")
            return
        self.seconds.pop((model, stage), None)
        self.progress.update(self.task, advance=1, left=time_left(self.seconds, self.jobs))


def time_left(seconds: Mapping[tuple[str, str], float], jobs: int) -> str:
    """`about 3 min 20 s left`, or nothing where no past run tells.

    A model's stages run one after another and models at most `jobs` at once, so the rest takes as long as
    the longest model, or as all of them shared out, whichever is more.
    """
    from ordain.core.reports.report import lasting

    models: dict[str, float] = {}
    for (model, _), each in seconds.items():
        models[model] = models.get(model, 0.0) + each
    if not models:
        return ""
    return f"about {lasting(max([*models.values(), sum(models.values()) / jobs]))} left"
