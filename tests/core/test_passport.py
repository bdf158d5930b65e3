"""From a pod's annotations, or a name, to everything that led there; contradictions are refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ordain.core.decisions import Approval, Decision, Entry
from ordain.core.gating.release import Release
from ordain.core.git.commits import Commit, Identity
from ordain.core.ledger import passport, question
from ordain.core.ledger.passport import Evidence
from ordain.core.ledger.question import Question
from ordain.core.reasons import Reason
from ordain.core.reports import passport_text
from ordain.core.specs.governance import Policy, Waiver
from ordain.core.specs.identity import ReleaseRef, Transition
from ordain.errors import UserError

DIGEST = "sha256:" + "0" * 64
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDrbIbW3SmUHOHaVcy6ptlj5sJmlmm0qqgPhx+MXXLK1"
APPROVAL = Approval(person="mei", kind="signed-by-approver", key="SHA256:abc", envelope={})
ATTESTED = Approval(person="bob", kind="attested-by-collector", key="SHA256:def", envelope={})
WAIVER = Waiver(model="churn", gate="fairness.x", reason="small and known", expires="2027-01-31")


def ref(number: int) -> ReleaseRef:
    return ReleaseRef(
        model="churn", number=number, record=f"sha256:{number}", artifact=f"sha256:{number * 111}"
    )


def decision(intent: str | None, number: int | None, **changed: Any) -> Decision:
    transition = Transition(
        repository="x", branch="main", environment="production", model="churn", before=None, after=DIGEST
    )
    content: dict[str, Any] = {
        "action": "deploy",
        "approved": True,
        "reason": Reason.APPROVED,
        "intent": intent,
        "release": ref(number) if number else None,
        **changed,
    }
    return Decision(transition=transition, **content)


def entry(sequence: int, *decisions: Decision) -> tuple[str, Entry]:
    content = Entry(
        sequence=sequence,
        previous=None,
        repository="x",
        branch="main",
        source=str(sequence) * 40,
        policy=DIGEST,
        policy_source="f" * 40,
        renderer=1,
        decisions=decisions,
        manifests=DIGEST,
        observed=f"2026-11-0{sequence}T00:00:00Z",
    )
    return f"sha256:entry-{sequence}", content


FIRST = decision("intent-1", 1, approvals=(APPROVAL, ATTESTED), waivers=(WAIVER,), contributors=("dana",))
LEDGER = [
    entry(1, FIRST),
    entry(2, decision("intent-2", 2, action="change"), decision(None, None, action="policy")),
    entry(3, decision("intent-3", 3, action="change", approved=False)),
]
POD = {
    "ordain.dev/intent": "intent-1",
    "ordain.dev/release": "churn@1",
    "ordain.dev/artifact": "sha256:111",
    "kubernetes.io/other": "x",
}


def test_what_runs_now() -> None:
    found = question.find(LEDGER, Question(environment="production", model="churn"))
    assert found.digest == "sha256:entry-2"
    assert found.until is None


def test_a_pod_that_runs_what_was_replaced() -> None:
    found = question.find(LEDGER, question.question_of(POD))
    assert found.entry.sequence == 1
    assert found.until == "2026-11-02T00:00:00Z"


def test_bare_names_do_too() -> None:
    assert question.question_of({"intent": "intent-1", "model": "churn"}) == Question(
        intent="intent-1", model="churn"
    )


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ({}, "no annotation ordain.dev/intent"),
        ({"ordain.dev/intent": 3}, "is not text"),
        ({"ordain.dev/intent": "intent-3"}, "no entry of this ledger deployed"),
        ({**POD, "ordain.dev/release": "churn@2"}, "says churn@2, but the ledger's entry"),
        ({**POD, "ordain.dev/artifact": "sha256:222"}, "says sha256:222"),
        ({**POD, "ordain.dev/environment": "staging"}, "says staging"),
        ({**POD, "ordain.dev/model": "other"}, "says other"),
    ],
)
def test_annotations_that_do_not_hold(annotations: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        question.find(LEDGER, question.question_of(annotations))


def test_a_release_where_there_is_none() -> None:
    ledger = [entry(1, decision("intent-1", None))]
    with pytest.raises(UserError, match=r"says churn@1, .* says None"):
        question.find(ledger, Question(intent="intent-1", release="churn@1"))


def test_what_never_ran_and_what_was_retired() -> None:
    with pytest.raises(UserError, match="churn@staging never ran"):
        question.find(LEDGER, Question(environment="staging", model="churn"))
    ledger = [*LEDGER, entry(4, decision(None, None, action="retire"))]
    with pytest.raises(UserError, match="production/churn was retired at 2026-11-04"):
        question.find(ledger, Question(environment="production", model="churn"))


def release(**changed: Any) -> Release:
    content: dict[str, Any] = {
        "model": "churn",
        "number": 1,
        **dict.fromkeys(("training_slice", "parameters", "code", "lock", "artifact"), DIGEST),
        "data": {
            **dict.fromkeys(("source", "rows", "train", "holdout"), DIGEST),
            "row_count": 7043,
            "holdout_count": 1400,
        },
        "champion": {
            "candidate": "xgboost",
            "estimator": "xgboost.XGBClassifier",
            "metric": "roc_auc",
            "score": 0.847,
            "interval": [0.83, 0.86],
        },
        "artifact_bytes": 5,
        "metrics": {"roc_auc": 0.83},
        "verdicts": [
            {
                "gate": "quality.roc_auc",
                "outcome": "pass",
                "value": 0.84,
                "bound": 0.8,
                "interval": [0.82, 0.86],
            },
            {"gate": "fairness.x", "outcome": "fail", "value": 0.3, "bound": 0.2},
            {"gate": "latency", "outcome": "insufficient", "detail": "too noisy"},
        ],
        "looks": 1,
        "baseline": {"release": "churn@0", "artifact": DIGEST, "difference": 0.01, "interval": [-0.01, 0.03]},
        **changed,
    }
    return msgspec.convert(content, type=Release)


POLICY = msgspec.convert(
    {
        "version": 1,
        "repository": "x",
        "people": {"mei": {"name": "Mei Tanaka", "emails": ["mei@x.example"], "roles": ["reviewer"]}},
        "collectors": [{"key": KEY}],
        "rules": [],
        "changes": {"reviewer": 1},
    },
    type=Policy,
)
DANA = Identity(name="Dana", email="dana@x.example")
COMMIT = Commit(
    id="1" * 40,
    tree="2" * 40,
    parents=("3" * 40, "4" * 40),
    author=DANA,
    committer=DANA,
    time=1_800_000_000,
    message="Merge: deeper trees\n\nbody",
)


def whole() -> Evidence:
    return Evidence(
        collector="SHA256:collector",
        release=release(),
        candidate={"estimator": "xgboost.XGBClassifier", "parameters": {"max_depth": 4, "n": [1]}},
        policy=POLICY,
        merge=passport.merge_of(COMMIT),
        artifact=True,
    )


def test_a_whole_passport() -> None:
    found = question.find(LEDGER, question.question_of(POD))
    built = passport.passport(found, whole())
    assert built.absent == ()
    assert [(each.person, each.name, each.roles) for each in built.approvals] == [
        ("mei", "Mei Tanaka", ("reviewer",)),
        ("bob", None, ()),
    ]
    text = passport_text.text(built)
    for words in (
        "production/churn: churn@1",
        "deployed 2026-11-01T00:00:00Z, replaced 2026-11-02T00:00:00Z",
        "1 of the ledger, sha256:entry-1",
        "signed by collector SHA256:collector",
        "merge       111111111111 Merge: deeper trees",
        "by Dana <dana@x.example>, 2027-01-15T08:00:00Z",
        "not signed by any key",
        "xgboost (xgboost.XGBClassifier)",
        "max_depth=4, n=[1]",
        "roc_auc 0.8470 [0.8300, 0.8600] in cross-validation",
        "7043 rows, 1400 held out",
        "waived until 2027-01-31: small and known",
        "insufficient  latency",
        "too noisy",
        "churn@0, difference +0.0100 [-0.0100, +0.0300]",
        "Mei Tanaka (mei, reviewer)",
        "signed by approver, key SHA256:abc",
        "attested by collector, key SHA256:def",
        "made by     dana",
        "1 contributor, whose approval could not count",
    ):
        assert words in text, words
    assert "absent" not in text
    assert msgspec.json.decode(msgspec.json.encode(built))["version"] == 1


def test_what_is_absent_is_named_and_is_no_fault() -> None:
    found = question.find(LEDGER, question.question_of(POD))
    built = passport.passport(found, Evidence(collector="SHA256:collector"))
    assert len(built.absent) == 4
    text = passport_text.text(built)
    assert "absent      the record of churn@1 (sha256:1) is not in this clone" in text
    assert "commit      111111111111" in text
    built = passport.passport(found, replace(whole(), candidate=None))
    assert built.absent == ("the declaration that the champion was trained from is not in this clone",)
    assert "max_depth" not in passport_text.text(built)


def test_shared_files_have_a_passport_too() -> None:
    ledger = [entry(1, decision("intent-1", None, action="rollback"))]
    found = question.find(ledger, Question(intent="intent-1"))
    text = passport_text.text(passport.passport(found, replace(whole(), release=release(baseline=None))))
    assert text.startswith(
        "production/churn: shared files\n  status      rolled back to 2026-11-01T00:00:00Z, runs now"
    )
    assert "approved by nobody" in text
    assert "made by" not in text
    assert "baseline" not in text


def test_a_commit_without_a_date_or_with_one_parent() -> None:
    odd = replace(COMMIT, time=10**17, parents=("3" * 40,))
    assert passport.merge_of(odd).time == ""
    found = question.find(LEDGER, question.question_of(POD))
    signed = replace(passport.merge_of(odd), signer="SHA256:dana")
    text = passport_text.text(passport.passport(found, replace(whole(), merge=signed)))
    assert "commit      111111111111 Merge" in text
    assert "without a date" in text
    assert "signed by key SHA256:dana" in text
