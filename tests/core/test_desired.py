"""The fleet as it should be: which targets there are, what names them, and what is rendered again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.adapters.resources import templates
from ordain.core.gating.release import Release
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import Desired, desired
from ordain.core.rendering.render import RENDERER_VERSION
from ordain.core.specs.deployment import Deploy, Monitoring, Replicas
from ordain.core.specs.governance import Appended, Pin, Runtime
from ordain.core.specs.identity import Target, files_digest, subject
from ordain.core.specs.spec import Spec
from ordain.core.state.declared import Instance
from ordain.errors import UserError
from tests.core.fleet import COMBINED, COPIED, MADE, OTHER, PLAIN, SPEC, STAGING, example, fleet, own, record
from tests.core.test_templating import NASTY

TEMPLATES = templates()
STAGING_CHURN = Target(environment="staging", model="churn")


def rendered(instance: Instance, known: dict[Target, Desired] | None = None) -> dict[Target, Desired]:
    return desired(instance, TEMPLATES, known)


def one(**changes: Any) -> Instance:
    return fleet({"churn": replace(SPEC, **changes)}, {"staging": STAGING})


def releases(found: Release) -> Instance:
    return replace(one(), releases={"churn": {1: found}})


def refused(instance: Instance) -> UserError:
    with pytest.raises(UserError) as caught:
        rendered(instance)
    return caught.value


def test_targets_are_sorted_and_every_file_lies_in_its_targets_folder() -> None:
    found = rendered(example())
    labels = [target.label for target in found]
    assert labels == [
        f"{environment}/{model}"
        for environment in ("production", "staging")
        for model in ("_shared", "churn", "demand")
    ]
    for target, each in found.items():
        assert each.target == target
        assert all(path.startswith(f"{target.label}/") for path in each.files)
        assert each.files_digest == files_digest(each.files)
        assert each.subject == subject(each.intent, each.files_digest)
        assert (each.release is None) == (target.model == "_shared")


def test_an_environment_without_pins_has_nothing_not_even_what_is_shared() -> None:
    instance = one()
    empty = replace(instance, environments={**instance.environments, "production": PLAIN})
    assert {target.environment for target in rendered(empty)} == {"staging"}
    assert rendered(replace(instance, environments={})) == {}


def test_a_pin_of_a_model_that_is_no_longer_declared_is_passed_over() -> None:
    instance = one()
    gone = replace(instance, models=replace(instance.models, models={}))
    assert list(rendered(gone)) == [Target(environment="staging", model="_shared")]


@pytest.mark.parametrize(("pinned", "words"), [(RENDERER_VERSION + 1, "install"), (0, "set `renderer: 1`")])
def test_another_renderers_state_is_refused(pinned: int, words: str) -> None:
    error = refused(fleet({"churn": SPEC}, {"staging": STAGING}, renderer=pinned))
    assert error.reason == Reason.RENDERER_MISMATCH
    assert f"version {pinned}" in str(error)
    assert words in str(error.fix)


def test_a_pin_without_its_record_is_refused() -> None:
    for there in ({}, {"churn": {2: record("churn", 2)}}):
        error = refused(replace(one(), releases=there))
        assert (error.reason, error.where) == (Reason.RELEASE_INVALID, "environments/staging.yaml")
        assert "staging pins churn@1" in str(error)


@pytest.mark.parametrize(
    "found",
    [
        replace(record("churn"), artifact=OTHER),
        replace(record("churn"), digest=OTHER),
        record("demand"),
        record("churn", 2),
    ],
    ids=["edited", "other digest", "another model's", "another number's"],
)
def test_a_record_that_is_not_the_one_written_is_refused(found: Release) -> None:
    error = refused(releases(found))
    assert (error.reason, error.where) == (Reason.RELEASE_INVALID, "releases/churn/1.yaml")


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": "growth"},
        {"risk": "low"},
        {"deploy": Deploy(port=9000)},
        {"deploy": Deploy(model_delivery="init-container")},
        {"deploy": Deploy(invalid_input="accept")},
        {"deploy": Deploy(replicas=Replicas(min=3))},
        {"monitoring": Monitoring(prediction_log=False)},
    ],
    ids=str,
)
def test_each_part_of_the_deployment_slice_is_a_new_intent_and_new_files(changes: dict[str, Any]) -> None:
    before, after = rendered(one()), rendered(one(**changes))
    assert before[STAGING_CHURN].intent != after[STAGING_CHURN].intent
    assert before[STAGING_CHURN].files_digest != after[STAGING_CHURN].files_digest


@settings(deadline=None, max_examples=50)
@given(words=st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"])))
def test_free_text_of_a_spec_reaches_no_manifest(words: str) -> None:
    column = replace(SPEC.data.columns["left"], categories=(words, "Yes"))
    spec: Spec = replace(
        SPEC,
        description=words,
        data=replace(SPEC.data, positive=words, columns={**SPEC.data.columns, "left": column, words: column}),
        split=replace(SPEC.split, salt=words),
    )
    assert rendered(fleet({"churn": spec}, {"staging": STAGING})) == rendered(one())


def variations() -> list[Instance]:
    """States that differ from `example` in one thing each."""
    first = example()
    base = {"churn": SPEC, "demand": COPIED}
    places = {"staging": STAGING, "production": PLAIN}
    image = replace(STAGING, runtime=Runtime(image=STAGING.runtime.image.replace("ef", "01")))
    other = replace(
        first, releases={**first.releases, "churn": {1: record("churn", artifact_bytes=9_000_000)}}
    )
    second = replace(
        first,
        environments={
            **first.environments,
            "staging": replace(first.environments["staging"], models={"churn": Pin(release=2)}),
        },
        releases={**first.releases, "churn": {1: record("churn"), 2: record("churn", 2)}},
    )
    return [
        first,
        fleet({**base, "churn": replace(SPEC, risk="low")}, places),
        fleet({**base, "demand": SPEC}, places),
        fleet({"demand": COPIED, "extra": SPEC}, places),
        fleet(base, {**places, "staging": image}),
        fleet(base, {**places, "production": replace(PLAIN, namespace="ml-other")}),
        other,
        second,
    ]


def test_what_is_known_saves_work_and_never_changes_the_result() -> None:
    states = variations()
    fresh = [rendered(state) for state in states]
    for known in fresh:
        for state, expected in zip(states, fresh, strict=True):
            assert rendered(state, known) == expected


def test_only_what_an_intent_changed_is_rendered_again() -> None:
    known = rendered(example())
    changed = fleet(
        {"churn": replace(SPEC, risk="low"), "demand": COPIED}, {"staging": STAGING, "production": PLAIN}
    )
    again = {target.label for target, each in rendered(changed, known).items() if each is not known[target]}
    assert again == {"staging/churn", "production/churn"}


def test_the_order_in_which_things_are_declared_changes_nothing() -> None:
    backwards = fleet({"demand": COPIED, "churn": SPEC}, {"production": PLAIN, "staging": STAGING})
    assert list(rendered(backwards).items()) == list(rendered(example()).items())


def test_one_models_files_do_not_depend_on_another_model() -> None:
    alone = rendered(one())
    both = rendered(example())
    assert both[STAGING_CHURN] == alone[STAGING_CHURN]


def test_a_spelt_out_default_is_the_same_desire() -> None:
    deploy = msgspec.to_builtins(SPEC.deploy)
    assert rendered(one(deploy=msgspec.convert(deploy, Deploy))) == rendered(one())


def test_this_repositorys_own_model_is_desired_in_each_of_its_environments() -> None:
    assert {target.label for target in rendered(own())} == {
        "production/_shared",
        "production/churn",
        "staging/_shared",
        "staging/churn",
    }


@pytest.mark.parametrize("kind", ["none", "other release", "other runtime"])
def test_a_release_that_was_not_appended_to_this_runtime_is_absent(kind: str) -> None:
    spec = replace(SPEC, deploy=Deploy(model_delivery="appended"))
    instance = fleet({"churn": spec}, {"staging": STAGING})
    wanted = rendered(instance)[STAGING_CHURN]
    assert wanted.images == (f"registry.example/models/churn@{COMBINED}",)
    assert wanted.artifact == wanted.images[0]
    made = {"churn@1": replace(MADE, runtime=OTHER)} if kind == "other runtime" else {}
    made |= {"churn@2": MADE} if kind == "other release" else {}
    staging = replace(instance.environments["staging"], appended=made)
    error = refused(replace(instance, environments={"staging": staging}))
    assert (error.reason, error.where) == (Reason.ARTIFACT_ABSENT, "environments/staging.yaml")
    assert error.fix == "ordain append churn"


def test_only_the_own_image_is_in_an_intent() -> None:
    spec = replace(SPEC, deploy=Deploy(model_delivery="appended"))
    instance = fleet({"churn": spec}, {"staging": STAGING})
    before = rendered(instance)

    def with_images(**images: Appended) -> dict[Target, Desired]:
        made = {name.replace("_", "@"): each for name, each in images.items()}
        staging = replace(instance.environments["staging"], appended=made)
        return rendered(replace(instance, environments={"staging": staging}))

    assert with_images(churn_1=MADE, churn_2=MADE, other_1=MADE) == before
    changed = with_images(churn_1=replace(MADE, image=OTHER))
    assert {target for target, each in changed.items() if each.intent != before[target].intent} == {
        STAGING_CHURN
    }
