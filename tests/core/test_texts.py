"""Which text a transition covers, and which steps put it in place."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.approvals import texts
from ordain.core.approvals.texts import Leaves, written
from ordain.core.specs.deployment import ArgoCd, Gitops
from ordain.core.specs.governance import Appended, Pin, Waiver
from ordain.core.specs.spec import Models, Params
from tests.core.fleet import COMBINED, PLAIN, POLICY, SPEC, fleet

WAIVER = Waiver(model="churn", gate="size", reason="It is large, and we know.", expires="2026-12-31")
Text = dict[str, str]
# Few names and values, so that texts come back.
TEXTS = st.one_of(st.none(), st.dictionaries(st.sampled_from(["a", "b", "l[]"]), st.sampled_from("12")))


def models(**changes: object) -> Models:
    return replace(fleet({"churn": SPEC}, {"staging": PLAIN}).models, **changes)


def test_leaves_are_values_and_whole_lists() -> None:
    found = texts.leaves({"a": {"b": 1, "c": [1, {"d": 2}]}, "e": (1,), "f": {}, "g": None}, "top")
    assert found == {"top.a.b": "1", "top.a.c[]": '[1, {"d": 2}]', "top.e[]": "[1]", "top.g": "null"}


def test_a_model_covers_its_deployment_slice_its_pin_and_its_image() -> None:
    made = Appended(image=COMBINED, runtime=COMBINED)
    pinned = replace(PLAIN, models={"churn": Pin(release=2)}, appended={"churn@2": made, "churn@1": made})
    found = texts.model_text("churn", models(), pinned)
    assert (found["pin"], found["deployment.risk"]) == ("2", '"high"')
    assert {path for path in found if path.startswith("image")} == {"image.image", "image.runtime"}
    assert not [path for path in found if "description" in path or path.startswith("training")]
    assert "pin" not in texts.model_text("churn", models(), None)
    assert texts.model_text("churn", None, replace(pinned, appended={})) == {"pin": "2"}
    assert texts.model_text("fraud", models(), pinned) == {}


def test_settings_leave_pins_out() -> None:
    found = texts.settings_text(replace(PLAIN, models={"churn": Pin(release=2)}))
    assert found == texts.settings_text(replace(PLAIN, models={}))
    assert "settings.namespace" in found
    assert texts.settings_text(None) == {}


def test_training_covers_gates_and_candidates() -> None:
    state = fleet({"churn": SPEC}, {"staging": PLAIN})
    found = texts.training_text("churn", state.models, state.params)
    assert any(path.startswith("training.gates") for path in found)
    assert not any("deploy" in path for path in found)
    assert texts.training_text("churn", state.models, None)["training.seed"] == "0"
    assert texts.training_text("fraud", state.models, Params(version=1, candidates={})) == {}
    assert texts.training_text("churn", None, None) == {}


def test_a_tool_covers_what_it_is_told_of_every_environment() -> None:
    gitops = Gitops(repository="https://git.example/fleet.git", branch="live", argocd=ArgoCd())
    pinned = replace(PLAIN, models={"churn": Pin(release=1)})
    found = texts.gitops_text("argocd", models(gitops=gitops), {"staging": pinned, "idle": PLAIN})
    assert [path for path in found if path.startswith("environments")] == ["environments.staging"]
    assert texts.gitops_text("argocd", models(), {}) == texts.gitops_text("argocd", None, {}) == {}


def test_a_policy_and_its_waivers() -> None:
    assert "policy.repository" in texts.policy_text(POLICY)
    assert texts.policy_text(None) == {}
    (one,) = texts.waiver_text([WAIVER, WAIVER])
    (other,) = texts.waiver_text([replace(WAIVER, expires="2027-12-31")])
    assert one != other


def makers(final: Text | None, approved: Text | None, *versions: Text | None) -> tuple[set[int], set[int]]:
    found = written(final, approved, versions)
    return set(found.all), set(found.newest)


def test_whoever_puts_the_wanted_value_in_place_wrote_it() -> None:
    assert makers({"a": "2"}, {"a": "1"}, {"a": "1"}, {"a": "2"}) == ({1}, {1})
    assert makers({"a": "2"}, {"a": "1"}, {"a": "1"}, {"a": "3"}, {"a": "2"}) == ({2}, {2})


def test_withdrawing_and_putting_back_makes_two_makers_the_newest_of_them_the_second() -> None:
    assert makers({"a": "2"}, {"a": "1"}, {"a": "1"}, {"a": "2"}, {"a": "1"}, {"a": "2"}) == ({1, 3}, {3})


def test_what_was_approved_as_it_stands_is_nobodys() -> None:
    assert makers({"a": "1"}, {"a": "1"}, {"a": "1"}, {"a": "2"}, {"a": "1"}) == (set(), set())
    assert makers({"a": "1"}, None, {"a": "1"}, {"a": "2"}, {"a": "1"}) == ({2}, {2})


def test_taking_away_is_writing_too() -> None:
    assert makers({}, {"a": "1"}, {"a": "1"}, {}) == ({1}, {1})


def test_everybody_who_changed_a_list_wrote_it() -> None:
    path = "l[]"
    assert makers({path: "3"}, {path: "1"}, {path: "1"}, {path: "2"}, {path: "3"}) == ({1, 2}, {2})
    assert makers({path: "1"}, {path: "1"}, {path: "1"}, {path: "2"}, {path: "1"}) == (set(), set())


def test_what_could_not_be_read_counts_with_what_made_it_readable() -> None:
    assert makers({"a": "2"}, {"a": "1"}, {"a": "1"}, None, None, {"a": "2"}) == ({1, 2, 3}, {1, 2, 3})
    assert makers({"a": "2"}, None, None, {"a": "2"}) == ({1}, {1})
    assert makers(None, None, {"a": "1"}, {"a": "2"}, {"a": "3"}, None) == ({1, 2}, {2})


def test_what_was_approved_elsewhere_has_makers_and_is_no_news() -> None:
    found = written({"a": "2"}, None, [{}, {"a": "2"}], {("a", "2")})
    assert (found.all, found.newest) == (frozenset({1}), frozenset())


@given(st.lists(TEXTS, min_size=1, max_size=8), st.one_of(st.none(), TEXTS))
def test_nobody_behind_a_wanted_value_is_ever_missed(
    versions: list[Text | None], approved: Text | None
) -> None:
    """A plain second opinion: whoever's step gave a leaf the wanted value, read or not, is among them."""
    final: Leaves = versions[-1] or {}
    found = written(final, approved, versions)
    known = [(0, versions[0] or {})] + [
        (n, each) for n, each in enumerate(versions) if n and each is not None
    ]
    for (_, before), (place, after) in pairwise(known):
        for path, value in final.items():
            new = before.get(path) != value == after.get(path)
            if new and (approved is None or approved.get(path) != value):
                assert place in found.all
    assert found.newest <= found.all <= set(range(1, len(versions)))
