"""The people that `ordain init` puts into a first policy: whoever is at the keyboard, and who was named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ordain.adapters import ssh
from ordain.adapters.git import Repository
from ordain.core.evidence import sshsig
from ordain.core.setup.scaffold import Person, person_id
from ordain.errors import UserError

_NAMED = re.compile(r"(?P<name>[^<>\x00-\x1f]{1,100}?)\s*<(?P<email>[!-;=?A-~]+@[!-;=?A-~]+)>")
Reviewer = tuple[str, Path]


def people(repository: Repository, reviewers: Sequence[Reviewer]) -> list[Person]:
    """Everybody of a first policy.

    Raises:
        UserError: when Git knows too little of the present person, or a reviewer or a key is none.
    """
    found = [present_person(repository)]
    for named, key in reviewers:
        name, email = name_of(named), email_of(named)
        if any(email == each.email for each in found):
            fix = "leave them out: whoever runs this is a reviewer already"
            raise UserError(f"{email} is named twice", where="--reviewer", fix=fix)
        taken = [each.id for each in found]
        public = ssh.public_key(key.expanduser()).text
        found.append(Person(id=person_id(name, taken), name=name, email=email, key=public))
    return found


def name_of(named: str) -> str:
    """The name in `NAME <EMAIL>`."""
    return _parts(named)["name"].strip()


def email_of(named: str) -> str:
    """The address in `NAME <EMAIL>`."""
    return _parts(named)["email"]


def _parts(named: str) -> re.Match[str]:
    found = _NAMED.fullmatch(named.strip())
    if found is None:
        fix = "write --reviewer 'Mei Tanaka <mei@example.org>' mei.pub"
        raise UserError(f"{named[:100]!a} is no name and address", where="--reviewer", fix=fix)
    return found


def present_person(repository: Repository) -> Person:
    """Whoever Git says is at the keyboard, with the SSH key they sign with.

    Raises:
        UserError: when Git knows no name, e-mail or key; it says which setting is missing.
    """
    values = {}
    for key in ("user.name", "user.email", "user.signingkey"):
        values[key] = repository.line("config", "--get", key, fine=(0, 1))
        if not values[key]:
            raise UserError(
                f"Git has no `{key}`, and the policy needs a first person",
                where="git config",
                fix=f"git config --global {key} ..., or give a policy with --policy FILE",
            )
    key_text = signing_key(values["user.signingkey"])
    name = values["user.name"]
    return Person(id=person_id(name, ()), name=name, email=values["user.email"], key=key_text)


def signing_key(setting: str) -> str:
    """The public key that `user.signingkey` names: by its file, or in full as Git allows too.

    Raises:
        UserError: when it is none, such as the name of a GPG key.
    """
    literal = setting.removeprefix("key::")
    try:
        if literal.startswith(("ssh-", "ecdsa-", "sk-")):
            return sshsig.parse_key(literal).text
        return ssh.public_key(Path(setting).expanduser()).text
    except (UserError, sshsig.SignatureError) as error:
        what = error.what if isinstance(error, UserError) else f"not a usable SSH key: {error}"
        fix = "git config --global gpg.format ssh; git config --global user.signingkey ~/.ssh/id_ed25519.pub"
        raise UserError(what, where="git config user.signingkey", fix=fix) from error
