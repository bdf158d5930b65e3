"""What attacks share."""

from __future__ import annotations

import sys
from pathlib import Path

# `tests` is no installed package; its helpers are found from the root of the repository.
sys.path.append(str(Path(__file__).parents[2]))
