"""What every declared file is built from: names, paths, quantities, and the base of its mappings.

A constraint and the words for it are written once, here; schemas and messages follow.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

# Every pattern ends with `(?!\n)$`: alone, `$` would let a trailing line break through.
# A name becomes a folder, a Kubernetes object and a URL segment, so it is a DNS label.
NAME_PATTERN = r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?(?!\n)$"
# Real tables have headings such as `petal length (cm)`, `Größe` and `年齢`. Letters are of scripts that read
# from left to right, each one character in the composed form; quotes, control characters and marks stay out.
LETTERS = "A-Za-zÀ-ÖØ-öø-ɏΆΈ-ΊΌΎ-ΡΣ-ώЀ-ҁҊ-ԯḀ-ỿぁ-ゖァ-ヺー一-鿿가-힣"
COLUMN_SIGNS = " _.,:;()/%+#&-"
COLUMN_PATTERN = rf"^[{LETTERS}0-9]([{LETTERS}0-9{COLUMN_SIGNS}]{{0,61}}[{LETTERS}0-9_)%.])?(?!\n)$"
# Relative and downwards only: no segment is empty or starts with a dot or a dash.
PATH_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.=+-]*(/[A-Za-z0-9_][A-Za-z0-9_.=+-]*)*(?!\n)$"
URL_PATTERN = r"^[a-z][a-z0-9+.-]*://[!-~]+(?!\n)$"
# A branch name that Git takes and that no command mistakes for an option, a range or a path.
BRANCH_PATTERN = r"^(?!.*\.lock(/|$))[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_][A-Za-z0-9_-]*)*(?!\n)$"
# A repository that a cluster may be told to read: over TLS or SSH, with no password in the address.
GIT_URL_PATTERN = r"^(https://|ssh://([a-z0-9_-]+@)?)[A-Za-z0-9.-]+(:[0-9]{2,5})?(/[A-Za-z0-9._~-]+)+(?!\n)$"
# Five fields of minute, hour, day, month and weekday: numbers, ranges, steps, lists and stars.
_FIELD = r"(\*|[0-9]{1,2}(-[0-9]{1,2})?(,[0-9]{1,2}(-[0-9]{1,2})?)*)(/[0-9]{1,2})?"
SCHEDULE_PATTERN = rf"^{_FIELD}( {_FIELD}){{4}}(?!\n)$"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
CIDR_PATTERN = rf"^{_OCTET}(\.{_OCTET}){{3}}/(3[0-2]|[12]?[0-9])(?!\n)$"
LABEL_KEY_PATTERN = (
    r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?(?!\n)$"
)
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?(?!\n)$"
IMPORT_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+(?!\n)$"


def matching(pattern: str, words: str, **more: Any) -> Meta:
    """A constraint on text: the pattern, and what editors and messages say in its place."""
    return Meta(pattern=pattern, extra_json_schema={"patternErrorMessage": words}, **more)


_NAME = "lower-case letters, digits and inner dashes, starting with a letter, at most 40 characters"
_COLUMN = "letters, digits, inner spaces and _ . , : ; ( ) / % + # & -, at most 63, a letter or digit first"
_PATH = "a relative path of letters, digits, / and _ . = + -, no segment starting with a dot or a dash"
_URL = "a URL with its scheme, such as s3://bucket/file.csv, without spaces"
BRANCH_WORDS = "a Git branch name: letters, digits, and single . / _ -"
IMPORT_WORDS = "an import path such as sklearn.linear_model.LogisticRegression"
Name = Annotated[str, matching(NAME_PATTERN, _NAME, description="A DNS label of at most 40 characters.")]
Column = Annotated[str, matching(COLUMN_PATTERN, _COLUMN, description="A column of the data.")]
FilePath = Annotated[str, matching(PATH_PATTERN, _PATH, max_length=500)]
Url = Annotated[str, matching(URL_PATTERN, _URL, max_length=2000)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]
Cpu = Annotated[
    str,
    matching(
        r"^([0-9]{1,6}m|[0-9]{1,4}(\.[0-9]{1,3})?)(?!\n)$",
        'quoted cores such as "0.5", or thousandths such as "500m"',
    ),
]
Bytes = Annotated[
    str, matching(r"^[0-9]{1,9}(Ki|Mi|Gi)(?!\n)$", "a whole number and Ki, Mi or Gi, such as 512Mi")
]
Parameter = Annotated[
    str, matching(r"^[A-Za-z][A-Za-z0-9_]{0,62}(?!\n)$", "a parameter: letters, digits and underscores")
]
GitUrl = Annotated[
    str,
    matching(GIT_URL_PATTERN, "an address such as https://host/team/repository.git", max_length=500),
]
Schedule = Annotated[
    str, matching(SCHEDULE_PATTERN, 'a quoted cron schedule of five fields such as "30 4 * * *"')
]
Cidr = Annotated[str, matching(CIDR_PATTERN, "an IPv4 network such as 10.20.0.0/16")]
LabelKey = Annotated[
    str, matching(LABEL_KEY_PATTERN, "a Kubernetes label key such as node-role.kubernetes.io/edge")
]
LabelValue = Annotated[
    str, matching(LABEL_VALUE_PATTERN, "a Kubernetes label value of at most 63 characters, or nothing")
]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """Base of every declared mapping: immutable, named fields only, unknown keys refused."""
