"""Status, audit and why in a real world, and in a clone that nobody but Git has touched."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
import pytest
import yaml
from click.testing import CliRunner

from ordain.adapters.git import Repository
from ordain.cli import audit as audit_cli
from ordain.cli import status as status_cli
from ordain.cli import why as why_cli
from ordain.core.ledger.annotations import annotated
from ordain.core.reasons import Reason
from ordain.core.reports import passport_text
from ordain.errors import UserError
from ordain.services.judging.clone import open_clone
from ordain.services.reading.audit import audit
from ordain.services.reading.plan import plan
from ordain.services.reading.status import status
from ordain.services.reading.why import asked, why
from tests.services.world import partial_clone

if TYPE_CHECKING:
    from tests.services.world import World


@pytest.fixture(scope="module")
def told(worlds: tuple[World, World], tmp_path_factory: pytest.TempPathFactory) -> World:
    """What `story` gives copies of."""
    running = worlds[1].copied(tmp_path_factory.mktemp("story"))
    proposal = running.promote("dana")
    running.deploy(proposal.branch, "ravi", "mei")
    running.now += dt.timedelta(days=1)
    running.deploy(running.release("dana", "churn", 2), "ravi")
    running.now += dt.timedelta(days=1)
    branch = running.promote("dana").branch
    running.merge(branch)
    running.reconcile()
    return running


@pytest.fixture
def story(told: World, tmp_path: Path) -> World:
    """churn@1 in staging and production; churn@2 in staging; a refused promotion of it."""
    return told.copied(tmp_path)


def fresh(world: World) -> Path:
    """A new clone, its origin then cut off."""
    where = world.root / "auditor"
    world.run(world.root, "git", "clone", "-q", str(world.origin), str(where))
    world.run(where, "git", "remote", "set-url", "origin", "/nowhere")
    return where


def run(command: click.Command, where: Path, *words: str, stdin: str | None = None) -> str:
    done = CliRunner().invoke(command, [*words, "-C", str(where)], input=stdin, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output


def test_status_shows_what_keeps_pinned_and_running_apart(story: World) -> None:
    where = fresh(story)
    staging, production = status(where).standings
    assert (staging.pinned, staging.running, staging.drift) == ("churn@2", "churn@2", "none")
    assert (production.pinned, production.running, production.drift) == ("churn@2", "churn@1", "refused")
    assert production.reason == Reason.APPROVALS_MISSING
    assert production.since == "2026-11-24T12:00:00Z"
    said = run(status_cli.command, where)
    assert "churn  staging      churn@2  churn@2" in said
    assert "refused: approvals-missing" in said
    assert json.loads(run(status_cli.command, where, "--json"))["entry"] == 4
    assert run(status_cli.command, where, "--quiet") == ""


def test_status_of_nothing(world: World) -> None:
    where = fresh(world)
    assert run(status_cli.command, where).startswith("no model is declared\n")


def test_status_before_reconciling_and_without_a_pin(world: World) -> None:
    world.merge(world.release("dana", "churn", 1))
    said = run(status_cli.command, fresh(world))
    assert "waits for approval or `ordain reconcile`" in said
    assert "not pinned; newest is churn@1" in said


def test_status_of_an_invalid_state(world: World) -> None:
    where = world.branch("dana", "bad")
    (where / "models.yaml").write_text("nonsense: [")
    world.commit("dana", "Break it")
    world.git("dana", "push", "-q", "origin", "HEAD:main")
    with pytest.raises(UserError) as caught:
        status(fresh(world))
    assert caught.value.reason == Reason.STATE_INVALID


def test_the_whole_history(story: World) -> None:
    where = fresh(story)
    found = audit(where, None, None)
    assert [
        (each.entry, each.environment, each.model, each.action, each.approved) for each in found.events
    ] == [
        (1, "staging", "_shared", "deploy", True),
        (1, "staging", "churn", "deploy", True),
        (2, "production", "_shared", "deploy", True),
        (2, "production", "churn", "deploy", True),
        (3, "staging", "churn", "change", True),
        (4, "production", "churn", "change", False),
    ]
    first = found.events[1]
    assert first.until == "2026-11-25T12:00:00Z"
    assert (first.rows, first.metric, first.score) == (100, "roc_auc", 0.8)
    assert [each.person for each in found.events[3].approvers] == ["mei", "ravi"]


def test_what_ran_at_a_time_or_commit(story: World) -> None:
    where = fresh(story)

    def ran(at: str, environment: str | None = None) -> list[str]:
        events = audit(where, at, environment).events
        return [f"{each.environment}/{each.release}" for each in events if each.release]

    assert ran("2026-11-24") == ["production/churn@1", "staging/churn@1"]
    assert ran("2026-11-25T12:00:00Z") == ["production/churn@1", "staging/churn@2"]
    assert ran("2026-11-25T12:59:00+01:00") == ["production/churn@1", "staging/churn@1"]
    assert ran("2026-11-25T12:00:00", "staging") == ["staging/churn@2"]
    assert ran("2026-11-23") == []
    assert ran("HEAD") == ["production/churn@1", "staging/churn@2"]
    genesis = story.run(where, "git", "rev-list", "--max-parents=0", "HEAD")
    assert ran(genesis) == []
    source = open_clone(where).entries[0].source
    assert ran(source) == ["staging/churn@1"]


@pytest.mark.parametrize("at", ["yesterday-ish", "2026-13-41", "2026-11-24T99:00", "9999999999"])
def test_neither_a_time_nor_a_commit(story: World, at: str) -> None:
    with pytest.raises(UserError, match="neither a time nor a revision"):
        audit(fresh(story), at, None)


def test_an_environment_that_never_was(story: World) -> None:
    with pytest.raises(UserError, match="known: production, staging"):
        audit(fresh(story), None, "prod")


def test_audit_in_every_form(story: World) -> None:
    where = fresh(story)
    said = run(audit_cli.command, where, "--env", "production")
    assert "2026-11-26T12:00:00Z  production/churn  change  churn@2  refused: approvals-missing" in said
    assert "mei, signed by approver, SHA256:" in said
    assert "2 of 2 pass" in said
    rows = list(csv.DictReader(io.StringIO(run(audit_cli.command, where, "--format", "csv"))))
    assert len(rows) == 6
    document = json.loads(run(audit_cli.command, where, "--format", "json", "--at", "2026-11-24"))
    assert document["at"] == "2026-11-24T23:59:59Z"
    assert run(audit_cli.command, where, "--at", "2026-11-01") == "nothing ran then\n"


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_time_beyond_the_calendar_in_utc_is_none(story: World, moment: str) -> None:
    with pytest.raises(UserError, match="neither a time nor a revision"):
        audit(fresh(story), moment, None)


def test_audit_of_nothing(world: World) -> None:
    said = run(audit_cli.command, fresh(world))
    assert said == "the ledger is empty: nothing was decided yet\n"


def pod(world: World, environment: str) -> dict[str, Any]:
    data = world.manifests(f"{environment}/churn/deployment")[f"{environment}/churn/deployment.yaml"]
    found: dict[str, Any] = yaml.safe_load(data)
    return found


def test_the_passport_of_a_pod(story: World) -> None:
    where = fresh(story)
    deployment = pod(story, "production")
    template = deployment["spec"]["template"]
    whole = [
        json.dumps(template),
        yaml.safe_dump(template),
        json.dumps(deployment),
        json.dumps(template["metadata"]),
        json.dumps(template["metadata"]["annotations"]),
    ]
    (question,) = {annotated(each.encode()) for each in whole}
    found = why(where, question, lambda _: True)
    assert found.target.label == "production/churn"
    assert found.current
    assert found.release is not None
    assert found.release.number == 1
    assert found.candidate is not None
    assert found.candidate["parameters"] == {"C": 1.0}
    assert [(each.person, each.name, each.kind) for each in found.approvals] == [
        ("mei", "Mei Tanaka", "signed-by-approver"),
        ("ravi", "Ravi Menon", "signed-by-approver"),
    ]
    assert found.contributors == ("ada", "dana")
    assert found.merge is not None
    assert found.merge.subject.startswith("Merge promote/churn-production-")
    assert found.absent == ()
    assert "signed by approver, key SHA256:" in passport_text.text(found)


def nothing() -> bytes:
    """A standard input that nobody should read."""
    raise AssertionError


def test_the_verb_why(story: World, tmp_path: Path) -> None:
    where = fresh(story)
    said = run(why_cli.command, where, "churn@production")
    assert said.startswith("production/churn: churn@1\n")
    assert "absent      the bytes of the artifact" in said
    document = json.loads(run(why_cli.command, where, "churn@production", "--json"))
    assert document["target"] == {"environment": "production", "model": "churn"}
    template = json.dumps(pod(story, "staging")["spec"]["template"])
    assert run(why_cli.command, where, "-", stdin=template).startswith("staging/churn: churn@2")
    (tmp_path / "pod.json").write_text(template)
    said = run(why_cli.command, where, str(tmp_path / "pod.json"))
    assert said.startswith("staging/churn: churn@2")
    with pytest.raises(click.UsageError):
        run(why_cli.command, where)


def test_annotations_are_the_one_argument_in_every_form_that_is_printed(story: World) -> None:
    where = fresh(story)
    annotations = pod(story, "staging")["spec"]["template"]["metadata"]["annotations"]
    lines = "\n".join(f"{key}={value}" for key, value in annotations.items())
    for text in (
        json.dumps(annotations),  # kubectl get pod NAME -o jsonpath={.metadata.annotations}
        yaml.safe_dump(annotations),
        yaml.safe_dump({"metadata": {"annotations": annotations}}),
        lines,  # kubectl annotate --list
        "\n".join(f"{key}={json.dumps(value)}" for key, value in annotations.items()),  # the downward API
    ):
        assert run(why_cli.command, where, text).startswith("staging/churn: churn@2")


def test_a_pod_that_was_edited_is_no_pod_of_ours(story: World) -> None:
    annotations = pod(story, "production")["spec"]["template"]["metadata"]["annotations"]
    annotations["ordain.dev/artifact"] = "sha256:" + "f" * 64
    with pytest.raises(UserError, match="but the ledger's entry for this intent says"):
        why(fresh(story), annotated(json.dumps(annotations).encode()), lambda _: True)


@pytest.mark.parametrize(
    "text",
    ["", "churn", "churn@", "@production", "churn@1@2", "../x@y", "Churn@prod", "churn@prod\n", "intent",
     "pod.json", "a\0b", "x" * 5000, "."],
)  # fmt: skip
def test_what_is_no_question(text: str) -> None:
    with pytest.raises(UserError, match="neither MODEL@ENVIRONMENT nor"):
        asked(text, nothing)


def test_what_looks_like_annotations_is_read_as_such() -> None:
    with pytest.raises(UserError, match="no annotation ordain"):
        asked('{"some.dev/intent": "x"}', nothing)


def test_a_predictions_id_leads_to_what_made_it(story: World) -> None:
    auditor = fresh(story)
    known = why(auditor, asked("churn@staging", nothing), lambda _: True)
    release = known.release
    assert release is not None
    for digest, kind in ((str(known.intent), "i"), (release.artifact, "a")):
        stamp = kind + digest.removeprefix("sha256:")[:16]
        found = why(auditor, asked(f"{stamp}-0123456789ab-1f", nothing), lambda _: True)
        assert (found.target.model, found.release) == ("churn", release)
    with pytest.raises(UserError, match="no entry of this ledger"):
        why(auditor, asked("i0000000000000000-0123456789ab-1", nothing), lambda _: True)


def test_shared_files_can_be_asked_about(story: World) -> None:
    found = why(fresh(story), asked("_shared@staging", nothing), lambda _: True)
    assert (found.ref, found.release, found.absent) == (None, None, ())


def test_a_broken_ledger_answers_nothing(story: World) -> None:
    where = story.branch("dana", "forge")
    path = where / "manifests/ledger/00000002.json"
    path.write_text(path.read_text().replace("a", "b", 1))
    story.commit("dana", "Forge")
    story.git("dana", "push", "-q", "origin", "HEAD:main")
    auditor = fresh(story)
    for verb in (lambda: audit(auditor, None, None), lambda: status(auditor)):
        with pytest.raises(UserError) as caught:
            verb()
        assert caught.value.reason == Reason.LEDGER_BROKEN


def test_a_shallow_clone_is_refused(story: World) -> None:
    where = story.root / "shallow"
    address = f"file://{story.origin}"
    story.run(story.root, "git", "clone", "-q", "--depth", "1", address, str(where))
    with pytest.raises(UserError, match="this clone is shallow"):
        why(where, asked("churn@staging", bytes), lambda _: False)
    with pytest.raises(UserError, match="this clone is shallow") as caught:
        status(where)
    told = "git remote set-branches origin '*' && git fetch --unshallow"
    assert caught.value.fix == told
    story.run(where, "bash", "-c", told)
    assert status(where).standings == status(fresh(story)).standings
    branches = story.run(where, "git", "branch", "--remotes", "--format=%(refname:short)").split()
    assert len(branches) > 2, "a ledger's own branch would have come too"


def test_a_shallow_clone_of_every_branch_is_told_no_more_than_it_needs(story: World) -> None:
    where, address = story.root / "shallow", f"file://{story.origin}"
    story.run(story.root, "git", "clone", "-q", "--depth", "1", "--no-single-branch", address, str(where))
    with pytest.raises(UserError) as caught:
        status(where)
    assert caught.value.fix == "git fetch --unshallow"


@pytest.mark.parametrize("left_out", ["blob:none", "tree:0"])
def test_a_partial_clone_is_refused_until_it_is_whole(left_out: str, story: World) -> None:
    where = partial_clone(story, left_out)
    for look in (lambda: status(where), lambda: audit(where, None, None), lambda: open_clone(where)):
        with pytest.raises(UserError, match="this clone is partial") as caught:
            look()
    story.run(where, "bash", "-c", caught.value.fix)
    assert status(where).standings == status(fresh(story)).standings


@pytest.mark.parametrize("base", [None, "origin/main"])
def test_a_plan_of_what_a_partial_clone_alone_has_is_refused(base: str | None, story: World) -> None:
    branch = story.replicas("dana", 7)
    where = partial_clone(story, "blob:none")
    story.run(where, "git", "checkout", "-q", f"origin/{branch}")
    setting = msgspec.structs.replace(story.setting("dana"), clone=Repository(where))
    with pytest.raises(UserError, match="this clone is partial"):
        plan(setting, None, base)


def test_the_branch_that_is_ahead_counts(story: World) -> None:
    where = fresh(story)
    assert open_clone(where).base.name == "origin/main"
    story.run(where, "git", "commit", "-q", "--allow-empty", "-m", "local")
    assert open_clone(where).base.name == "main"
    story.run(where, "git", "checkout", "-q", "--detach", "HEAD~1")
    story.run(where, "git", "branch", "-q", "-D", "main")
    assert open_clone(where).base.name == "origin/main"
    assert open_clone(where, "HEAD~1").base.name == "HEAD~1"
    story.run(where, "git", "update-ref", "-d", "refs/remotes/origin/main")
    with pytest.raises(UserError, match="the base branch main is not in this clone"):
        open_clone(where)


def test_documents_can_be_read_again(story: World) -> None:
    where = fresh(story)
    for value in (
        status(where),
        audit(where, None, None),
        why(where, asked("churn@staging", nothing), lambda _: False),
    ):
        assert msgspec.json.decode(msgspec.json.encode(value))


def test_a_time_takes_all_up_to_its_last_entry(running: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a ledger whose reconciler's clock went back once: what was in force in between is not left out."""
    running.deploy(running.replicas("dana", 5), "ravi")
    where = running.enter("ada")
    running.git("ada", "pull", "--quiet", "origin", "main")
    clone = open_clone(where)
    *before, last = clone.entries
    entries = [*(msgspec.structs.replace(each, observed="2027-03-01T00:00:00Z") for each in before), last]
    monkeypatch.setattr(type(clone), "entries", property(lambda _: entries))
    found = audit(where, last.observed, None).events
    assert len({each.entry for each in found}) > 1
    assert {each.entry for each in found} == {each.entry for each in audit(where, None, None).events}
