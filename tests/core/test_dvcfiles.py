"""What DVC may read of a repository before anything was approved; DVC's own parser is the judge."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from configobj import ConfigObj, ConfigObjError  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.pipelines.dvcfiles import check_config, check_tracked, tracked_md5
from ordain.core.pipelines.pipeline import DVC_FILES
from ordain.core.setup.scaffold import dvc_config
from ordain.errors import UserError

MD5 = "0" * 32
KEPT = {"core", "cache", "remote"}
# Of all the settings that DVC knows, those by which it writes elsewhere, reads a secret or starts something.
DANGEROUS = {
    "dir", "local", "autostage", "machine", "keyfile", "password", "passphrase", "token", "configpath",
    "credentialpath", "cert_path", "key_path", "bearer_token_command", "access_key_id", "secret_access_key",
    "session_token", "connection_string", "sas_token", "account_key", "client_secret", "oss_key_secret",
    "gdrive_client_secret", "gdrive_user_credentials_file", "gdrive_service_account_json_file_path",
    "custom_auth_header", "ssl_verify", "ask_password", "plugins_path", "startup_script", "proxy_to",
}  # fmt: skip
LINES = st.sampled_from(
    ["[core]", "[cache]", "[hydra]", "['remote \"r\"']", '[remote "r"]', "[[x]]", "['machine \"m\"']",
     "[core",
     *(f"{key} = x" for key in ("url", "remote", "jobs", "keyfile", "dir", "credentialpath", "autostage")),
     "url = '''", 'url = """x', "'''", '"""', "bearer_token_command = x", "url = x # y", "# x", "#", "",
     '"dir" = x', "'dir' = x", "dir=x", "DIR = x", "url =", "= x", "url: x", "site_cache_dir = /tmp"]
)  # fmt: skip
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\n    "])


def by_dvc(text: str) -> dict[str, Any]:
    """As DVC reads a configuration: a text stream with any line end, by ConfigObj."""
    stream = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    return dict(ConfigObj(stream.readlines(), list_values=False))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(LINES, ENDS), max_size=8))
def test_whatever_passes_is_harmless_as_dvc_reads_it(lines: list[tuple[str, str]]) -> None:
    text = "".join(line + end for line, end in lines)
    try:
        check_config(text.encode())
        read = by_dvc(text)
    except (UserError, ConfigObjError):
        return
    for section, values in read.items():
        assert isinstance(values, dict), text
        assert section.split()[0] in KEPT, text
        assert not DANGEROUS & set(values), text
        assert values.get("site_cache_dir") in {None, ".ordain/local/dvc"}


def test_what_ordain_and_dvc_write_passes() -> None:
    check_config(DVC_FILES[".dvc/config"])
    check_config(dvc_config("s3://bucket/ordain"))
    check_config(b"[core]\n    remote = r\n['remote \"r\"']\n    url = s3://b\n    region = eu-west-1\n")


@pytest.mark.parametrize("line", ["    site_cache_dir = /tmp", "    keyfile = x", "    x", "    url = \x1b"])
def test_the_first_odd_setting_is_named(line: str) -> None:
    with pytest.raises(UserError, match=r"\.dvc/config: .*(site_cache_dir|keyfile|line 2|url)"):
        check_config(f"[core]\n{line}\n".encode())


def tracked(**changes: Any) -> bytes:
    return json.dumps(
        {"outs": [{"md5": MD5, "size": 1, "hash": "md5", "path": "rows.csv", **changes}]}
    ).encode()


def test_a_tracked_file_is_the_one_beside_it() -> None:
    assert tracked_md5(tracked(), "data/rows.csv.dvc") == MD5
    assert tracked_md5(tracked(desc="x", cache=True), "rows.csv.dvc") == MD5


@settings(max_examples=200, deadline=None)
@given(
    path=st.text(max_size=12)
    | st.sampled_from(["../rows.csv", "./rows.csv", "/rows.csv", "rows.csv\n", "rows.csv/", "x/../rows.csv"]),
    key=st.sampled_from(["path", "wdir", "deps", "repo", "md5", "files", "fs_path"]),
)
def test_nothing_else_is_tracked(path: str, key: str) -> None:
    if (key, path) == ("path", "rows.csv"):
        return
    with pytest.raises(UserError) as caught:
        tracked_md5(tracked(**{key: path}), "data/rows.csv.dvc")
    assert caught.value.reason == "hostile-object"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"outs: 1", b"outs: []", b"outs: [1]", b"{outs: [{}, {}]}",
                                  b"\0", b"!!python/object:os.x {}", b"outs: " + b"[" * 10**5])  # fmt: skip
def test_what_is_no_tracked_file(data: bytes) -> None:
    with pytest.raises(UserError, match=r"data/rows\.csv\.dvc"):
        tracked_md5(data, "data/rows.csv.dvc")


def test_git_holds_no_more_of_dvc_than_its_settings() -> None:
    for path in (".dvc/config", ".dvc/.gitignore", ".dvc/plots/x.json"):
        check_tracked(path)
    for path in (
        ".dvc",
        ".dvc/config.local",
        ".dvc/cache",
        ".dvc/tmp/x",
        ".dvc/plots",
        ".ordain/local/dvc/cache.db",
    ):
        with pytest.raises(UserError, match="no place in Git"):
            check_tracked(path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{md5: %s, path: x.csv, cmd: rm}" % ("a" * 32), "leads DVC elsewhere"),
        ("{md5: %s, path: ../x.csv}" % ("a" * 32), "not the file beside it"),
        ("{md5: latest, path: x.csv}", "no MD5"),
    ],
)
def test_a_pointer_that_leads_elsewhere_is_refused(row: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        tracked_md5(f"outs:\n- {row}\n".encode(), "data/x.csv.dvc")
