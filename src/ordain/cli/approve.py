"""`ordain approve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.services.requests.approve import Approved

SIGN_ANEW = "git rebase --exec 'git commit --amend --no-edit -S' BASE, push, and ask for a new approval"


SETTINGS = "  next: a maintainer of the project sets what docs/forges.md says of these names"
ONLY_GITLAB = {
    "local": "the policy names the embedded forge, where approvals are signatures: use --key",
    "github": "a review on GitHub carries the commit that was looked at, so review the pull request there",
}


@click.command()
@click.argument("revision", required=False)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your SSH key: a private key file, or the .pub of a key that your agent or token holds.",
)
@click.option(
    "--request",
    type=click.IntRange(min=1),
    metavar="N",
    help="Instead of signing: approve this merge request on GitLab, with a token of your own.",
)
@clone_options
def command(
    *, revision: str | None, key: Path | None, request: int | None, as_json: bool, quiet: bool, root: Path
) -> None:
    """Sign what merging REVISION (HEAD by default) would change, and publish the signature at the origin.

    The signature covers exactly the transitions that are printed: what runs now, and what would run. If
    either changes, it no longer counts. Whoever contributed to a change can't approve it.

    With --request a merge request is approved on GitLab instead, at its newest commit, which is the one whose
    transitions are printed: GitLab refuses when somebody pushes meanwhile. GITLAB_TOKEN is then your own
    personal access token, scope api. Other forges bind a review to its commit themselves.

    \b
    Examples:
      ordain approve origin/declare-churn --key ~/.ssh/id_ed25519
      ordain approve --key ~/.ssh/id_ed25519.pub        # HEAD; the key is in the agent
      GITLAB_TOKEN_FILE=~/.gitlab-token ordain approve --request 12
    """
    if (key is None) == (request is None):
        raise click.UsageError("give --key to sign, or --request to approve on GitLab: one of them")
    if request is not None and revision is not None:
        raise click.UsageError("--request is approved at its newest commit: give no REVISION with it")
    from ordain.cli import wiring

    approved = _signed(root, revision or "HEAD", key) if key else _on_gitlab(root, request or 0)
    body = {
        "person": approved.person,
        "revision": approved.revision,
        "reference": approved.reference,
        "unproven": list(approved.unproven),
        "unsafe": list(approved.unsafe),
        "repeated": approved.repeated,
        "transitions": [wiring.shown(each) for each in approved.decisions],
    }
    Console(as_json=as_json, quiet=quiet).result(body, "\n".join(_lines(approved)))


def _signed(root: Path, revision: str, key: Path) -> Approved:
    from ordain.cli import wiring
    from ordain.services.requests.approve import approve

    return approve(wiring.setting(root), revision, wiring.approver(key))


def _on_gitlab(root: Path, request: int) -> Approved:
    from ordain.cli import wiring
    from ordain.services.judging.workspace import governed
    from ordain.services.requests.approve import approve_request

    setting = wiring.setting(root)
    policy = governed(setting.clone).policy
    if policy.forge in ONLY_GITLAB:
        raise click.UsageError(f"--request is for GitLab: {ONLY_GITLAB[policy.forge]}")
    return approve_request(setting, wiring.reviewing(setting.clone, policy), request)


def _lines(approved: Approved) -> list[str]:
    """What is told of an approval: each transition, and why it would be refused all the same."""
    had = "had approved" if approved.repeated else "approved"
    lines = [f"{approved.person} {had} {approved.revision[:12]}:"]
    for each in approved.decisions:
        release = f" {each.release.label}" if each.release else ""
        transition = each.transition
        ends = " -> ".join((end or "nothing")[:19] for end in (transition.before, transition.after))
        lines.append(f"  {transition.target.label}: {each.action}{release}  {ends}")
    refused = [*approved.unproven, *approved.unsafe]
    lines += [f"warning: this will be refused all the same: {each}" for each in refused]
    lines += [f"  next: whoever made them: {SIGN_ANEW}"] if approved.unproven else []
    return [*lines, *([SETTINGS] if approved.unsafe else [])]
