"""`ordain approve`."""

from __future__ import annotations

from pathlib import Path

import click

from ordain.cli.console import Console, clone_options

SIGN_ANEW = "git rebase --exec 'git commit --amend --no-edit -S' BASE, push, and ask for a new approval"


@click.command()
@click.argument("revision", default="HEAD")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Your SSH key: a private key file, or the .pub of a key that your agent or token holds.",
)
@clone_options
def command(revision: str, key: Path, as_json: bool, quiet: bool, root: Path) -> None:
    """Sign what merging REVISION would change, and publish the signature at the origin.

    The signature covers exactly the transitions that are printed: what runs now, and what would run. If
    either changes, it no longer counts. Whoever contributed to a change can't approve it.

    \b
    Examples:
      ordain approve origin/declare-churn --key ~/.ssh/id_ed25519
      ordain approve --key ~/.ssh/id_ed25519.pub        # HEAD; the key is in the agent
    """
    from ordain.cli import wiring
    from ordain.services.requests.approve import approve

    console = Console(as_json=as_json, quiet=quiet)
    approved = approve(wiring.setting(root), revision, wiring.approver(key))
    lines = [f"{approved.person} approved {approved.revision[:12]}:"]
    for each in approved.decisions:
        release = f" {each.release.label}" if each.release else ""
        transition = each.transition
        ends = " -> ".join((end or "nothing")[:19] for end in (transition.before, transition.after))
        lines.append(f"  {transition.target.label}: {each.action}{release}  {ends}")
    lines += [f"warning: this will be refused all the same: {each}" for each in approved.unproven]
    lines += [f"  next: whoever made them: {SIGN_ANEW}"] if approved.unproven else []
    body = {
        "person": approved.person,
        "revision": approved.revision,
        "reference": approved.reference,
        "unproven": list(approved.unproven),
        "transitions": [wiring.shown(each) for each in approved.decisions],
    }
    console.result(body, "\n".join(lines))
