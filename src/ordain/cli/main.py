"""The command `ordain`: a table of verbs, each imported only when it is used."""

from __future__ import annotations

import importlib
from typing import Any

import click

from ordain._version import __version__

# Verb -> (module below ordain.cli, one line of help). A module defines `command`.
VERBS: dict[str, tuple[str, str]] = {
    "init": ("init", "Give a folder the shape of an Ordain repository."),
    "check": ("check", "Report every problem in the declared state."),
    "generate": ("generate", "Write the files that follow from the declaration."),
    "run": ("run", "Regenerate pipelines and run what changed."),
    "affected": ("affected", "Name the models that have to run or be released."),
    "data": ("data", "Fetch, compare and pin the data of models."),
    "fragment": ("fragment", "Carry what training jobs made to where it is recorded."),
    "release": ("release", "Judge and record champions that changed."),
    "commit": ("commit", "Commit what was generated, and push it."),
    "renumber": ("renumber", "Give a release a free number where another request took its own."),
    "plan": ("plan", "Show what would change, and why."),
    "report": ("report", "Keep a request's comment up to date."),
    "retrain": ("retrain", "Open one request with a model trained anew, and why."),
    "approve": ("approve", "Approve the transitions of a revision: sign them, or on GitLab."),
    "promote": ("promote", "Pin a model's release in the next environment."),
    "rollback": ("rollback", "Pin the release that ran before."),
    "reconcile": ("reconcile", "Turn approved state into manifests and ledger."),
    "publish": ("publish", "Push artifacts to the registries that clusters pull from."),
    "append": ("append", "Put models into the runtime image, where clusters mount none."),
    "pull": ("pull", "Fetch an artifact from a registry, by digest."),
    "bundle": ("bundle", "Pack what runs in an environment for devices, signed."),
    "serve": ("serve", "Serve artifacts over HTTP."),
    "monitor": ("monitor", "Say what the prediction log shows: drift, performance, fairness."),
    "receive": ("receive", "Receive Alertmanager's webhooks, and tell the forge."),
    "compact": ("compact", "Turn the lines of a prediction log into Parquet."),
    "score": ("score", "Score a table in a batch."),
    "why": ("why", "Print the passport of what runs."),
    "audit": ("audit", "Show who approved what, when, and on which evidence."),
    "verify": ("verify", "Prove the ledger, the approvals and the manifests."),
    "compare": ("compare", "Put candidates, branches and releases side by side."),
    "status": ("status", "Show where each model stands in each environment."),
    "gc": ("gc", "Show which artifacts are kept and why; remove the rest."),
    "completion": ("completion", "Print what makes a shell complete commands."),
    "demo": ("demo", "Run the whole loop in a scratch folder, with commentary."),
}


class LazyGroup(click.Group):
    """A group that imports a verb's module only when that verb is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of the flow."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, or None when there is no such verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"ordain.cli.{VERBS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of verbs from its own lines, so that `--help` imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ordain")
def ordain() -> None:
    """Git as the control plane of machine learning.

    Declare models in YAML; a pull request trains and tests them; an approval makes them law; a
    reconciler turns approved state into Kubernetes manifests.
    """


def main(argv: list[str] | None = None) -> Any:
    """Run the command line and exit with a code of the documented table (docs/exit-codes.md)."""
    from ordain.cli.console import run_command

    return run_command(ordain, argv)
