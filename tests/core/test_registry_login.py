from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.artifacts.registry_login import ConfigError, Helper, Login, answered, challenge_of, login_in

HOST = "registry.example.org:5000"


def encoded(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Bearer realm="https://auth.example.org/token",service="r",scope="repository:a/b:pull,push"',
         ("bearer", "https://auth.example.org/token", "r", "repository:a/b:pull,push")),
        ('Basic realm="Registry Realm"', ("basic", "Registry Realm", "", "")),
        ("bearer realm=https://a.example/t , service=x", ("bearer", "https://a.example/t", "x", "")),
        ("BASIC", ("basic", "", "", "")),
        ("Negotiate", None),
        ("", None),
    ],
)  # fmt: skip
def test_challenges(header: str, found: tuple[str, ...] | None) -> None:
    challenge = challenge_of(header)
    assert (challenge and (challenge.scheme, challenge.realm, challenge.service, challenge.scope)) == found


@given(st.text(max_size=200))
def test_no_header_is_too_strange(text: str) -> None:
    challenge_of(text)
    challenge_of(f"Bearer {text}")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({}, None),
        ({"auths": {}}, None),
        ({"auths": None, "credHelpers": None}, None),
        ({"auths": {"other.example.org": {"auth": encoded("a:b")}}}, None),
        ({"auths": {HOST: {"auth": encoded("dana:pass:word")}}}, Login(user="dana", password="pass:word")),
        ({"auths": {f"https://{HOST}": {"auth": encoded("dana:x")}}}, Login(user="dana", password="x")),
        ({"auths": {HOST: {"identitytoken": "t", "auth": encoded("a:b")}}}, Login(token="t")),
        ({"auths": {HOST: {}}}, None),
        ({"auths": {HOST: "text"}}, None),
        ({"auths": {HOST: {}}, "credsStore": "desktop"}, Helper(name="desktop", server=HOST)),
        ({"auths": {HOST: {"auth": encoded("a:b")}}, "credsStore": "desktop"}, Login(user="a", password="b")),
        ({"credHelpers": {HOST: "ecr"}, "credsStore": "desktop"}, Helper(name="ecr", server=HOST)),
    ],
)  # fmt: skip
def test_logins(config: dict[str, Any], found: Login | Helper | None) -> None:
    assert login_in(json.dumps(config).encode(), HOST) == found


def test_dockers_own_hub_has_an_old_address() -> None:
    config = json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": encoded("a:b")}}}).encode()
    assert login_in(config, "docker.io") == Login(user="a", password="b")


@pytest.mark.parametrize(
    "config",
    [b"", b"{", b"\xff", b"[]", b"1", b'{"auths": []}'.replace(b"[]", b"[1]"), b'{"credHelpers": "x"}',
     json.dumps({"auths": {HOST: {"auth": "%%secret"}}}).encode(),
     json.dumps({"auths": {HOST: {"auth": base64.b64encode(b"\xff\xfe").decode()}}}).encode(),
     json.dumps({"credHelpers": {HOST: "../../secret"}}).encode(), json.dumps({"credsStore": 1}).encode(),
     b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_configuration_is_said_without_repeating_it(config: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        login_in(config, HOST)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange(data: bytes) -> None:
    with suppress(ConfigError):
        login_in(data, HOST)
    with suppress(ConfigError):
        answered(data)


def test_what_helpers_answer() -> None:
    assert answered(b'{"ServerURL": "x", "Username": "dana", "Secret": "s"}') == Login(
        user="dana", password="s"
    )
    assert answered(b'{"Username": "<token>", "Secret": "s"}') == Login(token="s")
    for data in (b"", b"[]", b'{"Username": "dana"}', b'{"Username": 1, "Secret": 2}'):
        with pytest.raises(ConfigError):
            answered(data)


def test_a_login_does_not_show_itself() -> None:
    login = Login(user="dana", password="secret", token="secret")
    assert "secret" not in f"{login} {login!r}"
    assert login.basic == "Basic " + encoded("dana:secret")
