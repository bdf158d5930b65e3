"""DVC's settings: the remote that is named there, and one more; nothing else of the file moves."""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.pipelines.dvcconfig import PLUGINS, default_remote, plugin_of, with_remote

OURS = "[core]\n    analytics = false\n"


@pytest.mark.parametrize("text", ["", OURS, "[cache]\ntype = copy", "# mine\n[core]\nautostage = true\n"])
def test_a_remote_is_added_and_read_back(text: str) -> None:
    changed = with_remote(text, "s3://b/x")
    assert default_remote(text) is None
    assert default_remote(changed) == "s3://b/x"
    assert all(line in changed.splitlines() for line in text.splitlines())


@pytest.mark.parametrize(
    "text",
    [with_remote(OURS, "s3://b/x"), "['remote \"storage\"']\nurl = s3://b/x\n", "[core]\nremote = a\n", "x"],
)
def test_a_second_remote_or_another_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        with_remote(text, "s3://b/y")


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert default_remote(with_remote(text, "s3://b/x")) == "s3://b/x"


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("s3://b/x", "s3"),
        ("azure://c/x", "azure"),
        ("gs://b", "gs"),
        ("ssh://h/x", "ssh"),
        ("/srv/s3", None),
        ("https://h", None),
    ],
)
def test_an_address_says_which_plug_in_it_needs(url: str, extra: str | None) -> None:
    found = plugin_of(url)
    assert (found[0] if found else None) == extra


def test_the_package_pins_every_plug_in_as_an_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    for extra, module in PLUGINS.values():
        assert [each.partition("==")[0] for each in project["optional-dependencies"][extra]] == [
            module.replace("_", "-")
        ]
