"""What mends a merge conflict, by the file that it lies in: two runs of one model are never spliced."""

from __future__ import annotations

import re

LOOKS = "holdout-looks.yaml"
_NAME = r"(?P<model>[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?)"
_RELEASE = re.compile(rf"releases/{_NAME}/[1-9][0-9]{{0,8}}\.yaml")
_PIPELINE = re.compile(rf"pipelines/{_NAME}/(?P<file>.+)")
_FLEET = {"dvc.yaml", "dvc.lock"}


def is_generated_path(path: str) -> bool:
    """Whether `ordain run` writes a file, so that a conflict in it is mended by running."""
    return path in _FLEET or _PIPELINE.fullmatch(path) is not None


def mended_by(path: str) -> str:
    """The command or edit that mends a conflict in a file.

    Args:
        path: in the repository.
    """
    release, pipeline = _RELEASE.fullmatch(path), _PIPELINE.fullmatch(path)
    if release:
        return f"ordain renumber {release['model']} (it keeps both releases)"
    if pipeline and pipeline["file"] == LOOKS:
        return "keep the looks of both sides, then remove the marker lines"
    if pipeline:
        model = pipeline["model"]
        return f"ordain run {model}, then `ordain release {model}` and `git add pipelines releases`"
    if path in _FLEET:
        return "ordain run, then `git add dvc.yaml dvc.lock`"
    return "resolve the conflict: keep both sides where each adds something; then remove the marker lines"
