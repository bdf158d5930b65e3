"""How often a holdout has been looked at: every look spends some of its honesty, so looks are counted.

A look is one artifact judged on one holdout. Judging the same artifact again shows nothing new, so it
counts once. `ordain run` records looks in `pipelines/<model>/holdout-looks.yaml`; a release states the count.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import yaml
from msgspec import Meta

from ordain.core.specs.parts import Part
from ordain.core.yaml import yamlplain
from ordain.core.yaml.conflicts import LOOKS
from ordain.errors import UserError

FILE = LOOKS
_HEADER = (
    "# Which artifacts each holdout has judged, oldest first. Every look spends some of the holdout's\n"
    "# honesty, so releases state the count. `ordain run` appends; after a merge conflict keep both sides.\n"
)
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]


class Looks(Part, frozen=True, kw_only=True):
    """The file: artifact digests in the order of their first look, by holdout digest."""

    version: Annotated[int, Meta(ge=1, le=1)] = 1
    holdouts: dict[Digest, tuple[Digest, ...]] = {}

    def count(self, holdout: str) -> int:
        """How many different artifacts this holdout has judged."""
        return len(set(self.holdouts.get(holdout, ())))

    def with_look(self, holdout: str, artifact: str) -> Looks:
        """The same with one more look, or unchanged when that artifact was judged before."""
        seen = tuple(dict.fromkeys((*self.holdouts.get(holdout, ()), artifact)))
        return Looks(holdouts={**self.holdouts, holdout: seen})


def decode(data: bytes, where: str = FILE) -> Looks:
    """Read the file; no bytes mean no looks.

    Raises:
        UserError: when it is not such a file.
    """
    try:
        content = yamlplain.load(data)
        return Looks() if content is None else msgspec.convert(content, Looks)
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError, ValueError) as error:
        raise UserError(
            f"not a record of looks at a holdout: {error}",
            where=where,
            fix=f"git checkout {where}",
        ) from error


def encode(looks: Looks) -> bytes:
    """The file's bytes: header, then one line a look."""
    content = msgspec.to_builtins(looks)
    return (_HEADER + yaml.safe_dump(content, sort_keys=False)).encode("ascii")
