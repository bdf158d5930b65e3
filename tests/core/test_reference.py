from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.artifacts.reference import is_loopback, parse_reference, parse_repository, tag_of
from ordain.errors import UserError

DIGEST = "sha256:" + "4f" * 32


@pytest.mark.parametrize(
    ("text", "host", "name"),
    [
        ("registry.example.org/models/churn", "registry.example.org", "models/churn"),
        ("localhost/churn", "localhost", "churn"),
        ("localhost:5000/a__b/c-d.e", "localhost:5000", "a__b/c-d.e"),
        ("[::1]:5000/churn", "[::1]:5000", "churn"),
    ],
)
def test_references_that_are_some(text: str, host: str, name: str) -> None:
    reference = parse_reference(f"oci://{text}@{DIGEST}")
    assert (reference.repository.host, reference.repository.name) == (host, name)
    assert str(reference) == f"{text}@{DIGEST}"
    assert parse_reference(str(reference)) == reference
    assert parse_repository(text).at(DIGEST) == reference


@pytest.mark.parametrize(
    "text",
    [
        "", "churn", "models/churn", "https://registry.example.org/churn", "registry.example.org",
        "registry.example.org/", "registry.example.org/../etc", "registry.example.org/a//b",
        "registry.example.org/Churn", "user:secret@registry.example.org/churn", "-x.org/churn",
        "registry.example.org/churn:7", "registry.example.org/churn\n", "a.b/" + "x" * 260,
        "registry.example.org:port/churn", "registry.example.org/churn?x=1",
    ],
)  # fmt: skip
def test_names_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="does not name") as caught:
        parse_repository(text)
    assert caught.value.fix
    with pytest.raises(UserError):
        parse_reference(f"{text}@{DIGEST}")


@pytest.mark.parametrize("digest", ["", ":latest", "@sha256:" + "4F" * 32, "@sha512:" + "4f" * 32])
def test_only_digests_name_an_artifact(digest: str) -> None:
    with pytest.raises(UserError, match="by its digest"):
        parse_reference(f"registry.example.org/churn{digest}")


@given(st.text(max_size=80))
def test_whatever_is_parsed_leads_nowhere_else(text: str) -> None:
    try:
        found = parse_repository(text)
    except UserError:
        return
    assert str(found) == text
    assert not {"..", ""} & set(found.name.split("/"))
    assert not set("@?#%\\ \n") & set(text)


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("localhost:5000", True), ("127.0.0.1:1", True), ("[::1]:5000", True),
     ("::1", True), ("127.0.0.1.example.org", False), ("localhost.example.org", False),
     ("10.0.0.1:5000", False)],
)  # fmt: skip
def test_what_is_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) == local


def test_a_tag_is_neither_only_a_number_nor_where_signatures_are() -> None:
    assert tag_of(7, DIGEST) == "7-4f4f4f4f4f4f"
