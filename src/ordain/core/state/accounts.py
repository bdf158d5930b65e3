"""People and bots of a policy whom its forge would not know: what their accounts push is nobody's."""

from __future__ import annotations

from collections.abc import Iterator

from ordain.core.problems import Problem
from ordain.core.state.declared import POLICY, Declared
from ordain.core.yaml.yamlscalars import Fault


def unlisted_accounts(declared: Declared) -> Iterator[Problem]:
    """Everybody of a policy who has no account on its forge there; none for the local one.

    Whoever only signs needs none, so it is worth a note and no refusal.
    """
    policy = declared.instance.policy
    if policy.forge == "local":
        return
    for name, person in sorted(policy.people.items()):
        if policy.forge not in person.logins:
            pushes = "what CI pushes with its token is" if person.bot else "a change that they push is"
            message = f"no account on {policy.forge} is listed: {pushes} refused (author-unproven)"
            account = "the account whose token CI has" if person.bot else "theirs"
            advice = f"logins: {{{policy.forge}: ACCOUNT}}, {account}"
            yield declared.at_key(POLICY, ("people", name), Fault("unlisted-account", message, advice))
