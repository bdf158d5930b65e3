"""Nothing that looks like a secret survives on its way into a report."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.plans.planning import file_changes
from ordain.core.redaction import GONE, redacted, redacted_manifest, redacted_value

KEY = "-----BEGIN OPENSSH" + " PRIVATE KEY-----\nb3BlbnNzaC1r\nZXktdjEAAAA\n"
SECRETS = [
    "gh" + "p_" + "a1B2" * 9,
    "github" + "_pat_" + "a1B2" * 9,
    "gl" + "pat-" + "a1B2c3D4" * 3,
    "AKIA" + "ABCD1234" * 2,
    "xox" + "b-1234567890-abc",
    "AIza" + "a1B2c3D4" * 5,
    "hf_" + "a1B2c3D4" * 4,
    "eyJ" + "hbGciOiJI" + "." + "eyJzdWIiOiIx" + "." + "c2ln",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_tokens(secret: str) -> None:
    said = redacted(f"env: {secret} kept")
    assert secret not in said
    assert said == f"env: {GONE} kept"


@pytest.mark.parametrize(
    "name", ["password", "db_password", "API-KEY", "client_secret", "x.token", "- passwd"]
)
def test_values_by_the_name_of_their_key(name: str) -> None:
    assert redacted(f"a: 1\n  {name}: hunter2 # x\nb: 2") == f"a: 1\n  {name}: {GONE}\nb: 2"


@pytest.mark.parametrize(
    "line",
    [
        "automountServiceAccountToken: false",
        "secretName: registry-credentials",
        "serviceAccountToken:",
        "  token:\n    path: x",
        "image: registry.example/x@sha256:" + "0" * 64,
        "ordain.io/intent: sha256:" + "4" * 64,
        "url: https://x.example/a@b:c",
    ],
)
def test_what_manifests_hold_stays(line: str) -> None:
    assert redacted_manifest(line) == line


def test_key_blocks_and_addresses() -> None:
    assert redacted(f"x\n{KEY}-----END OPENSSH PRIVATE KEY-----\ny") == f"x\n{GONE}\ny"
    assert redacted(f"x\n{KEY}") == f"x\n{GONE}"
    assert redacted("see https://me:pw@x.example/y") == f"see https://{GONE}@x.example/y"


@given(st.text(alphabet="abc:/@-_. \n\"'", max_size=80))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@pytest.mark.parametrize("kind", ["kind: Secret\n", 'kind: "Secret"\n', '  "kind": "Secret",\n'])
def test_of_a_secret_only_its_kind_is_kept(kind: str) -> None:
    (change,) = file_changes({"a/b.yaml": f"data: {{x: aHVudGVyMg==}}\n{kind}".encode()}, {})
    assert "aHVudGVyMg" not in change.diff
    assert change.kind == "removed"


def test_values_of_any_shape() -> None:
    token = SECRETS[0]
    shown = redacted_value({"a": [token, 1, None], "b": (f"x {token}",)})
    assert shown == {"a": [GONE, 1, None], "b": [f"x {GONE}"]}


@pytest.mark.parametrize(
    "text", ["a" * 10**6, "a_" * 10**6, "://" * 10**6, "-----BEGIN " * 10**5, "eyJ" * 10**5]
)
def test_long_lines_take_no_longer_than_they_are(text: str) -> None:
    start = time.process_time()
    redacted(text)
    assert time.process_time() - start < 5
