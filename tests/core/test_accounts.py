"""People and bots without an account on their policy's forge are told of."""

from __future__ import annotations

from msgspec.structs import replace

from ordain.core.specs.governance import Person
from ordain.core.state.accounts import unlisted_accounts
from ordain.core.state.declared import Declared
from tests.core.fleet import POLICY, SPEC, STAGING, fleet

MEI = Person(name="Mei", emails=("mei@x.example",), logins={"github": "mei"})
BOT = Person(name="Bot", emails=("bot@x.example",), bot=True)


def told(forge: str, **people: Person) -> list[tuple[str, str]]:
    instance = fleet({"churn": SPEC}, {"staging": STAGING})
    declared = Declared(
        instance=replace(instance, policy=replace(POLICY, forge=forge, people=people)), documents={}
    )
    found = list(unlisted_accounts(declared))
    assert {each.code for each in found} <= {"unlisted-account"}
    assert {each.file for each in found} <= {"policy.yaml"}
    return [(each.key, each.suggestion.rpartition(", ")[2]) for each in found]


def test_whoever_has_no_account_on_the_forge_is_told_of() -> None:
    assert told("github", mei=MEI, bot=BOT) == [("people.bot", "the account whose token CI has")]
    assert told("gitlab", mei=MEI) == [("people.mei", "theirs")]
    assert told("github", mei=MEI, bot=replace(BOT, logins={"github": "shop[bot]"})) == []


def test_the_local_forge_has_no_accounts() -> None:
    assert told("local", mei=MEI, bot=BOT) == []
