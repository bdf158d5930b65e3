"""What a monitor holds, and that it could not deploy with it, whoever took it over.

In a pod it holds a token of a forge and nothing else. Everything below is done with that, and with more: with
a signing key of its own, as a contributor who merges what they like.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ordain.adapters.git import Repository
from ordain.adapters.resources import templates
from ordain.core.approvals import approval
from ordain.core.evidence import attestation
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import desired
from ordain.core.rendering.templating import parse
from ordain.errors import UserError
from tests.core.fleet import ALARMS, WATCHED, forms
from tests.core.test_forms import files
from tests.services.test_reconcile import CHURN, _previewed, _publish, verdicts
from tests.services.test_requests import Hosted
from tests.services.world import World

COMMIT = "a" * 40


# --- in the cluster -----------------------------------------------------------------------------------


def test_its_pod_has_no_way_to_the_cluster_and_two_secrets_at_most() -> None:
    found = files("labelled", environment=replace(WATCHED, alarms=ALARMS))
    pod = found["monitor-cronjob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert found["monitor-serviceaccount"]["automountServiceAccountToken"] is False
    assert "secrets" not in found["monitor-serviceaccount"]
    secrets = {each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
    assert secrets == {"s3", "ordain-alarms"}  # to read the log, and to tell the forge
    assert {next(iter(each.keys() - {"name"})) for each in pod["volumes"]} <= {"secret", "image", "emptyDir"}
    (worker,) = pod["containers"]
    assert not [each for each in worker["env"] if "valueFrom" in each or "KEY" in each["name"]]
    assert found["monitor-networkpolicy"]["spec"]["ingress"] == []


def test_nothing_that_is_rendered_gives_anybody_a_role() -> None:
    kinds = {
        parse(data)["kind"] for each in desired(forms(), templates()).values() for data in each.files.values()
    }
    assert not {kind for kind in kinds if "Role" in kind}


def test_what_tells_a_forge_has_no_git_no_keys_and_no_reconciler() -> None:
    """The receiver and the telling of a monitor, by what they import."""
    program = (
        "import sys, ordain.services.monitoring.receive, ordain.services.monitoring.tell,"
        " ordain.adapters.webhooks, ordain.adapters.forges.telling; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "ordain.services.monitoring.receive" in loaded
    forbidden = (
        "ordain.adapters.git",
        "ordain.adapters.ssh",
        "ordain.adapters.registry",
        "ordain.services.re",
    )
    allowed = {"ordain.services.monitoring.receive"}
    assert not {each for each in loaded - allowed if each.startswith(forbidden)}


# --- at a forge ---------------------------------------------------------------------------------------


# What its token opens there, scope by scope: tests/adapters/forges/test_scopes.py.

RULES = """#!/bin/sh
# What docs/forges.md asks of a forge's rules: nobody pushes to these, but for the collector's account to one.
case "$1:$ACCOUNT" in
  refs/heads/main:*|refs/heads/live:monitor) echo "protected branch" >&2; exit 1 ;;
esac
"""


def test_a_token_that_may_push_branches_pushes_to_no_protected_one(
    running: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub's *Contents: write*, which an event takes, would push; the rules of both branches refuse it."""
    hook = running.origin / "hooks/update"
    hook.write_text(RULES)
    hook.chmod(0o755)
    monkeypatch.setenv("ACCOUNT", "monitor")
    clone = Repository(running.branch("stranger", "mine"))
    commit = running.commit("stranger", "Deploy")
    before = running.run(running.origin, "git", "for-each-ref")
    for name in ("refs/heads/main", "refs/heads/live"):
        with pytest.raises(UserError):
            clone.push(str(running.origin), commit, name)
    assert running.run(running.origin, "git", "for-each-ref") == before


# --- with everything but an approval ------------------------------------------------------------------


def tampered(world: World) -> str:
    """A branch of the monitor's own: another release, and manifests to match."""
    where = world.branch("stranger", "churn-2")
    for path in (where / "manifests/staging/churn").glob("*.yaml"):
        path.write_text(path.read_text().replace("replicas", "replicas "))
    return world.add_release("stranger", where, ("churn", 2))


def test_what_it_merges_and_approves_itself_deploys_nothing(running: World) -> None:
    before = running.manifests("staging/")
    branch = tampered(running)
    with pytest.raises(UserError, match="speaks for nobody"):
        running.approve(branch, "stranger")
    covered = approval.statement([each.transition for each in _previewed(running, branch)], "0" * 40)
    _publish(running, attestation.to_bytes(attestation.seal(covered, running.approver("stranger").sign)))
    running.merge(branch, "stranger")
    reasons = verdicts(running.reconcile())
    assert reasons[CHURN] in {Reason.SELF_APPROVAL, Reason.KEY_UNKNOWN, Reason.AUTHOR_UNPROVEN}
    assert running.manifests("staging/") == before


def test_nor_does_its_silence(running: World) -> None:
    """Merged, and approved by nobody."""
    before = running.manifests("staging/")
    branch = tampered(running)
    running.merge(branch, "stranger")
    assert verdicts(running.reconcile())[CHURN] in {Reason.APPROVALS_MISSING, Reason.AUTHOR_UNPROVEN}
    assert running.manifests("staging/") == before


@pytest.mark.parametrize(
    "who", [{"reviewer": "ordain-monitor"}, {"reviewer": "ordain-monitor[bot]", "bot": True}]
)
def test_its_account_at_a_forge_is_no_reviewer(tmp_path: Path, who: dict[str, Any]) -> None:
    hosted = Hosted(tmp_path)
    branch = hosted.world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi", **who))
    assert hosted.verdict().reason in {Reason.ACCOUNT_UNKNOWN, Reason.APPROVALS_MISSING}
    assert hosted.world.manifests("staging/churn") == {}
