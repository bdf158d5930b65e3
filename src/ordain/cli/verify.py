"""`ordain verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ordain.cli.console import ERROR, OK, Console, clone_options

if TYPE_CHECKING:
    from ordain.services.proofs.verify import Verified


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every entry and release, not only what runs now.")
@click.option(
    "--root", "genesis", metavar="COMMIT", help="The root that `ordain init` printed: trust no other."
)
@click.option("--anew", is_flag=True, help="Also what this clone has proven before.")
@clone_options
def command(**options: Any) -> int:
    """Prove, from this clone alone and offline, that what was recorded is still true.

    The ledger's chain and signatures, each approval's own signature, the manifests byte for byte, the
    release records, their locks, code, data and artifacts. With --all each entry is also judged and
    rendered again from its commit. One line a proof: ok, absent (not in this clone, which is no fault)
    or FAILED with the link that does not hold.

    What --all has proven once need not be proven again by this clone, unless --anew is given; bytes
    outside Git (data, artifacts, the working tree) are looked at every time.

    Exits 1 when a proof failed, else 0.

    \b
    Examples:
      ordain verify
      ordain verify --all
      ordain verify --json | jq '.proofs[] | select(.outcome == "FAILED")'
    """
    import msgspec

    from ordain.adapters.artifacts import store_of
    from ordain.adapters.git import find_repository
    from ordain.services.proofs.verify import verify

    root, quiet = options["root"], options["quiet"]
    store = store_of(find_repository(root).folder)
    found = verify(root, store, **{each: options[each] for each in ("everything", "genesis", "anew")})
    console = Console(as_json=options["as_json"], quiet=quiet)
    if found.sound or options["as_json"]:
        console.result({"sound": found.sound, **msgspec.to_builtins(found)}, told(found))
    else:
        click.echo(told(found, only_failed=quiet))  # failures are errors: --quiet keeps them
    return OK if found.sound else ERROR


def told(found: Verified, *, only_failed: bool = False) -> str:
    """One line a proof, and the sum."""
    from ordain.core.escaping import short, visible
    from ordain.core.reports.report_text import table
    from ordain.core.reports.verification import tally

    shown = [each for each in found.proofs if each.outcome == "FAILED" or not only_failed]
    lines = table([(each.outcome, each.link, each.what, each.detail) for each in shown], "")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in tally(found.proofs).items() if count)
    base = f"{visible(found.base.name)} ({short(found.base.commit, 7)})"
    verdict = "everything at hand holds" if found.sound else "SOMETHING DOES NOT HOLD"
    return "\n".join([*lines, "", f"{base}: {verdict}: {counts}"])
