"""Which addresses are a forge's, what a token can be, and how long a forge may ask to wait."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.adapters.forges.guard import _below
from ordain.adapters.forges.place import place_of, read_token
from ordain.adapters.forges.reading import commit_id, instant, login, stamp, title
from ordain.adapters.forges.waiting import asked_pause, rate_limited
from ordain.core.people.request import ForgeName
from ordain.errors import UserError

GOOD = "tok-7f3a9c51e8b24d60"


@pytest.mark.parametrize(
    ("forge", "address", "api", "repository"),
    [
        ("github", "https://github.com/acme/churn", "https://api.github.com", "acme/churn"),
        ("github", "https://github.com/acme/churn.git", "https://api.github.com", "acme/churn"),
        ("github", "https://acme.ghe.com/acme/churn/", "https://api.acme.ghe.com", "acme/churn"),
        ("github", "https://git.acme.example/a/b", "https://git.acme.example/api/v3", "a/b"),
        ("github", "http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080/api/v3", "a/b"),
        ("github", "http://localhost/a/b", "http://localhost/api/v3", "a/b"),
        ("github", "https://GitHub.com/Acme/Churn", "https://api.github.com", "Acme/Churn"),
        ("gitlab", "https://gitlab.com/acme/ml/churn", "https://gitlab.com/api/v4", "acme/ml/churn"),
        ("gitlab", "https://git.acme.example:8443/a/b", "https://git.acme.example:8443/api/v4", "a/b"),
    ],
)
def test_addresses(forge: ForgeName, address: str, api: str, repository: str) -> None:
    place = place_of(forge, address, "main")
    assert (place.api, place.repository, place.base) == (api, repository, "main")


@pytest.mark.parametrize("forge", ["github", "gitlab"])
@pytest.mark.parametrize(
    "address",
    [
        "http://github.com/acme/churn",
        "http://127.0.0.1.evil.example/a/b",
        "http://10.0.0.1/a/b",
        "ssh://git@github.com/acme/churn",
        "file:///etc/passwd",
        "git@github.com:acme/churn.git",
        "https://user:secret@github.com/acme/churn",
        "https://secret@github.com/acme/churn",
        "https://github.com/acme/churn?token=secret",
        "https://github.com/acme/churn#x",
        "https://github.com/acme",
        "https://github.com/acme/..",
        "https://github.com/../churn",
        "https://github.com/acme/ch urn",
        "https://github.com/acme/%2e%2e",
        "https://github.com/acme/-churn",
        "https://[::1/a/b",
        "http://[::1]:80/a/b",
        "http://127.1/a/b",
        "https:///a/b",
        "https://github.com:port/a/b",
        "",
    ],
)
def test_what_is_no_address_of_a_repository(forge: ForgeName, address: str) -> None:
    with pytest.raises(UserError) as caught:
        place_of(forge, address, "main")
    assert "secret" not in str(caught.value) + caught.value.fix
    assert str(caught.value).isprintable()


def test_github_has_no_groups() -> None:
    with pytest.raises(UserError):
        place_of("github", "https://github.com/acme/ml/churn", "main")


@pytest.mark.parametrize("base", ["-main", "a..b", "", "main:x"])
def test_a_base_branch_with_an_unsafe_name(base: str) -> None:
    with pytest.raises(UserError):
        place_of("github", "https://github.com/a/b", base)


@given(st.text(max_size=60))
def test_no_text_makes_an_address_that_leads_elsewhere(text: str) -> None:
    for address in (
        text,
        f"https://github.com/{text}",
        f"https://github.com{text}",
        f"http://localhost{text}/a/b",
    ):
        try:
            place = place_of("github", address, "main")
        except UserError:
            continue
        assert place.repository.count("/") == 1
        assert "//" not in place.repository + place.api.partition("://")[2]
        assert "@" not in place.api


@given(st.text(max_size=80))
def test_only_the_api_is_below_itself(text: str) -> None:
    api = "https://git.example/api/v3"
    for url in (text, f"https://git.example{text}", f"https://git.example/api/v3{text}"):
        if _below(url, api):
            assert url.lower().startswith(("https://git.example/api/v3/", "https://git.example:"))


def test_a_token_comes_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{GOOD}-file\n")
    assert read_token("github", {"GITHUB_TOKEN": GOOD}).secret == GOOD
    assert read_token("gitlab", {"GITLAB_TOKEN_FILE": str(file)}).secret == f"{GOOD}-file"
    assert read_token("github", {"GITHUB_TOKEN": GOOD, "GITHUB_TOKEN_FILE": str(file)}).secret == GOOD
    monkeypatch.setenv("GITLAB_TOKEN", GOOD)
    assert read_token("gitlab").secret == GOOD


@pytest.mark.parametrize(
    "text", ["short", "two words here", "line\nbreak-here", "ünïcödé-token", "x" * 2000, " " * 20]
)
def test_what_can_be_no_token_is_not_shown(text: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    for environment in ({"GITHUB_TOKEN": text}, {"GITHUB_TOKEN_FILE": str(file)}):
        with pytest.raises(UserError) as caught:
            read_token("github", environment)
        assert text not in str(caught.value) + caught.value.fix


def test_a_missing_token_says_where_one_goes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no token for GitLab") as caught:
        read_token("gitlab", {})
    assert "GITLAB_TOKEN_FILE" in caught.value.fix
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(UserError, match="can't be read"):
            read_token("github", {"GITHUB_TOKEN_FILE": str(path)})


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "x-ratelimit-reset", "ratelimit-reset"]), st.text(max_size=40)
    )
)
def test_no_header_makes_anybody_wait_for_ever(headers: dict[str, str]) -> None:
    used_up = {"x-ratelimit-remaining": "0", "ratelimit-remaining": "0", **headers}
    pause = asked_pause(used_up, 1_795_521_600.0)
    assert pause is None or 0 <= pause <= 86400
    assert rate_limited(403, headers, b"") == ("retry-after" in headers)


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("120", 120.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("Tue, 24 Nov 9999 12:00:30 GMT", 86400.0),
        ("1.5", None),
        ("١٢", None),
        ("soon", None),
        ("", None),
    ],
)
def test_pauses(header: str, pause: float | None) -> None:
    assert asked_pause({"retry-after": header}, 1_795_521_600.0) == pause


@given(st.text(max_size=300))
def test_what_is_read_has_its_shape(text: str) -> None:
    assert title(text).isprintable()
    name, commit, when = login(text), commit_id(text), instant(text)
    assert name is None or (name == text and name.isascii() and name.isprintable() and " " not in name)
    assert commit is None or (commit == text and len(commit) in {40, 64})
    assert (when is None) == (stamp(text) == "")


def test_times_are_told_in_utc() -> None:
    assert stamp("2026-11-20T09:30:00.999+02:00") == "2026-11-20T07:30:00Z"
    assert stamp("0001-01-01T00:00:00+14:00") == ""
    assert stamp(None) == ""
