"""What the deciding verbs share: the clone, the forge, the artifact store, the clock, the keys."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from ordain.adapters.artifacts import store_of
from ordain.adapters.forge_local import LocalForge
from ordain.adapters.git import Repository, find_repository
from ordain.adapters.requests_local import LocalRequests
from ordain.adapters.resources import templates
from ordain.adapters.ssh import public_key, signer
from ordain.core.approvals import summary
from ordain.core.artifacts.reference import parse_reference
from ordain.core.decisions import Decision
from ordain.core.evidence import attestation
from ordain.core.git import commits
from ordain.core.gitnames import page_of
from ordain.core.specs.governance import Policy
from ordain.errors import UserError
from ordain.ports import Proposals, Requests, Reviewing
from ordain.services.judging.workspace import Setting, governed
from ordain.services.reconciling.order import Collector
from ordain.services.requests.approve import Approver
from ordain.services.requests.commit import Author


def now() -> dt.datetime:
    """The time of observation."""
    return dt.datetime.now(tz=dt.UTC)


def published(clone: Repository, environment: Mapping[str, str] = os.environ) -> Callable[[str], bool]:
    """Whether an artifact was published, by the image that the cluster pulls.

    By default the local store answers (`ORDAIN_STORE`, or the clone's own), as suits one machine. With
    `ORDAIN_ARTIFACTS=registry` the registry itself is asked, once for each image: as suits CI, where the
    store is empty and what counts is whether the cluster can pull.

    Raises:
        UserError: for another value.
    """
    if artifact_place(environment) == "registry":
        return cache(_in_registry)
    store = store_of(clone.folder)
    return lambda image: store.has(image.rpartition("@")[2])


def artifact_place(environment: Mapping[str, str] = os.environ) -> Literal["store", "registry"]:
    """Where artifacts count from.

    Raises:
        UserError: for another value of `ORDAIN_ARTIFACTS`.
    """
    place = environment.get("ORDAIN_ARTIFACTS", "store")
    if place == "registry":
        return "registry"
    if place == "store":
        return "store"
    fix = "set it to `store` or `registry`, or unset it"
    raise UserError(f"ORDAIN_ARTIFACTS is {place[:40]!a}, which is no place for artifacts", fix=fix)


def _in_registry(image: str) -> bool:
    from ordain.adapters.registry import open_registry

    return open_registry().has(parse_reference(image))


def setting(root: Path) -> Setting:
    """What a verb needs to look at the base branch from a clone."""
    clone = find_repository(root)
    return Setting(
        clone=clone, forge=LocalForge, templates=templates(), present=published(clone),
        now=now().strftime("%Y-%m-%dT%H:%M:%SZ"),
    )  # fmt: skip


def requests(clone: Repository) -> Callable[[Policy], Requests | None]:
    """What knows of merged requests: the forge that a policy names, at `$ORDAIN_FORGE_URL` or at `origin`."""

    def opened(policy: Policy) -> Requests | None:
        from ordain.adapters.forges import connect

        if policy.forge == "local":
            return None
        return connect(policy.forge, _forge_page(clone), policy.branch)

    return opened


def reviewing(clone: Repository, policy: Policy) -> Reviewing:
    """The project on GitLab, for whoever approves there with a token of their own; addressed as `requests`.

    Raises:
        UserError: when there is no token.
    """
    from ordain.adapters.forges import reviewing as opened

    return opened(_forge_page(clone), policy.branch)


def _forge_page(clone: Repository) -> str:
    return os.environ.get("ORDAIN_FORGE_URL") or page_of(clone.remote())


def approver(key: Path) -> Approver:
    """Whoever approves, by their key file."""
    return Approver(key=public_key(key).fingerprint, sign=signer(key, attestation.APPROVAL_NAMESPACE))


def collector(key: Path) -> Collector:
    """Whoever records, by the collector's key file."""
    return Collector(
        key=public_key(key).fingerprint,
        ledger=signer(key, attestation.LEDGER_NAMESPACE),
        commit=signer(key, commits.NAMESPACE),
        request=signer(key, attestation.REQUEST_NAMESPACE),
        summary=signer(key, summary.SUMMARY_NAMESPACE),
    )


def author(key: Path | None) -> Author:
    """Whoever commits: by this key, or as Git is set up."""
    return Author(signer(key, commits.NAMESPACE) if key else None, now())


def forge(clone: Repository) -> Requests | None:
    """The forge that the approved policy names; None for the local one, which has no server to ask.

    Raises:
        UserError: when there is no token for it.
    """
    return requests(clone)(governed(clone).policy)


def proposals(clone: Repository, policy: Policy) -> Proposals:
    """Where requests are opened, by the approved policy.

    Raises:
        UserError: when there is no token for its forge.
    """
    return requests(clone)(policy) or LocalRequests(clone, clone.remote(), now)


def told(decision: Decision) -> str:
    """One line on a decision."""
    release = f" {decision.release.label}" if decision.release else ""
    verdict = "approved" if decision.approved else f"refused ({decision.reason})"
    detail = f": {decision.detail}" if decision.detail else ""
    return f"{decision.transition.target.label}: {decision.action}{release} {verdict}{detail}"


def shown(decision: Decision) -> dict[str, object]:
    """A decision for `--json`, without the envelopes that the ledger carries."""
    transition = decision.transition
    return {
        "environment": transition.environment,
        "model": transition.model,
        "transition": transition.id,
        "action": decision.action,
        "approved": decision.approved,
        "reason": decision.reason.value,
        "detail": decision.detail,
        "release": decision.release.label if decision.release else None,
        "approvers": [each.person for each in decision.approvals],
        "contributors": list(decision.contributors),
        "missing": decision.missing,
    }
