"""The ledger: one chain, signed by collectors, folded to one present."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Decision, Entry, LedgerState, Pending, Stood
from ordain.core.evidence import attestation
from ordain.core.ledger.ledger import (
    JUDGING,
    POLICY_TARGET,
    Record,
    check_chain,
    decode,
    encode,
    fold,
    path_of,
)
from ordain.core.reasons import Reason
from ordain.core.specs.identity import ReleaseRef, Target, Transition
from ordain.errors import UserError
from tests.core.fleet import ROOT
from tests.core.signing import Person

COLLECTOR, OTHER = Person(1), Person(2)
SIGN = COLLECTOR.signer(attestation.LEDGER_NAMESPACE)
CHURN = Target(environment="staging", model="churn")
POLICY, NEXT_POLICY = "sha256:" + "1" * 64, "sha256:" + "2" * 64
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def decision(
    after: str | None = A, target: Target = CHURN, approved: bool = True, **changes: Any
) -> Decision:
    transition = Transition(
        repository="r", branch="main", environment=target.environment, model=target.model,
        before=changes.pop("before", None), after=after,
    )  # fmt: skip
    reason = Reason.APPROVED if approved else Reason.APPROVALS_MISSING
    return Decision(
        transition=transition, action="deploy", approved=approved, reason=reason,
        **{"intent": "i", "files": "f", **changes},
    )  # fmt: skip


def entry(sequence: int = 1, *decisions: Decision, **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "previous": None, "repository": "r", "branch": "main", "source": f"c{sequence}", "policy": POLICY,
        "policy_source": "c0", "renderer": 1, "manifests": B, "observed": "2026-11-24T12:00:00Z",
        "genesis": "c0",
    }  # fmt: skip
    return Entry(sequence=sequence, decisions=decisions, **{**fields, **changes})


def ref(number: int) -> ReleaseRef:
    return ReleaseRef(model="churn", number=number, record=A, artifact=B)


def chain(*entries: Entry, sign: attestation.Signer = SIGN) -> dict[str, bytes]:
    """Files of a ledger, each entry linked to the one before."""
    files: dict[str, bytes] = {}
    previous = None
    for number, each in enumerate(entries, start=1):
        data = encode(replace(each, previous=previous), sign)
        files[path_of(number)], previous = data, bytes_digest(data)
    return files


def check(files: dict[str, bytes]) -> tuple[Record, ...]:
    return check_chain(files, lambda _: frozenset({COLLECTOR.key.fingerprint}))


def broken(files: dict[str, bytes], where: str, match: str) -> None:
    with pytest.raises(UserError, match=match) as caught:
        check(files)
    assert (caught.value.where, caught.value.reason) == (where, Reason.LEDGER_BROKEN)


THREE = (entry(1, decision()), entry(2), entry(3, decision(None, before=A)))


# -- files ---------------------------------------------------------------------------------------


def test_what_is_encoded_is_decoded() -> None:
    whole = entry(
        7, decision(release=ref(1)), decision(B, POLICY_TARGET), previous=A,
        pending=(Pending(target=CHURN, contributors=("dana",), risk="high"),), repaired=("x",),
    )  # fmt: skip
    assert decode(encode(whole, SIGN)) == whole
    assert path_of(7) == "manifests/ledger/00000007.json"


def sealed(**changes: Any) -> bytes:
    whole = entry(1, decision())
    content = attestation.peek(encode(whole, SIGN))
    plain = {**msgspec.to_builtins(content), **changes}
    return attestation.to_bytes(attestation.seal(plain, SIGN))


NAMED = [{"name": "manifests", "digest": {"sha256": "b" * 64}},
         {"name": "staging/churn", "digest": {"sha256": decision().transition.id[7:]}}]  # fmt: skip


def test_the_base_of_the_next_test_is_sound() -> None:
    assert decode(sealed(subject=NAMED)) == decode(sealed()) == entry(1, decision())


@pytest.mark.parametrize(
    "changes",
    [
        {"predicateType": attestation.APPROVAL_TYPE}, {"predicate": {}}, {"predicate": {"sequence": "1"}},
        {"predicate": msgspec.to_builtins(entry(1))}, {"subject": []}, {"subject": NAMED[:1]},
        {"subject": NAMED[1:]},
        {"subject": [*NAMED, *NAMED]}, {"subject": [*NAMED, {"name": "x", "digest": {}}]},
        {"subject": [NAMED[0], {**NAMED[1], "digest": {}}]}, {"subject": [{**NAMED[0], "name": "x"},
        NAMED[1]]},
        {"predicate": msgspec.to_builtins(entry(1, decision(), decision()))},
    ],
    ids=lambda each: str(each)[:50],
)  # fmt: skip
def test_what_contradicts_itself_is_no_entry(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        decode(sealed(**changes))
    assert caught.value.reason == Reason.LEDGER_BROKEN
    broken({path_of(1): sealed(**changes)}, path_of(1), ".")


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_give_only_the_modules_error(data: bytes) -> None:
    envelope = {**json.loads(encode(entry(), SIGN)), "payload": base64.b64encode(data).decode()}
    for each in (data, attestation.to_bytes(envelope)):
        with pytest.raises(UserError):
            decode(each)
        broken({path_of(1): each}, path_of(1), ".")
    with contextlib.suppress(UnicodeDecodeError):
        broken({f"manifests/ledger/{data.decode()}": b""}, f"manifests/ledger/{data.decode()}", ".")


@settings(max_examples=150, deadline=None)
@given(draw=st.data())
def test_a_changed_byte_breaks_the_chain_there_or_right_after(draw: st.DataObject) -> None:
    files = chain(*THREE)
    path = draw.draw(st.sampled_from(sorted(files)))
    at, byte = draw.draw(st.integers(0, len(files[path]) - 1)), draw.draw(st.integers(0, 255))
    changed = files[path][:at] + bytes([byte]) + files[path][at + 1 :]
    if changed == files[path]:
        return
    records: tuple[Record, ...] | None = None
    with contextlib.suppress(UserError):
        records = check({**files, path: changed})
    if records is not None:
        # White space in the last entry's envelope: nothing follows that could tell, and nothing is lost.
        assert path == max(files)
        assert [each.entry for each in records] == [each.entry for each in check(files)]


# -- the chain -----------------------------------------------------------------------------------


def test_a_sound_chain_is_proven() -> None:
    files = chain(*THREE)
    records = check(files)
    assert [each.path for each in records] == sorted(files)
    assert [each.digest for each in records] == [bytes_digest(files[path]) for path in sorted(files)]
    assert {each.key for each in records} == {COLLECTOR.key.fingerprint}
    assert check({}) == ()


def test_gaps_strangers_and_swaps_are_found() -> None:
    files = chain(*THREE)
    one, two, three = sorted(files)
    broken({two: files[two], three: files[three]}, two, "entry 1 is missing")
    broken({one: files[one], three: files[three]}, three, "entry 2 is missing")
    broken({**files, "manifests/ledger/notes.txt": b""}, "manifests/ledger/notes.txt", "no ledger entry")
    broken(
        {**files, "manifests/ledger/0000000x.json": b""}, "manifests/ledger/0000000x.json", "no ledger entry"
    )
    broken({one: files[two], two: files[one]}, one, "says it is entry 2")
    broken({**files, two: files[three]}, two, "says it is entry 3")


def test_an_entry_follows_from_the_one_before() -> None:
    other = encode(replace(THREE[1], previous=A), SIGN)
    broken({**chain(THREE[0]), path_of(2): other}, path_of(2), "not the one it names")
    broken({path_of(1): other}, path_of(1), "says it is entry 2")
    broken(chain(replace(THREE[0], sequence=1), entry(2, genesis="c9")), path_of(2), "another genesis")
    broken(chain(entry(1), entry(2, policy=NEXT_POLICY)), path_of(2), "newest approved policy")
    broken(chain(entry(1), entry(2, policy_source="c9")), path_of(2), "newest approved policy")
    first = encode(replace(entry(1), previous=A), SIGN)
    broken({path_of(1): first}, path_of(1), "not the one it names")


def test_an_approved_policy_judges_the_next_entry() -> None:
    change = decision(NEXT_POLICY, POLICY_TARGET)
    after = entry(2, policy=NEXT_POLICY, policy_source="c1")
    assert len(check(chain(entry(1, change), after))) == 2
    broken(chain(entry(1, change), entry(2)), path_of(2), "newest approved policy")
    refused = decision(NEXT_POLICY, POLICY_TARGET, approved=False)
    broken(chain(entry(1, refused), after), path_of(2), "newest approved policy")


def test_only_collectors_sign() -> None:
    strange = chain(entry(1), sign=OTHER.signer(attestation.LEDGER_NAMESPACE))
    broken(strange, path_of(1), "no collector of its policy")
    for namespace in (attestation.APPROVAL_NAMESPACE, "git"):
        broken(chain(entry(1), sign=COLLECTOR.signer(namespace)), path_of(1), "namespace")


# -- the present ---------------------------------------------------------------------------------


def folded(*entries: Entry) -> LedgerState:
    return fold([(f"digest {each.sequence}", each) for each in entries])


def test_an_empty_ledger_is_an_empty_state() -> None:
    assert fold([]) == LedgerState()


def test_a_deployment_runs_until_it_is_retired() -> None:
    one = entry(1, decision(release=ref(1), declared="high"))
    two = entry(2, decision(B, release=ref(2), before=A))
    back = entry(3, decision(A, release=ref(1), before=B))
    gone = entry(4, decision(None, before=A, intent=None, files=None))
    state = folded(one)
    assert state.deployed[CHURN].release == ref(1)
    assert (state.deployed[CHURN].risk, state.deployed[CHURN].source) == ("high", "c1")
    state = folded(one, two, back)
    ran = {1: ref(1).record, 2: ref(2).record}
    assert (state.ran[CHURN], state.subjects[CHURN], state.since[CHURN]) == (ran, frozenset({A, B}), 3)
    state = folded(one, two, back, gone)
    assert state.deployed == {}
    assert (state.ran[CHURN], state.since[CHURN]) == (ran, 4)
    assert (state.head, state.sequence, state.cursor) == ("digest 4", 4, "c4")
    assert (state.genesis, state.manifests) == ("c0", B)


def test_of_two_records_of_one_number_the_first_is_the_release() -> None:
    other = ReleaseRef(model="churn", number=1, record=B, artifact=B)
    state = folded(entry(1, decision(release=ref(1))), entry(2, decision(B, release=other, before=A)))
    assert state.ran[CHURN] == {1: ref(1).record}


@pytest.mark.parametrize("part", ["intent", "files"])
def test_a_deployment_without_content_runs_nothing(part: str) -> None:
    whole = decision()
    assert folded(entry(1, whole)).deployed != {}
    msgspec.structs.force_setattr(whole, part, None)
    assert folded(entry(1, whole)).deployed == {}


def test_what_shares_an_environment_has_no_release() -> None:
    state = folded(entry(1, decision()))
    assert (state.ran, state.subjects) == ({}, {CHURN: frozenset({A})})


def test_what_is_refused_changes_nothing_and_is_remembered() -> None:
    refused = decision(approved=False)
    state = folded(entry(1, refused, pending=(Pending(target=CHURN),)))
    assert (state.deployed, state.since) == ({}, {})
    assert state.refused == {(refused.transition.id, "approvals-missing")}
    assert state.pending == {CHURN: Pending(target=CHURN)}
    later = folded(entry(1, refused, pending=(Pending(target=CHURN),)), entry(2))
    assert later.refused == state.refused
    assert later.pending == {}


def test_the_policy_follows_its_approved_changes() -> None:
    state = folded(entry(1, decision(NEXT_POLICY, POLICY_TARGET)))
    assert (state.policy, state.policy_source, state.since) == (NEXT_POLICY, "c1", {POLICY_TARGET: 1})
    assert state.deployed == {}
    kept = folded(entry(1, decision(None, POLICY_TARGET)))
    assert (kept.policy, kept.policy_source) == (POLICY, "c1")


# -- what landed before ----------------------------------------------------------------------------


def test_entries_that_landed_before_a_field_was_added_are_written_as_they_were() -> None:
    """The repository's own first entries: read, and written again to the same payload."""
    landed = sorted((ROOT / "manifests/ledger").glob("0000000[12].json"))
    assert landed
    for path in landed:
        data = path.read_bytes()
        assert decode(data).judging == 1
        again = encode(decode(data), SIGN)
        assert json.loads(again)["payload"] == json.loads(data)["payload"]


def test_new_fields_are_written_where_they_say_something() -> None:
    written = entry(1, judging=2, sighted=(A,))
    assert decode(encode(written, SIGN)) == written
    assert fold([(A, written)]).judging == 2


def test_the_rules_never_go_back_and_none_are_of_the_future() -> None:
    broken(chain(entry(1, judging=2), entry(2)), path_of(2), "rules of version 1")
    broken(chain(entry(1, judging=JUDGING + 1)), path_of(1), f"rules of version {JUDGING + 1}")
    broken(chain(entry(1, judging=0)), path_of(1), "rules of version 0")


def test_what_stood_is_remembered_through_retiring() -> None:
    retired = entry(2, decision(None, before=A, intent=None, files=None))
    state = fold([(A, entry(1, decision(release=ref(7)))), (B, retired)])
    assert CHURN not in state.deployed
    assert state.stood[CHURN] == Stood(source="c1", release=ref(7))


def test_who_reigned_until_when() -> None:
    change = decision(NEXT_POLICY, POLICY_TARGET)
    later = entry(3, policy=NEXT_POLICY, policy_source="c2")
    state = fold([(A, entry(1)), (B, entry(2, change)), (A, later)])
    assert state.reigns == (("c0", "c2"), ("c2", "c3"))
