"""What may be handed to Git: one allowed form each, and everything else is refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core import gitnames
from ordain.core.reasons import Reason
from ordain.errors import UserError

ID = "0123456789abcdef" * 2 + "01234567"
CONTROL = [
    "a\0b",
    "a\nb",
    "main\n",
    "\nmain",
    "a\rb",
    "a\x1bb",
    "a\x7fb",
    "a\u202eb",
    "a\u200bb",
    "a\u2028b",
    "a\ud800b",
]
OPTIONS = [
    "-",
    "--",
    "-h",
    "--upload-pack=touch x",
    "--exec=x",
    "--output=x",
    "-c",
    "--help",
    "--end-of-options",
]
REFS = [
    "main",
    "refs/heads/main",
    "promote/churn-1",
    "v1.0",
    "a_b",
    "_x",
    "a+b@c=d",
    "refs/ordain/approvals/" + "0" * 64,
    "HEAD",
]
BAD_REFS = [
    "", "/", "/main", "main/", "a//b", ".", "..", "a..b", "a...b", ".hidden", "a/.hidden", "a.", "a./b",
    "x.lock", "x.lock/y", "@", "@{u}", "main@{1}", "main@{upstream}", "a b", "a~1", "a^", "a^{tree}", "a:b",
    ":a", "+a", "^a", "a?", "a*", "a[b]", "a\\b", "a/-b", "é", "a;b", "$(x)", "`x`", "a|b", "a&b", "x" * 1025,
]  # fmt: skip
REVISIONS = [
    "HEAD",
    "HEAD~1",
    "HEAD^",
    "HEAD^2~3",
    "main~10^2",
    "v1",
    "v1.2~1",
    ID,
    ID[:7],
    "1234567",
    "1~2",
    "a1^1~1^",
]
BAD_REVISIONS = [
    "", "~1", "^", "^main", "HEAD~1000000", "HEAD~1x", "a~1b", "HEAD^{commit}", "HEAD^{/x}", "HEAD^@",
    "HEAD^!",
    "HEAD^-1", ":/fix", ":0:x", "HEAD:policy.yaml", "a..b", "a...b", "@", "@{u}", "HEAD@{yesterday}",
]  # fmt: skip
PATHS = [
    "a",
    "policy.yaml",
    "manifests/staging/churn/x.yaml",
    "a b",
    "é/ü",
    "a..b",
    "a.git",
    "x-y",
    "a:b",
    ".gitattributes",
    ".git-x",
    ".gitignore.",
    "git~x",
]
BAD_PATHS = [
    "", "/", "/etc/passwd", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", ".git", ".git/config",
    "x/.GIT/y",
    "git~1", "GIT~1/x", "git~2", ".git.",
    ".git /x", ".Git. . /x", ".git::$INDEX_ALLOCATION",
    "a/.git:x", "-a", "a/-rf", ":a", ":(top)x", ":!x", "a/:b", "a\\b", "x" * 256, "é" * 128,
    "/".join(["abcdefgh"] * 120),
]  # fmt: skip
URLS = [
    "/srv/git/x.git", "/a b/x", "file:///srv/x.git", "https://forge.example/team/x.git", "https://h:8443/x",
    "ssh://git@forge.example/team/x", "ssh://forge.example:22/~dana/x", "git@forge.example:team/x.git", "h:x",
]  # fmt: skip
BAD_URLS = [
    "", "x", "./x", "../x", "~/x", "-x", "ext::sh -c touch% x", "ext::/bin/sh", "fd::3", "/x::y",
    "file:///x::y",
    "transport::https://h/x", "h:ext::x", "https://h/ext::x", "http://h/x", "git://h/x", "ftp://h/x",
    "HTTPS://h/x",
    "file://host/x", "ssh://-oProxyCommand=x/y", "ssh://-oX@h/x", "ssh://-h/x", "-oX@h:x", "-h:x",
    "h:-x", "h:", "ssh://h", "ssh://h:-1/x", "ssh://h:123456/x", "https://h/x?y", "https://h/x#y",
    "https://h/x y",
    "https://dana:secret@h/x", "ssh://dana:secret@h/x", "dana:secret@h:x", "https://:secret@h/x",
    "https://h@i@j/x", "https://[::1]/x", "https://h/$(x)", "h:x;y", "h:`x`", "--upload-pack=x",
    "/" + "x" * 1024,
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "texts"),
    [(gitnames.ref, REFS), (gitnames.revision, [*REFS, *REVISIONS]), (gitnames.path, PATHS),
    (gitnames.url, URLS),
     (gitnames.object_id, [ID, "0" * 64])],
)  # fmt: skip
def test_plain_names_pass_as_they_are(check: Callable[[str], str], texts: list[str]) -> None:
    assert [check(text) for text in texts] == texts


@pytest.mark.parametrize("text", [*BAD_REFS, *OPTIONS, *CONTROL], ids=ascii)
def test_odd_refs_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="not a name of a branch or ref"):
        gitnames.ref(text)


@pytest.mark.parametrize("text", [*BAD_REVISIONS, *OPTIONS, *CONTROL], ids=ascii)
def test_odd_revisions_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="not a revision"):
        gitnames.revision(text)


@pytest.mark.parametrize("text", [*BAD_PATHS, *OPTIONS, *CONTROL], ids=ascii)
def test_odd_paths_are_refused(text: str) -> None:
    with pytest.raises(UserError) as caught:
        gitnames.path(text)
    assert caught.value.reason == Reason.HOSTILE_OBJECT


@pytest.mark.parametrize(
    "text", [*BAD_URLS, *OPTIONS, *CONTROL, *(f"/{each}" for each in CONTROL)], ids=ascii
)
def test_odd_addresses_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="not an address"):
        gitnames.url(text)


@pytest.mark.parametrize(
    "text",
    ["", "HEAD", ID[:39], ID + "0", ID.upper(), "g" * 40, "0" * 63, f"{ID}\n", *OPTIONS, *CONTROL],
    ids=ascii,
)
def test_odd_object_ids_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="not an object id"):
        gitnames.object_id(text)


@pytest.mark.parametrize(
    "text",
    ["https://dana:secret@h/x", "https://dana:secret@half@h/x", "https://dana:secret/half@h/x",
    "dana:secret@h:x",
     "ssh://:secret@h/x", "ext::x secret@h", "https://dana:secret\n@h/x"],
    ids=ascii,
)  # fmt: skip
def test_a_refusal_does_not_repeat_the_secret(text: str) -> None:
    with pytest.raises(UserError) as caught:
        gitnames.url(text)
    assert "secret" not in str(caught.value)
    assert "half" not in str(caught.value)


def test_a_refusal_is_short_and_printable() -> None:
    with pytest.raises(UserError) as caught:
        gitnames.path("\x1b[2J\u202e" + "x" * 5000)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


PIECES = st.lists(
    st.sampled_from(["-", "--", "..", "@{", "::", "ext::", "/", "~", "^", "@", ".", ".lock", ".git", ":",
    "main",
                     "HEAD", "h", "1", "refs/", "https://", "ssh://", "file://", "\n", "\0", " ", "\\",
                     "\u202e"])
    | st.text(max_size=3),
    max_size=6,
).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(text=PIECES)
def test_what_passes_is_harmless(text: str) -> None:
    for check in (gitnames.ref, gitnames.revision, gitnames.path, gitnames.url, gitnames.object_id):
        try:
            assert check(text) == text
        except UserError:
            continue
        assert text
        assert not text.startswith(("-", ":"))
        assert check is gitnames.path or not text.startswith(("+", "^"))
        assert not any(unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for each in text)
        if check is gitnames.url:
            assert "::" not in text
            assert "://-" not in text
        else:
            assert not text.startswith("/")
            assert ".." not in text.split("/")
        if check in {gitnames.ref, gitnames.revision}:
            assert ".." not in text
            assert "@{" not in text
            assert ":" not in text


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("git@github.com:acme/churn.git", "https://github.com/acme/churn"),
        ("github.com:acme/churn", "https://github.com/acme/churn"),
        ("ssh://git@gitlab.example:2222/group/sub/churn.git", "https://gitlab.example/group/sub/churn"),
        ("https://github.com/acme/churn.git", "https://github.com/acme/churn"),
        ("https://github.com/acme/churn/", "https://github.com/acme/churn"),
        ("/srv/git/churn.git", "/srv/git/churn"),
    ],
)
def test_the_page_of_a_repository(address: str, page: str) -> None:
    assert gitnames.page_of(address) == page
