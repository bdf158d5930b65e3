"""`ordain-askpass`: what Git runs to ask for a password (GIT_ASKPASS), so that no token is on a disk.

The token is in GITHUB_TOKEN or GITLAB_TOKEN. It is given to the forge's own host over TLS and to no other,
whatever address a repository makes Git ask for.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

# "Username for 'https://host': ", "Password for 'https://user@host': ", in any language.
_ADDRESS = re.compile(r"'(https://[^'\s]+)'")
USER = "x-access-token"


def answer(prompt: str, variables: Mapping[str, str]) -> str | None:
    """What to say to a prompt of Git's; None to refuse.

    Args:
        prompt: Git's question. variables: of the process; besides the token, the forge's
            own address as CI gives it, GITHUB_SERVER_URL or CI_SERVER_URL.
    """
    found = _ADDRESS.search(prompt)
    server = variables.get("GITHUB_SERVER_URL") or variables.get("CI_SERVER_URL") or "https://github.com"
    token = variables.get("GITHUB_TOKEN") or variables.get("GITLAB_TOKEN")
    if found is None or not token:
        return None
    try:
        asked, ours = urlsplit(found[1]), urlsplit(server)
        same = (asked.hostname, asked.port or 443) == (ours.hostname, ours.port or 443)
    except ValueError:
        return None
    if not same or ours.scheme != "https":
        return None
    return token if asked.username is not None else USER


def main() -> None:
    """Answer the prompt that is the only argument; end with 1 when there is none for it."""
    said = answer(sys.argv[1] if len(sys.argv) == 2 else "", os.environ)
    if said is None:
        sys.exit(1)
    sys.stdout.write(f"{said}\n")
