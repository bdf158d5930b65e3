"""Which URLs of a declared state may be opened at all: an allow-list of stores on a network."""

from __future__ import annotations

# By what a driver does, not by its name: each of these speaks to one store over a network and nothing else.
# Left out is whatever reads files of this machine (file, local, dir, git, asynclocal), runs in its memory,
# or leads on to another URL (simplecache, zip, reference, dask, generic).
REMOTE = frozenset(
    {
        "abfs", "abfss", "adl", "az", "ftp", "gcs", "gs", "hf", "http", "https", "oci", "oss", "s3", "s3a",
        "sftp", "tos", "webdav", "webhdfs",
    }
)  # fmt: skip
_CHAIN = "::"


def remote(url: str) -> bool:
    """Whether a URL leads to one store on a network, by a scheme that is known to lead nowhere else."""
    scheme, mark, _ = url.partition("://")
    return bool(mark) and scheme in REMOTE and _CHAIN not in url


def usable(text: str) -> bool:
    """The same of what a person or a manifest names on the command line, where files are meant as well."""
    scheme, mark, _ = text.partition("://")
    return _CHAIN not in text and (not mark or scheme == "file" or scheme in REMOTE)
