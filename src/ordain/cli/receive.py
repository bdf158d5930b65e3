"""`ordain receive`."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from ordain.cli.console import Console, common_options


@click.command()
@click.option(
    "--tell", required=True, metavar="URL", help="Page of the repository whose jobs open a request."
)
@click.option("--forge", type=click.Choice(["github", "gitlab"]), default="github", show_default=True,
              help="What it is on; $GITHUB_TOKEN or $GITLAB_TOKEN is its token.")  # fmt: skip
@click.option("--branch", default="main", show_default=True, help="The branch whose jobs GitLab starts.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=9095, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@common_options
def command(
    *, tell: str, forge: str, branch: str, host: str, port: int, as_json: bool, quiet: bool, root: Path
) -> None:
    """Receive Alertmanager's webhooks at /alerts, and tell the forge what calls for a retraining request.

    Senders show the shared secret of $ORDAIN_WEBHOOK_SECRET, or of the file $ORDAIN_WEBHOOK_SECRET_FILE, as a
    bearer token. Alerts with the label `retrain: draft` or `retrain: open` are passed on, and those of
    Ordain's own that are about data; all others are not. It decides nothing and deploys nothing.

    \b
    Examples:
      ordain receive --tell https://github.com/acme/models
      ordain receive --tell https://gitlab.com/acme/models --forge gitlab --host 0.0.0.0
    """
    from ordain.adapters.forges import teller
    from ordain.adapters.forges.place import read_secret
    from ordain.adapters.webhooks import Hooks
    from ordain.cli import wiring
    from ordain.core.drift.alerts import BODY_LIMIT
    from ordain.core.escaping import visible
    from ordain.services.monitoring.receive import Receiver

    fix = "set it, or ORDAIN_WEBHOOK_SECRET_FILE to a file that holds it; senders show the same"
    secret = read_secret("ORDAIN_WEBHOOK_SECRET", "there is no shared secret", fix)
    receiver = Receiver(teller(forge, tell, branch), wiring.now)  # type: ignore[arg-type]  # click has checked it

    def receive(body: bytes) -> tuple[int, str]:
        answer = receiver.receive(body)
        if not quiet:
            click.echo(f"{answer.status} {visible(answer.told, 500)}", err=True)
        return answer.status, answer.told

    with Hooks((host, port), secret, receive, BODY_LIMIT) as hooks:
        found = hooks.server_address[:2]
        Console(as_json=as_json, quiet=quiet).result(
            {"host": found[0], "port": found[1]}, f"listening on http://{found[0]!s}:{found[1]}/alerts"
        )
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=hooks.shutdown).start())
        hooks.serve_forever()
