"""The plan in a real world: what it says is what reconciling then does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest
import yaml
from click.testing import CliRunner
from msgspec.structs import replace

from ordain.cli.plan import command, paint, written
from ordain.core.plans.plan import Item, Plan
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.reading.plan import plan
from tests.services.world import FAILED

if TYPE_CHECKING:
    from tests.services.world import World


def look(world: World, who: str = "dana", revision: str | None = None, base: str | None = None) -> Plan:
    return plan(world.setting(who), revision, base)


def items(made: Plan) -> dict[str, Item]:
    return {each.target.label: each for each in made.items}


@pytest.fixture
def untrained(running: World) -> World:
    """churn@1 runs in staging; nobody ever ran its pipeline, so the plan always mentions that."""
    return running


def test_an_empty_repository_has_nothing_to_do(world: World) -> None:
    made = look(world)
    assert made.empty
    assert (made.entry, made.items, made.unreconciled) == (0, (), ())
    assert made.base.name == "origin/main"


def test_a_first_release_waits_for_a_reviewer(world: World) -> None:
    branch = world.release("dana", "churn", 1)
    made = look(world)
    found = items(made)
    assert set(found) == {"staging/_shared", "staging/churn"}
    churn = found["staging/churn"]
    assert (churn.action, churn.approved, churn.reason) == ("deploy", False, Reason.APPROVALS_MISSING)
    assert churn.missing == {"reviewer": 1}
    assert churn.contributors == ("ada", "dana")
    assert {each.kind for each in churn.files} == {"added"}
    assert "staging/churn/deployment.yaml" in {each.path for each in churn.files}
    world.approve(branch, "ravi")
    churn = items(look(world))["staging/churn"]
    assert churn.approved
    assert [each.person for each in churn.approvals] == ["ravi"]


def test_the_transition_is_the_one_that_is_approved_and_reconciled(world: World) -> None:
    branch = world.release("dana", "churn", 1)
    planned = {each.transition for each in look(world).changes}
    (approved,) = world.approve(branch, "ravi")
    assert {each.transition.id for each in approved.decisions} == planned
    world.merge(branch)
    (entry,) = world.reconcile().entries
    assert {each.transition.id for each in entry.decisions if each.approved} == planned


def test_what_runs_is_up_to_date(untrained: World) -> None:
    untrained.branch("dana", "fresh")
    made = look(untrained)
    assert {each.action for each in made.items} == {"none"}
    assert [each.model for each in made.stale] == ["churn"]


def test_a_changed_number_of_replicas_is_named(untrained: World) -> None:
    untrained.replicas("dana", 5)
    made = look(untrained)
    churn = items(made)["staging/churn"]
    assert [(each.slice, each.key, each.before, each.after) for each in churn.changes] == [
        ("deployment", "deploy.replicas.max", 4, 7),
        ("deployment", "deploy.replicas.min", 2, 5),
    ]
    assert items(made)["staging/_shared"].action == "none"
    assert {each.path: each.kind for each in churn.files} == {
        "staging/churn/deployment.yaml": "changed",  # its annotation names the intent
        "staging/churn/horizontalpodautoscaler.yaml": "changed",
    }


def test_uncommitted_edits_are_seen_and_flagged(untrained: World) -> None:
    where = untrained.branch("dana", "edit")
    deploy = {"replicas": {"min": 3, "max": 4}}
    untrained.edit(where, "models.yaml", lambda value: value["models"]["churn"].update(deploy=deploy))
    untrained.edit(where, "environments/staging.yaml", lambda value: value.update(allow_from=["gateway"]))
    before = untrained.git("dana", "status", "--porcelain")
    made = look(untrained)
    assert made.revision.uncommitted == ("environments/staging.yaml", "models.yaml")
    changed = {each.key for each in items(made)["staging/churn"].changes}
    assert changed == {"deploy.replicas.min", "allow_from"}
    assert untrained.git("dana", "status", "--porcelain") == before
    committed = look(untrained, revision="HEAD")
    assert committed.revision.uncommitted == ()
    assert {each.action for each in committed.items} == {"none"}


def test_a_new_file_and_a_removed_one_are_seen(untrained: World) -> None:
    where = untrained.branch("dana", "edit")
    (where / "environments/production.yaml").rename(where / "environments/canary.yaml")
    rules = [{"environments": ["canary", "staging"], "approvals": {"reviewer": 1}}]
    untrained.edit(where, "policy.yaml", lambda value: value.update(rules=rules))
    made = look(untrained)
    paths = ("environments/canary.yaml", "environments/production.yaml", "policy.yaml")
    assert made.revision.uncommitted == paths
    assert {each.key for each in items(made)["_policy/_policy"].changes} >= {"rules[0].environments"}
    (where / "models.yaml").unlink()
    with pytest.raises(UserError, match="gone from the working tree"):
        look(untrained)


def test_an_invalid_state_is_an_error_with_its_place(untrained: World) -> None:
    where = untrained.branch("dana", "edit")
    (where / "models.yaml").write_text("version: 1\nrenderer: 1\nmodels: {churn: {}}\n")
    with pytest.raises(UserError) as caught:
        look(untrained)
    assert caught.value.reason == Reason.STATE_INVALID


def test_a_conflict_is_an_error(untrained: World) -> None:
    untrained.replicas("dana", 5)
    untrained.merge(untrained.replicas("omar", 6))
    with pytest.raises(UserError, match="conflicts with the base branch"):
        look(untrained)


def test_merged_but_not_reconciled_is_said(untrained: World) -> None:
    branch = untrained.replicas("dana", 5)
    untrained.approve(branch, "ravi")
    head = untrained.merge(branch)
    untrained.branch("dana", "fresh")
    made = look(untrained)
    assert made.unreconciled == (head,)
    churn = items(made)["staging/churn"]
    assert (churn.action, churn.approved) == ("change", True)
    assert [each.key for each in churn.changes] == ["deploy.replicas.max", "deploy.replicas.min"]


def test_a_self_approval_and_a_failed_gate_are_said(untrained: World) -> None:
    branch = untrained.replicas("dana", 5)
    untrained.branch("omar", "look")
    untrained.approve(branch, "ravi")
    assert items(look(untrained))["staging/churn"].approved
    untrained.release("dana", "churn", 2, verdicts=FAILED)
    item = items(look(untrained))["staging/churn"]
    assert (item.reason, item.deployed, item.wanted) == (Reason.GATE_FAILED, "churn@1", "churn@2")
    assert [each.outcome for each in item.gates] == ["fail", "pass"]
    assert "no waiver covers it" in item.detail


def test_retiring_and_a_change_of_the_policy(untrained: World) -> None:
    where = untrained.branch("dana", "retire")
    untrained.edit(where, "environments/staging.yaml", lambda value: value.update(models={}))
    untrained.edit(where, "policy.yaml", lambda value: value["rollback"].update(reviewer=2))
    untrained.commit("dana", "Retire")
    made = look(untrained)
    found = items(made)
    assert found["staging/churn"].action == "retire"
    assert {each.kind for each in found["staging/churn"].files} == {"removed"}
    policy = found["_policy/_policy"]
    assert [(each.key, each.before, each.after) for each in policy.changes] == [("rollback.reviewer", 1, 2)]
    assert made.items[-1] == policy


def test_a_named_base_and_a_clone_without_origin(untrained: World) -> None:
    untrained.branch("dana", "fresh")
    genesis = untrained.git("dana", "rev-list", "--max-parents=0", "HEAD")
    made = look(untrained, base=genesis)
    assert (made.entry, made.base.commit) == (0, genesis)
    assert items(made)["staging/churn"].action == "deploy"
    untrained.git("dana", "branch", "-f", "main", "origin/main")
    untrained.git("dana", "remote", "remove", "origin")
    alone = look(untrained)
    assert alone.base.name == "main"
    assert {each.action for each in alone.items} == {"none"}


def test_edited_manifests_are_something_to_do(running: World) -> None:
    where = running.branch("dana", "edit")
    (where / "manifests/staging/churn/service.yaml").write_text("kind: Secret\n")
    running.commit("dana", "Edit")
    running.git("dana", "push", "-q", "origin", "HEAD:main")
    made = look(running)
    assert made.restored == ("manifests/staging/churn/service.yaml",)
    assert not made.changes
    assert not msgspec.structs.replace(made, stale=()).empty
    code, said = run(running)
    assert code == 2
    assert said.splitlines()[0].endswith("1 edited file below manifests/ would be restored.")
    assert "manifests/staging/churn/service.yaml" in said
    running.reconcile()
    assert look(running).restored == ()


def test_an_image_that_was_never_named_is_noted(running: World) -> None:
    running.branch("dana", "look")
    assert any("environments/staging.yaml: runtime.image: the image is a placeholder" in each
               for each in look(running).notes)  # fmt: skip


def run(world: World, *words: str, who: str = "dana") -> tuple[int, str]:
    done = CliRunner().invoke(command, [*words, "-C", str(world.enter(who))], standalone_mode=False)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return int(done.return_value), done.output


def test_the_verb_in_every_form(world: World, tmp_path: Path) -> None:
    code, said = run(world)
    assert (code, said.splitlines()[0]) == (0, "Nothing to do: what runs is what is wanted.")
    world.release("dana", "churn", 1)
    code, said = run(world)
    assert code == 2
    assert "staging/churn    deploy  churn@1" in said
    code, said = run(world, "--json")
    schema = Path(__file__).parents[2] / "src/ordain/schemas/plan.schema.json"
    document: dict[str, Any] = json.loads(said)
    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(document)
    assert (code, document["exit_code"]) == (2, 2)
    out = tmp_path / "comment.md"
    code, said = run(world, "--format", "markdown", "--out", str(out))
    assert (code, said) == (2, f"written to {out}\n")
    assert out.read_text().startswith("### Ordain plan\n")
    assert run(world, "--format", "html")[1].startswith("<!doctype html>")
    assert run(world, "--quiet") == (2, "")


def test_the_same_state_gives_the_same_comment(world: World) -> None:
    world.release("dana", "churn", 1)
    first, second = (written(look(world), "markdown", colour=False) for _ in range(2))
    assert first == second


def test_colour_is_painted_by_role(world: World) -> None:
    world.release("dana", "churn", 1)
    made = look(world)
    assert "\x1b[" in written(made, "text", colour=True)
    assert "\x1b[" not in written(made, "text", colour=False)
    assert paint("x", "old") != "x"


def pipeline(world: World, where: Path) -> None:
    """The generated pipeline of a world's churn, and the lock of a run."""
    from ordain._version import __version__
    from ordain.core.pipelines.pipeline import context_of, pipeline_files
    from ordain.core.pipelines.stale import parameter_keys, paths_of
    from ordain.core.state.instance import is_state_path, read_instance

    state = {
        str(path.relative_to(where)): path.read_bytes()
        for path in where.rglob("*.yaml")
        if is_state_path(str(path.relative_to(where)))
    }
    made = pipeline_files(read_instance(state), context_of({}, __version__))
    for path, data in made.items():
        (where / path).parent.mkdir(parents=True, exist_ok=True)
        (where / path).write_bytes(data)
    stages = yaml.safe_load(made["pipelines/churn/dvc.yaml"])["stages"]
    params = yaml.safe_load(made["pipelines/churn/params.yaml"])

    def value(key: str) -> Any:
        found: Any = params
        for part in key.split("."):
            found = found[part]
        return found

    def locked(stage: dict[str, Any]) -> dict[str, Any]:
        keys = parameter_keys(stage).get("params.yaml", [])
        return {
            "cmd": stage["cmd"],
            "deps": [{"path": path, "md5": "0"} for path in paths_of(stage, "deps")],
            "params": {"params.yaml": {key: value(key) for key in keys}},
        }

    lock = {"schema": "2.0", "stages": {name: locked(stage) for name, stage in stages.items()}}
    (where / "pipelines/churn/dvc.lock").write_text(yaml.safe_dump(lock))


