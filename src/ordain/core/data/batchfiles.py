"""What a batch reads and writes, by name: formats, and the files beside its output."""

from __future__ import annotations

REJECTS, REPORT = "rejects.jsonl", "report.json"
PACKED = (".gz", ".bz2", ".xz", ".zst")
FORMATS = {"parquet": "parquet", "pq": "parquet", "csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl"}


def format_of(name: str) -> str | None:
    """The format that a name's ending says: `parquet`, `csv` or `jsonl`; None for another ending.

    Text may be packed (`.csv.gz`); Parquet has a packing of its own.
    """
    name = name.lower()
    bare = next((name.removesuffix(end) for end in PACKED if name.endswith(end)), name)
    found = FORMATS.get(bare.rpartition(".")[2]) if "." in bare else None
    return None if found == "parquet" and bare != name else found


def plain(name: str) -> bool:
    """Whether an output may have the name: it ends in its format, which is not packed."""
    return name.lower().endswith(f".{format_of(name)}")


def readable_only(url: str) -> bool:
    """Whether nothing can be written there: web servers take no files."""
    return url.partition("://")[0] in ("http", "https")


def written(output: str) -> tuple[str, ...]:
    """The names of all files that a batch leaves: its scores, what it rejected, and its report."""
    return (output, f"{output}.{REJECTS}", f"{output}.{REPORT}")
