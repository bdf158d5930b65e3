"""What tokens may do, as the forges document it, and what our pages say that each verb needs.

GitHub: "Permissions required for fine-grained personal access tokens" of its REST documentation, which has no
entry for GraphQL. GitLab: "Personal access token scopes", "Roles and permissions", "Trigger pipelines by
using the API".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.adapters.forges import github_world as on_github
from tests.adapters.forges import gitlab_world as on_gitlab
from tests.adapters.forges.standin import Fault

DOCS = Path(__file__).parents[3] / "docs"
LEVELS = ("read", "write")
ROLES = ("Guest", "Reporter", "Developer", "Maintainer")
TRIGGER = "a pipeline trigger token"
Refuses = Callable[[str, str], Fault | None]
# Any of these sets will do.
ANY_OF: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("GET", on_github.PULLS): (("Pull requests: read",),),
    ("GET", on_github.PULL): (("Pull requests: read",),),
    ("GET", on_github.COMMITS): (("Pull requests: read",),),
    ("GET", on_github.REVIEWS): (("Pull requests: read",),),
    ("GET", on_github.ASSOCIATED): (("Pull requests: read",),),
    ("GET", on_github.HISTORY): (("Contents: read",),),
    ("GET", on_github.ACTIVITY): (("Contents: read",),),
    ("GET", on_github.SUITES): (("Administration: write",),),
    ("GET", on_github.COMMENTS): (("Issues: read",), ("Pull requests: read",)),
    ("GET", on_github.STATUSES): (("Commit statuses: read",),),
    ("GET", "/user"): ((),),
    ("POST", on_github.PULLS): (("Pull requests: write",),),
    ("POST", on_github.COMMENTS): (("Issues: write",), ("Pull requests: write",)),
    ("PATCH", on_github.COMMENT): (("Issues: write",), ("Pull requests: write",)),
    ("DELETE", on_github.COMMENT): (("Issues: write",), ("Pull requests: write",)),
    ("POST", on_github.LABELS): (("Issues: write",), ("Pull requests: write",)),
    ("POST", on_github.STATUS): (("Commit statuses: write",),),
    ("POST", on_github.DISPATCHES): (("Contents: write",),),
    ("POST", on_github.GRAPHQL): (("Pull requests: write", "Contents: write"),),
}
NO_GRAPHQL = b'{"data": null, "errors": [{"type": "FORBIDDEN", "message": "Resource not accessible"}]}'


def listed(page: str, heading: str) -> dict[str, str]:
    """The rows of the first table below a heading of a page: what for, and what it takes."""
    text = (DOCS / page).read_text().split(f"\n{heading}\n", 1)[1]
    rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert rows is not None
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[0].splitlines()[2:]]
    return {re.sub(r"\]\([^)]*\)|[\[\]`]", "", what): needs for what, needs in cells}


def github(granted: Iterable[str]) -> Refuses:
    """GitHub, for a fine-grained token with permissions such as `Contents: write`."""
    has = dict(each.split(": ") for each in sorted(granted))  # so that `write` comes after `read`

    def enough(needed: str) -> bool:
        name, level = needed.split(": ")
        return name in has and LEVELS.index(has[name]) >= LEVELS.index(level)

    def refuses(method: str, template: str) -> Fault | None:
        if any(all(map(enough, each)) for each in ANY_OF[method, template]):
            return None
        return Fault(status=200, body=NO_GRAPHQL) if template == on_github.GRAPHQL else Fault(status=403)

    return refuses


def gitlab(granted: str) -> Refuses:
    """GitLab, for `the scope … and the … role` of a project access token, or a trigger token."""
    found = re.fullmatch(r"the scope (\w+) and the (\w+) role", granted)

    def refuses(method: str, template: str) -> Fault | None:
        if template == on_gitlab.TRIGGER:
            return None if found is None and granted.startswith(TRIGGER) else Fault(status=404)
        if found is None:
            return Fault(status=401)
        least = "Maintainer" if template == on_gitlab.SETTINGS else "Reporter"
        if method != "GET":
            least = "Developer"
        reads = found[1] in {"api", "read_api"} if method == "GET" else found[1] == "api"
        return None if reads and ROLES.index(found[2]) >= ROLES.index(least) else Fault(status=403)

    return refuses