def test_pipelines_that_are_behind_say_why(untrained: World) -> None:
    where = untrained.branch("dana", "pipeline")
    pipeline(untrained, where)
    untrained.commit("dana", "Run")
    assert look(untrained).empty
    assert look(untrained, revision="HEAD").empty
    other = {"plain": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 2.0}}}
    untrained.edit(where, "params.yaml", lambda value: value["candidates"].update(churn=other))
    (stale,) = look(untrained).stale
    assert stale.why == ("parameter candidates.plain.parameters.C: 1.0 -> 2.0",)
    assert stale.stages == ("train-plain", "evaluate-plain", "select", "export", "package", "gate")
    assert look(untrained, revision="HEAD").empty
    (where / "data").mkdir()
    (where / "data/rows.csv").write_text("left,age\n")
    (stale,) = look(untrained).stale
    assert stale.why[0] == "file data/rows.csv changed"
    untrained.commit("dana", "More")
    assert look(untrained, revision="HEAD").stale == (stale,)


@pytest.mark.parametrize("lock", ["[]", "stages: 3", "stages: {a: 1}", "{", "stages: {a: {deps: 3}}"])
def test_a_broken_lock_is_an_error(untrained: World, lock: str) -> None:
    where = untrained.branch("dana", "pipeline")
    pipeline(untrained, where)
    (where / "pipelines/churn/dvc.lock").write_text(lock)
    try:
        assert not look(untrained).empty
    except UserError as error:
        assert error.where == "pipelines/churn/dvc.lock"  # noqa: PT017 - either is fine, a crash is not


