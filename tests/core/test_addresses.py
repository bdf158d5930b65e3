"""Which URLs may be opened: what a state declares leads to stores on a network, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.data.addresses import REMOTE, remote, usable

SCHEMES = st.one_of(
    st.sampled_from([*sorted(REMOTE), "file", "local", "asynclocal", "zip"]), st.text(max_size=8)
)


@given(scheme=SCHEMES, rest=st.text(alphabet="a/.:%@", max_size=12))
def test_nothing_but_a_listed_scheme_is_remote(scheme: str, rest: str) -> None:
    url = f"{scheme}://{rest}"
    found = url.partition("://")[0]
    assert remote(url) == (found in REMOTE and "::" not in url)
    assert usable(url) == (remote(url) or (found == "file" and "::" not in url))


@pytest.mark.parametrize("text", ["data/x.csv", "/srv/data/x.csv", "file:///srv/data/x.csv", "s3://b/x.csv"])
def test_people_also_name_files(text: str) -> None:
    assert usable(text)


@pytest.mark.parametrize("text", ["simplecache::s3://b/x", "x::y", "local:///etc", "S3://b/x", "git://x"])
def test_what_leads_on_is_never_opened(text: str) -> None:
    assert not usable(text)
    assert not remote(text)
