"""The policy: people who can be told apart, rules that can be met, waivers for something that exists."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from ordain.core.people.trust import fingerprint
from ordain.core.problems import did_you_mean
from ordain.core.specs.governance import EXAMPLE_KEYS, OWNER, Key, Policy
from ordain.core.state.declared import Declared
from ordain.core.state.validate_data import Finding
from ordain.core.state.validate_models import gate_names
from ordain.core.yaml.yamldoc import Path
from ordain.core.yaml.yamlscalars import Fault, shown


def policy_faults(declared: Declared) -> Iterator[Finding]:
    """Everything wrong with `policy.yaml`."""
    policy = declared.instance.policy
    yield from _keys(policy)
    yield from _unreadable(policy)
    yield from _revoked(policy)
    yield from _accounts(policy)
    for place, rule in enumerate(policy.rules):
        where: Path = ("rules", place)
        yield from _known(
            rule.environments, declared.instance.environments, (*where, "environments"), "environment"
        )
        yield from _known(rule.models, declared.instance.models.models, (*where, "models"), "model")
        yield from _approvals(rule.approvals, policy, (*where, "approvals"))
    yield from _approvals(policy.changes, policy, ("changes",))
    yield from _approvals(policy.rollback or {}, policy, ("rollback",))
    yield from _owners(declared)
    yield from _waivers(declared)


def _all_keys(policy: Policy) -> Iterator[tuple[Path, str, Key]]:
    for name, person in policy.people.items():
        for place, key in enumerate(person.keys):
            yield ("people", name, "keys", place), f"`{name}`", key
    for place, key in enumerate(policy.collectors):
        yield ("collectors", place), "a collector", key


def _keys(policy: Policy) -> Iterator[Finding]:
    holders: dict[str, str] = {}
    for path, holder, key in _all_keys(policy):
        kind, blob = key.key.split(" ")[:2]
        if not _is_of_kind(blob, kind):
            fault = Fault("malformed", f"this is no {kind} key", "copy the line of the .pub file")
            yield (*path, "key"), fault
        if blob in holders:
            message = f"this key is also a key of {holders[blob]}"
            advice = "remove one: a key stands for one person, and no person is a collector"
            yield (*path, "key"), Fault("shared-key", message, advice)
        holders.setdefault(blob, holder)
        if policy.forge != "local" and (key.insecure_example or blob in EXAMPLE_KEYS):
            message = f"everybody has the private half of this example key, and the forge is {policy.forge}"
            advice = "put a key there that only its holder has"
            yield (*path, "key"), Fault("insecure-key", message, advice)


def _unreadable(policy: Policy) -> Iterator[Finding]:
    """Keys that name nobody: one of a collector's, or one that was meant to be revoked."""
    listed: list[tuple[Path, str]] = [
        (("collectors", place, "key"), each.key) for place, each in enumerate(policy.collectors)
    ]
    listed += [(("revoked", place), each) for place, each in enumerate(policy.revoked)]
    for path, key in listed:
        if fingerprint(key) is None:
            message = "this is no SSH key: it is cut off, or was copied wrongly"
            yield path, Fault("key-unreadable", message, "copy the whole line of the .pub file")


def _revoked(policy: Policy) -> Iterator[Finding]:
    revoked = {key.split(" ")[1] for key in policy.revoked}
    for path, holder, key in _all_keys(policy):
        if key.key.split(" ")[1] in revoked:
            message = f"this key of {holder} is also under `revoked`, so it never counts"
            yield (*path, "key"), Fault("revoked-key", message, "put another key here")


def _owners(declared: Declared) -> Iterator[Finding]:
    """Owners that nobody knows, and places for an owner that no one can fill."""
    policy, models = declared.instance.policy, declared.instance.models.models
    for model, people in policy.owners.items():
        if model not in models:
            advice = did_you_mean(model, models) or "remove it"
            yield ("owners", model), Fault("unknown-model", f"there is no model `{model}`", advice)
        yield from _known(people, policy.people, ("owners", model), "person")
    for name, person in policy.people.items():
        if OWNER in person.roles:
            advice = "list the person under `owners`, by model"
            where = ("people", name, "roles", person.roles.index(OWNER))
            yield where, Fault("reserved-role", "nobody owns everything", advice)
    if OWNER in policy.changes:
        advice = "name another role: a policy is no model's"
        yield ("changes", OWNER), Fault("unmeetable-rule", "the policy has no owner", advice)
    for place, rule in enumerate(policy.rules):
        asked = rule.approvals.get(OWNER, 0)
        for model in sorted(models if rule.models is None else {*rule.models} & models.keys()):
            able = [each for each in policy.owners.get(model, ()) if _counts(policy, each)]
            if len(able) < asked:
                message = f"{asked} owner(s) of `{model}` are asked for, and it has {len(able)}"
                advice = f"add people to `owners: {{{model}: [...]}}`, or lower the number"
                yield ("rules", place, "approvals", OWNER), Fault("unmeetable-rule", message, advice)


