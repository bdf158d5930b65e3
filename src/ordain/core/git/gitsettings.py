"""Which of a repository's own settings would have Git run a program, and what stands in their place.

Git has no switch that leaves out a repository's configuration, which comes along in an archive of a whole
clone. So what there names a program is set again, over it: to what the machine or the person has for the
same key, or to what Git does by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

# What Git does by itself, by section and name; a filter, a helper or an askpass that is empty is none.
_NEUTRAL: Mapping[tuple[str, str], str] = {
    ("core", "sshcommand"): "ssh",
    ("core", "askpass"): "",
    ("core", "gitproxy"): "",
    ("core", "alternaterefscommand"): "true",
    ("filter", "clean"): "",
    ("filter", "smudge"): "",
    ("filter", "process"): "",
    ("filter", "required"): "false",
    ("merge", "driver"): "false",  # as if it had met a conflict
    ("gpg", "program"): "gpg",
    ("gpg", "defaultkeycommand"): "",
    ("remote", "uploadpack"): "git-upload-pack",
    ("remote", "receivepack"): "git-receive-pack",
    ("http", "savecookies"): "false",
}
_GPG = {"gpg.ssh.program": "ssh-keygen", "gpg.x509.program": "gpgsm"}
_OWN, _KEPT = {"local", "worktree"}, {"system", "global"}
Setting = tuple[str, str]


def parse(listed: bytes) -> list[tuple[str, str, str]]:
    """Scope, key and value of each setting, from `git config --list -z --show-scope`."""
    fields = listed.decode("utf-8", "surrogateescape").split("\0")
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return [(scope, *_split(entry)) for scope, entry in pairs]


def _split(entry: str) -> Setting:
    key, _, value = entry.partition("\n")
    return key, value


def overrides(rows: Sequence[tuple[str, str, str]]) -> list[Setting]:
    """What to set over a repository's settings, in this order, as keys and values.

    Args:
        rows: every setting that holds there: scope, key as Git prints it, value; in Git's own order.
    """
    kept = [(key, value) for scope, key, value in rows if scope in _KEPT]
    own = dict.fromkeys(key for scope, key, _ in rows if scope in _OWN)
    before = dict(kept)
    found = [(key, before.get(key, neutral)) for key in own if (neutral := _neutral(key)) is not None]
    if any(_is_helper(key) for key in own):
        # Helpers add up until an empty one, which takes back all that came before it.
        found += [("credential.helper", ""), *((key, value) for key, value in kept if _is_helper(key))]
    return found


def _neutral(key: str) -> str | None:
    name = (key.partition(".")[0], key.rpartition(".")[2])
    return _GPG.get(key, _NEUTRAL.get(name))


def _is_helper(key: str) -> bool:
    return key.startswith("credential.") and key.endswith(".helper")


def as_environment(settings: Iterable[Setting]) -> dict[str, str]:
    """The same as variables: on a command line a key could not hold every name that a section may have."""
    listed = list(settings)
    found = {"GIT_CONFIG_COUNT": str(len(listed))} if listed else {}
    for number, (key, value) in enumerate(listed):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found
