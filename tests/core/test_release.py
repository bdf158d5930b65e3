"""Release records round-trip by one encoder, and the decisions around them are values."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.approvals.baseline import deployed_baseline
from ordain.core.decisions import Deployed, LedgerState
from ordain.core.gating.release import Baseline, Champion, DataRecord, Release, encode
from ordain.core.gating.verdicts import Verdict
from ordain.core.gating.waivers import blocking
from ordain.core.reasons import Reason
from ordain.core.releasing.releasing import (
    Evidence,
    Judgement,
    is_same,
    lacks_comparison,
    next_number,
    numbers_in_use,
    promotion_order,
    record_of,
    refusal,
)
from ordain.core.specs.governance import Environment, Pin, Runtime, Waiver
from ordain.core.specs.identity import ReleaseRef, Target
from ordain.core.state.instance import Instance, load, read_instance, release_path
from ordain.core.yaml.yamldoc import read_yaml
from ordain.errors import UserError


def sha(letter: str) -> str:
    return "sha256:" + letter * 64


EVIDENCE = Evidence(
    model="churn",
    training_slice=sha("1"),
    parameters=sha("2"),
    code=sha("3"),
    lock=sha("4"),
    data=DataRecord(
        source=sha("5"), rows=sha("6"), train=sha("7"), holdout=sha("8"), row_count=100, holdout_count=20
    ),
    champion=Champion(
        candidate="boosted", estimator="a.B", metric="roc_auc", score=0.83, interval=(0.8, 0.86)
    ),
    artifact=sha("9"),
    artifact_bytes=1234,
    metrics={"roc_auc": 0.84, "log_loss": 0.4, "accuracy": 1.0},
    verdicts=(
        Verdict(gate="parity", outcome="pass", value=1e-07, bound=1e-05),
        Verdict(gate="size", outcome="fail", value=25.0, bound=20.0, detail="yes: 'odd' #text\n— «ü»"),
    ),
    looks=3,
)
COMPARED = Judgement(
    verdicts=(Verdict(gate="non_inferiority.roc_auc", outcome="pass", interval=(-0.01, 0.02)),),
    baseline=Baseline(release="churn@1", artifact=sha("a"), difference=0.01, interval=(-0.01, 0.02)),
)
RECORD = record_of(EVIDENCE, COMPARED, 2)


def environment(before: str | None = None, **pins: int) -> Environment:
    return Environment(
        version=1,
        namespace="n",
        promotes_from=before,
        registry="r",
        runtime=Runtime(image=f"x@{sha('0')}"),
        models={model: Pin(release=number) for model, number in pins.items()},
    )


@pytest.fixture
def instance(state_files: dict[str, bytes]) -> Instance:
    return read_instance(state_files)


def with_pins(instance: Instance, **environments: Environment) -> Instance:
    releases = {"churn": {2: RECORD, 1: record_of(EVIDENCE, Judgement(), 1)}}
    return msgspec.structs.replace(instance, environments=environments, releases=releases)


def test_a_record_is_closed_by_its_digest() -> None:
    assert RECORD.digest == RECORD.computed_digest()
    assert RECORD.ref == ReleaseRef(model="churn", number=2, record=RECORD.digest, artifact=sha("9"))
    assert [each.gate for each in RECORD.verdicts] == ["parity", "size", "non_inferiority.roc_auc"]
    changes: list[dict[str, Any]] = [
        {"looks": 4},
        {"notes": ("x",)},
        {"baseline": None},
        {"metrics": {}},
        {"number": 3},
    ]
    for change in changes:
        assert msgspec.structs.replace(RECORD, **change).computed_digest() != RECORD.digest


@pytest.mark.parametrize("record", [RECORD, record_of(EVIDENCE, Judgement(notes=("none: yet",)), 1)])
def test_a_record_reads_back_and_an_edited_one_is_found(
    record: Release, state_files: dict[str, bytes]
) -> None:
    path = release_path("churn", record.number)
    data = encode(record)
    assert data.startswith(b"# yaml-language-server: $schema=../../.ordain/schemas/release.schema.json\n")
    assert data.decode().splitlines()[-1] == f"digest: {record.digest}"
    assert read_instance({**state_files, path: data}).releases == {"churn": {record.number: record}}
    edited = data.replace(b"log_loss: 0.4", b"log_loss: 0.3")
    assert {each.code for each in load({**state_files, path: edited}).problems} == {"release-edited"}


@given(
    numbers=st.dictionaries(st.sampled_from("abcdef"), st.floats(allow_nan=False, allow_infinity=False)),
    detail=st.text(max_size=60),
    note=st.text(
        alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Co", "Cn"]), max_size=30
    ),
)
@settings(max_examples=150, deadline=None)
def test_any_number_and_text_survives_the_file(numbers: dict[str, float], detail: str, note: str) -> None:
    evidence = msgspec.structs.replace(
        EVIDENCE,
        metrics=numbers,
        verdicts=(Verdict(gate="size", outcome="pass", detail=note),),
        notes=(note,),
    )
    record = record_of(evidence, Judgement(), 1)
    read = read_yaml("releases/churn/1.yaml", encode(record))
    assert read.problems == ()
    found = msgspec.convert(read.value, Release)
    assert found == record
    assert found.computed_digest() == found.digest
    # Text with anything invisible in it never breaks out of its place, whoever reads it.
    odd = msgspec.structs.replace(record, notes=(detail,))
    content = yaml.safe_load(encode(odd))
    assert content["notes"] == [detail]
    assert content.keys() == msgspec.to_builtins(record).keys()


def test_encoding_does_not_depend_on_order() -> None:
    turned = msgspec.structs.replace(RECORD, metrics=dict(reversed(RECORD.metrics.items())))
    assert encode(turned) == encode(RECORD)
    assert turned.computed_digest() == RECORD.digest


def test_promotion_goes_from_the_first_environment_outwards() -> None:
    environments = {
        "production": environment("staging"),
        "edge": environment("production"),
        "staging": environment(),
        "canary": environment("staging"),
        "island": environment("nowhere"),
    }
    assert promotion_order(environments) == ("staging", "canary", "production", "edge")
    for none in ({}, {"a": environment("b"), "b": environment("a")}):
        with pytest.raises(UserError) as caught:
            promotion_order(none)
        assert caught.value.reason == "state-invalid"


def ledger(**running: int | None) -> LedgerState:
    deployed = {}
    for name, number in running.items():
        target = Target(environment=name, model="churn")
        ref = ReleaseRef(model="churn", number=number, record="r", artifact="a") if number else None
        deployed[target] = Deployed(
            target=target, subject="", intent="", files="", release=ref, since=1, source=""
        )
    other = Target(environment="staging", model="fraud")
    return LedgerState(
        deployed=deployed, ran={other: {90: "r"}, Target(environment="production", model="churn"): {8: "r"}}
    )


BASELINES: list[tuple[LedgerState | None, dict[str, Any], int | None]] = [
    (None, {}, None),
    (None, {"staging": {"churn": 2}}, 2),
    (None, {"staging": {"churn": 2}, "production": {"churn": 1}}, 1),
    (None, {"staging": {"churn": 2}, "production": {"fraud": 1}}, 2),
    (None, {"staging": {"churn": 7}}, None),
    (LedgerState(), {"staging": {"churn": 2}, "production": {"churn": 1}}, None),
    (ledger(staging=3), {"production": {"churn": 1}}, 3),
    (ledger(staging=3, production=2), {}, 2),
    (ledger(staging=3, production=None), {}, 3),
    (ledger(staging=3, island=2), {}, 3),
    (ledger(island=2), {}, 2),
]


@pytest.mark.parametrize(("state", "pins", "expected"), BASELINES)
def test_the_baseline_is_what_runs_farthest_along(
    instance: Instance, state: LedgerState | None, pins: dict[str, Any], expected: int | None
) -> None:
    declared = with_pins(
        instance,
        staging=environment(**pins.get("staging", {})),
        production=environment("staging", **pins.get("production", {})),
    )
    found = deployed_baseline("churn", declared, state)
    assert (found.number if found else None) == expected


def test_every_number_counts_as_used(instance: Instance) -> None:
    declared = with_pins(instance, staging=environment(churn=5), production=environment("staging", fraud=70))
    assert numbers_in_use("churn", declared, None) == {1, 2, 5}
    assert numbers_in_use("churn", declared, ledger()) == {1, 2, 5, 8}
    assert numbers_in_use("fraud", declared, ledger()) == {70, 90}
    assert next_number({1, 2, 8}) == 9
    assert next_number(()) == 1


SAME = {
    "code": {"code": sha("f")},
    "lock": {"lock": sha("f")},
    "parameters": {"parameters": sha("f")},
    "looks": {"looks": 9},
    "typed rows": {"data": msgspec.structs.replace(EVIDENCE.data, rows=sha("f"), train=sha("e"))},
    "details": {"verdicts": tuple(msgspec.structs.replace(each, value=0.5) for each in EVIDENCE.verdicts)},
}
OTHER = {
    "artifact": {"artifact": sha("f")},
    "declaration": {"training_slice": sha("f")},
    "source": {"data": msgspec.structs.replace(EVIDENCE.data, source=sha("f"))},
    "metrics": {"metrics": {"roc_auc": 0.85}},
    "outcome": {"verdicts": (Verdict(gate="parity", outcome="fail"), EVIDENCE.verdicts[1])},
    "gates": {"verdicts": EVIDENCE.verdicts[:1]},
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_what_does_not_change_the_champion(change: dict[str, Any]) -> None:
    assert is_same(RECORD, msgspec.structs.replace(EVIDENCE, **change))


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER.keys())
def test_what_does(change: dict[str, Any]) -> None:
    assert not is_same(RECORD, msgspec.structs.replace(EVIDENCE, **change))


ALONE = record_of(EVIDENCE, Judgement(notes=("no baseline yet",)), 2)
MATCHED = msgspec.structs.replace(
    RECORD, baseline=Baseline(release="churn@1", artifact="a", difference=0.0, interval=(-0.01, 0.02))
)
# What did not pass needs a waiver in any case.
FAILED = msgspec.structs.replace(
    MATCHED, verdicts=tuple(msgspec.structs.replace(each, outcome="fail") for each in MATCHED.verdicts)
)
RAN = {Target(environment="staging", model="churn"): {2: ALONE.digest}}


@pytest.mark.parametrize(
    ("record", "state", "lacking"),
    [
        (ALONE, ledger(), False),
        (ALONE, ledger(production=1), True),
        (ALONE, ledger(island=1), True),
        (ALONE, ledger(production=None), False),
        (ALONE, LedgerState(deployed=ledger(production=1).deployed, ran=RAN), False),
        (RECORD, ledger(production=1), True),
        (MATCHED, ledger(production=1), False),
        (MATCHED, ledger(production=1, edge=3), True),
        (FAILED, ledger(production=1, edge=3), False),
        (ALONE, None, False),
    ],
)
def test_a_record_lacks_the_comparison_that_was_to_be_had(
    instance: Instance, record: Release, state: LedgerState | None, lacking: bool
) -> None:
    assert lacks_comparison(record, with_pins(instance, staging=environment()), state) == lacking


def test_without_a_ledger_a_record_is_not_compared_with_itself(instance: Instance) -> None:
    declared = with_pins(instance, staging=environment(churn=2))
    pinned = declared.releases["churn"][2]
    alone = msgspec.structs.replace(pinned, verdicts=()).closed()
    declared = msgspec.structs.replace(declared, releases={"churn": {1: pinned, 2: alone}})
    assert not lacks_comparison(alone, declared, None)
    assert lacks_comparison(alone, with_pins(declared, staging=environment(churn=1)), None)


def test_where_no_comparison_is_declared_none_is_lacking(instance: Instance) -> None:
    spec = instance.models.models["churn"]
    plain = msgspec.structs.replace(spec, gates=msgspec.structs.replace(spec.gates, non_inferiority=None))
    models = msgspec.structs.replace(instance.models, models={"churn": plain})
    assert not lacks_comparison(ALONE, msgspec.structs.replace(instance, models=models), ledger(production=1))


def test_a_refusal_lists_every_gate_and_both_ways_forward() -> None:
    ended = Waiver(model="churn", gate="parity", reason="It was fine then.", expires="2026-01-31")
    verdicts = [
        Verdict(gate="size", outcome="fail", value=25.0, bound=20.0, detail="too large"),
        Verdict(gate="parity", outcome="insufficient"),
    ]
    blocked = blocking(verdicts, [ended], "churn", "2026-11-20").blocked
    error = refusal("churn", blocked, "2026-12-20")
    assert error.reason is Reason.GATE_FAILED
    assert error.what.splitlines() == [
        "churn is not released: 2 gates block, and nothing was written",
        "  size: fail (value 25, bound 20) too large",
        "  parity: insufficient [its waiver ended on 2026-01-31]",
    ]
    assert "ordain run churn" in error.fix
    waivers = [Waiver(**each) for each in yaml.safe_load(error.fix[error.fix.index("waivers:") :])["waivers"]]
    assert blocking(verdicts, waivers, "churn", "2026-12-20").blocked == ()
    assert "a gate blocks" in refusal("churn", blocked[:1], "2026-12-20").what
