"""`ordain approve`: what is signed, and who is spared a useless signature."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ordain.adapters.git import Repository
from ordain.cli.main import ordain
from ordain.core.approvals import approval
from ordain.core.evidence import attestation, sshsig
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.requests.approve import approve

if TYPE_CHECKING:
    from tests.services.world import World


def test_an_approval_lies_under_its_own_digest_and_ssh_keygen_agrees(world: World) -> None:
    (approved,) = world.approve(world.release("dana", "churn", 1), "ravi")
    assert approved.person == "ravi"
    origin = Repository(world.origin)
    ((name, listed),) = origin.refs("refs/ordain/approvals").items()
    data = origin.objects([listed.id], "blob")[listed.id]
    assert name == approved.reference
    evidence = approval.read(data)
    assert evidence is not None
    assert {each.id for each in evidence.transitions} == {each.transition.id for each in approved.decisions}
    envelope = json.loads(data)
    opened = attestation.open_envelope(data, attestation.APPROVAL_NAMESPACE)
    signature = Path(world.root / "sig")
    import base64

    signature.write_text(sshsig.armor(base64.b64decode(envelope["signatures"][0]["sig"])))
    (world.root / "signers").write_text(f"ravi@x.example {world.public('ravi')}\n")
    words = ["ssh-keygen", "-Y", "verify", "-f", str(world.root / "signers"), "-I", "ravi@x.example"]
    words += ["-n", attestation.APPROVAL_NAMESPACE, "-s", str(signature)]
    message = attestation.pae(base64.b64decode(envelope["payload"]))
    subprocess.run(words, input=message, check=True, capture_output=True)
    assert opened.key.text == world.public("ravi")


def test_an_author_whom_nothing_proves_is_warned_of(world: World) -> None:
    world.branch("dana", "look")
    world.git("dana", "config", "commit.gpgsign", "false")
    branch = world.release("dana", "churn", 1)
    (approved,) = world.approve(branch, "ravi")
    assert any("not signed by a known key" in each for each in approved.unproven)
    where, key = str(world.enter("ravi")), str(world.keys / "ravi")
    done = CliRunner().invoke(ordain, ["approve", f"origin/{branch}", "--key", key, "-C", where])
    assert "warning: this will be refused all the same: not signed by a known key" in done.output
    assert "commit --amend --no-edit -S" in done.output


def test_approving_twice_is_one_approval(world: World) -> None:
    branch = world.release("dana", "churn", 1)
    first, second = world.approve(branch, "ravi", "ravi")
    assert first.reference == second.reference


def test_nothing_to_approve_is_said(running: World) -> None:
    running.branch("dana", "readme")
    (running.enter("dana") / "README.md").write_text("Hello\n")
    running.commit("dana", "Say hello")
    branch = running.push("dana")
    with pytest.raises(UserError, match="nothing to approve"):
        running.approve(branch, "ravi")


def test_a_stranger_and_a_collector_are_told(running: World) -> None:
    branch = running.replicas("dana", 5)
    running.git("ravi", "fetch", "-q", "origin")
    for key in ("stranger", "collector"):
        with pytest.raises(UserError) as caught:
            approve(running.setting("ravi"), f"origin/{branch}", running.approver(key))
        assert caught.value.reason == Reason.KEY_UNKNOWN


def test_only_what_one_had_no_hand_in_is_signed(running: World) -> None:
    """Ravi releases fraud; Dana's replicas of churn wait on main already: Ravi signs the latter only."""
    running.merge(running.replicas("dana", 5))
    branch = running.release("ravi", "fraud", 1)
    (approved,) = running.approve(branch, "ravi")
    assert [each.transition.target.label for each in approved.decisions] == ["staging/churn"]


def test_a_branch_behind_main_is_looked_at_as_it_would_be_merged(running: World) -> None:
    """Main moves on after the branch was cut: what main did is not reverted by signing."""
    branch = running.replicas("dana", 5)
    running.deploy(running.release("mei", "fraud", 1), "ravi")
    (approved,) = running.approve(branch, "ravi")
    assert [each.transition.target.label for each in approved.decisions] == ["staging/churn"]


def test_a_conflicting_branch_is_refused(running: World) -> None:
    branch = running.replicas("dana", 5)
    running.merge(running.replicas("mei", 6, branch="other"))
    with pytest.raises(UserError, match="conflicts with the base branch"):
        running.approve(branch, "ravi")


def test_an_unknown_revision_is_refused(running: World) -> None:
    with pytest.raises(UserError, match="there is no commit"):
        approve(running.setting("ravi"), "origin/nothing", running.approver("ravi"))


def test_the_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    branch = world.release("dana", "churn", 1)
    world.git("ravi", "fetch", "-q", "origin")
    words = ["approve", f"origin/{branch}", "-C", str(world.enter("ravi")), "--key", str(world.keys / "ravi")]
    monkeypatch.setenv("ORDAIN_STORE", str(world.root / "store"))
    done = CliRunner().invoke(ordain, [*words, "--json"], catch_exceptions=False)
    body = json.loads(done.output)
    assert body["person"] == "ravi"
    assert [each["action"] for each in body["transitions"]] == ["deploy", "deploy"]
    done = CliRunner().invoke(ordain, words, catch_exceptions=False)
    assert "staging/churn: deploy churn@1  nothing -> sha256:" in done.output
