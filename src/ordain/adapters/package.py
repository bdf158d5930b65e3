"""Files that travel with the package: stage scripts for new repositories, and the demo's example.

In a source checkout they are the repository's own `stages/`, `data/` and declared state; in an installed
wheel the build has copied them below the package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import ordain
from ordain import dependencies

PACKAGE = Path(ordain.__file__).parent
TRAINING = (
    "fairlearn", "numpy", "onnx", "onnxmltools", "onnxruntime", "pandas", "protobuf", "pyarrow",
    "scikit-learn", "scipy", "skl2onnx", "xgboost", "xgboost-cpu",
)  # fmt: skip
# A version, and for which Python, as the compiled lists say it before their digests.
_PINNED = re.compile(r"^(?P<name>[a-z0-9-]+)==.+(?= \\$)", re.MULTILINE)
EXAMPLE = (
    "models.yaml",
    "params.yaml",
    "policy.yaml",
    "data/telco_churn.csv",
    "examples/insecure-identities",
)


def _found(below_package: str, in_checkout: str) -> Path:
    installed = PACKAGE / below_package
    return installed if installed.is_dir() else PACKAGE.parents[1] / in_checkout


def stage_scripts() -> dict[str, bytes]:
    """The pipeline's scripts by their path in a repository."""
    folder = _found("stages", "stages")
    return {f"stages/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.py"))}


def automation() -> dict[str, str]:
    """CI files by name: Ordain's own workflows, and what only other repositories need."""
    folders = (_found("workflows", ".github/workflows"), PACKAGE / "automation")
    paths = [path for folder in folders for path in sorted(folder.glob("*.yml"))]
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def training_lock() -> bytes:
    """Exact versions of what trains: another version may train another model, so stages depend on it."""
    return _lock([f"{name}=={metadata.version(name)}" for name in TRAINING if _installed(name)])


def jobs_lock() -> bytes:
    """The same of what jobs install, by the list that is part of the package."""
    text = dependencies.listed("training").read_text("utf-8")
    return _lock([found[0] for found in _PINNED.finditer(text) if found["name"] in TRAINING])


def _lock(pinned: Sequence[str]) -> bytes:
    lines = "".join(f"{each}\n" for each in pinned)
    return f"# What trains here; `ordain init` renews it.\n{lines}".encode()


def _installed(name: str) -> bool:
    return any(metadata.distributions(name=name))


def example() -> Path:
    """A folder that holds the files of `EXAMPLE`."""
    return _found("example", ".")