def test_hostile_text_reaches_no_markup(untrained: World) -> None:
    where = untrained.branch("dana", "hostile")
    evil = "</td><script>alert(1)</script> | `x` | @all"
    untrained.edit(where, "models.yaml", lambda value: value["models"]["churn"].update(owner="evil"))
    waiver = {"model": "churn", "gate": "quality.roc_auc", "reason": evil, "expires": "2027-01-31"}
    untrained.edit(where, "policy.yaml", lambda value: value.update(waivers=[waiver]))
    untrained.commit("dana", evil)
    made = look(untrained)
    for form in ("markdown", "html"):
        told = written(made, form, colour=False)
        assert "<script" not in told
    assert "@all" not in written(made, "markdown", colour=False)


def test_the_origin_is_asked_and_the_clone_is_left_alone(untrained: World) -> None:
    untrained.branch("dana", "fresh")
    before = untrained.git("dana", "for-each-ref"), untrained.git("dana", "count-objects")
    untrained.replicas("omar", 5)
    look(untrained)
    assert (untrained.git("dana", "for-each-ref"), untrained.git("dana", "count-objects")) == before


def test_a_blocked_plan_still_counts_as_changes(untrained: World) -> None:
    untrained.release("dana", "churn", 2)
    gone = replace(untrained.setting("dana"), present=lambda _: False)
    made = plan(gone, None, None)
    assert items(made)["staging/churn"].reason == Reason.ARTIFACT_ABSENT
    assert not made.empty