def _counts(policy: Policy, name: str) -> bool:
    person = policy.people.get(name)
    return person is not None and not person.bot


def _is_of_kind(blob: str, kind: str) -> bool:
    """Whether the key's bytes are base64 and begin with the kind that stands before them (RFC 4253, 6.6)."""
    try:
        data = b64decode(blob, validate=True)
    except ValueError:
        return False
    name = kind.encode()
    return data.startswith(len(name).to_bytes(4, "big") + name) and len(data) > len(name) + 4


def _accounts(policy: Policy) -> Iterator[Finding]:
    """E-mail addresses and logins that two people share: neither would be told from the other."""
    holders: dict[tuple[str, str], str] = {}
    for name, person in policy.people.items():
        path: Path = ("people", name)
        named: list[tuple[Path, str, str]] = [
            ((*path, "emails", place), "email", email) for place, email in enumerate(person.emails)
        ]
        named += [((*path, "logins", forge), forge, login) for forge, login in person.logins.items()]
        for where, kind, value in named:
            holder = holders.setdefault((kind, value.lower()), name)
            if holder != name:
                message = f"`{shown(value)}` also belongs to `{holder}`"
                yield where, Fault("shared-account", message, "remove one of the two")


def _known(
    names: Iterable[str] | None, known: Mapping[str, object], path: Path, what: str
) -> Iterator[Finding]:
    for place, name in enumerate(names or ()):
        if name not in known:
            advice = did_you_mean(name, known) or "remove it, or add what it names"
            yield (*path, place), Fault(f"unknown-{what}", f"there is no {what} `{name}`", advice)


def _approvals(approvals: Mapping[str, int], policy: Policy, path: Path) -> Iterator[Finding]:
    """Approvals that nobody could ever give."""
    held: dict[str, set[str]] = {OWNER: {name for name in policy.people if _counts(policy, name)}}
    for name, person in policy.people.items():
        for role in person.roles:
            held.setdefault(role, set()).update(() if person.bot else {name})
    for role, count in approvals.items():
        holders = held.get(role, set())
        where = (*path, role)
        if role not in held:
            advice = did_you_mean(role, held) or "give the role to people, or name one that they have"
            yield where, Fault("unknown-role", f"nobody has the role `{role}`", advice)
        elif len(holders) < count:
            message = f"the role `{role}` is asked for {count} times, and held by {len(holders)}"
            advice = "lower the number, or give the role to more people; bots never count"
            yield where, Fault("unmeetable-rule", message, advice)
    together = set[str]().union(*(held.get(role, set()) for role in approvals))
    asked = sum(approvals.values())
    each_alone = all(len(held.get(role, set())) >= count for role, count in approvals.items())
    if each_alone and len(together) < asked:
        message = f"{asked} people are asked for, and {len(together)} hold these roles together"
        yield (
            path,
            Fault("unmeetable-rule", message, "nobody fills two places: give the roles to more people"),
        )


def _waivers(declared: Declared) -> Iterator[Finding]:
    models = declared.instance.models.models
    for place, waiver in enumerate(declared.instance.policy.waivers):
        path: Path = ("waivers", place)
        if waiver.model not in models:
            advice = did_you_mean(waiver.model, models) or "remove the waiver"
            yield (*path, "model"), Fault("unknown-model", f"there is no model `{waiver.model}`", advice)
        else:
            gates = gate_names(models[waiver.model])
            if waiver.gate not in gates:
                message = f"`{waiver.model}` has no gate `{shown(waiver.gate)}`"
                advice = did_you_mean(waiver.gate, gates) or f"its gates are {', '.join(gates)}"
                yield (*path, "gate"), Fault("unknown-gate", message, advice)
        if not _is_date(waiver.expires):
            message = f"`{waiver.expires}` is no day of the calendar"
            yield (*path, "expires"), Fault("not-a-date", message, 'such as "2027-01-31"')


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
