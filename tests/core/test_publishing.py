from __future__ import annotations

import pytest
from msgspec.structs import replace

from ordain.core.releasing.publishing import shipments
from ordain.core.specs.governance import Pin
from ordain.errors import UserError
from tests.core.fleet import ARTIFACT, PLAIN, SPEC, STAGING, fleet, record

INSTANCE = fleet({"churn": SPEC, "demand": SPEC}, {"staging": STAGING, "production": PLAIN})


def test_what_any_environment_pins_goes_to_every_registry_once() -> None:
    found = shipments(INSTANCE)
    assert [each.label for each in found] == ["churn@1", "demand@1"]
    assert [str(each) for each in found[0].references] == [f"registry.example/models/churn@{ARTIFACT}"]
    assert found[0].tag == "1-abababababab"


def test_each_registry_and_each_pinned_number() -> None:
    later = replace(PLAIN, registry="eu.example/live", models={"churn": Pin(release=2)})
    releases = {"churn": {1: record("churn"), 2: record("churn", 2)}}
    instance = replace(
        fleet({"churn": SPEC}, {"staging": STAGING}),
        environments={"staging": replace(STAGING, models={"churn": Pin(release=1)}), "production": later},
        releases=releases,
    )
    found = shipments(instance)
    assert [each.label for each in found] == ["churn@1", "churn@2"]
    assert [str(each) for each in found[1].places] == [
        "registry.example/models/churn",
        "eu.example/live/churn",
    ]
    (one, two) = shipments(instance, ["churn"], ["production"])
    assert [str(each) for each in (*one.places, *two.places)] == ["eu.example/live/churn"] * 2


def test_what_is_not_declared_is_named() -> None:
    with pytest.raises(UserError, match="no model `demant`") as caught:
        shipments(INSTANCE, ["demant"])
    assert caught.value.fix == "did you mean `demand`?"
    with pytest.raises(UserError, match="no environment `x`") as caught:
        shipments(INSTANCE, (), ["x"])
    assert caught.value.fix == "declared: production, staging"


def test_a_pin_without_a_record_and_a_registry_without_a_host() -> None:
    with pytest.raises(UserError, match="no record of churn@1"):
        shipments(replace(INSTANCE, releases={}))
    nowhere = {"staging": replace(INSTANCE.environments["staging"], registry="models")}
    with pytest.raises(UserError, match="does not name a repository"):
        shipments(replace(INSTANCE, environments=nowhere))
