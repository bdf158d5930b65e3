"""Which roles must accept a change, and whether the people at hand fill them."""

from __future__ import annotations

from collections.abc import Mapping, Set

from ordain.core.decisions import Action
from ordain.core.people.ties import Names
from ordain.core.rendering.gitops import TOOLS
from ordain.core.specs.governance import OWNER, SHARED, Policy, Risk, Rule
from ordain.core.specs.identity import Target
from ordain.core.state.declared import Instance

RISKS: tuple[Risk, ...] = ("low", "medium", "high")


def higher(*risks: Risk | None) -> Risk | None:
    """The highest of some risk tiers, None where none is known."""
    known = [each for each in risks if each is not None]
    return max(known, key=RISKS.index) if known else None


def declared_risk(instance: Instance | None, target: Target) -> Risk | None:
    """The tier that a state declares for a target; for `_shared`, the highest of what is pinned there."""
    environment = instance.environments.get(target.environment) if instance else None
    if instance is None or environment is None:
        return None
    named = environment.models if target.model == SHARED else (target.model,)
    return higher(*(instance.models.models[name].risk for name in named if name in instance.models.models))


def required(policy: Policy, target: Target, action: Action, risk: Risk | None) -> dict[str, int] | None:
    """How many people of which role must accept; None when no rule speaks of this change.

    Where several rules match, each role's largest number counts, so that meeting the result meets
    every rule. A rule that names models does not speak of what an environment shares. What points a
    GitOps tool at all environments is judged by the rules of each of them.

    Args:
        risk: the tier to judge by; unknown counts as `high`.
    """
    if action == "policy":
        return dict(policy.changes)
    found: dict[str, int] = {}
    for rule in policy.rules:
        if _matches(rule, target, risk or "high"):
            for role, count in rule.approvals.items():
                found[role] = max(count, found.get(role, 0))
    if found and action == "rollback" and policy.rollback is not None:
        return dict(policy.rollback)
    return found or None


def signed_only(policy: Policy, target: Target, action: Action, risk: Risk | None) -> bool:
    """Whether nothing but approvers' own signatures counts for this change.

    It holds for rollbacks too, and for the policy as soon as any rule demands it: otherwise a forge's
    word could take the demand away.
    """
    demanding = [rule for rule in policy.rules if rule.signed]
    if action == "policy":
        return bool(demanding)
    return any(_matches(rule, target, risk or "high") for rule in demanding)


def roles_of(policy: Policy, person: str, target: Target) -> frozenset[str]:
    """The roles that somebody holds for a target: those of `people`, and `owner` where they own the model.

    What an environment shares is owned by whoever owns a model.
    """
    shared = target.model == SHARED
    owned = any(
        person in people for model, people in policy.owners.items() if shared or model == target.model
    )
    return frozenset(policy.people[person].roles) - {OWNER} | ({OWNER} if owned else set())


def _matches(rule: Rule, target: Target, risk: Risk) -> bool:
    return (
        (rule.environments is None or target.environment in (*rule.environments, *TOOLS))
        and (rule.models is None or (target.model != SHARED and target.model in rule.models))
        and (rule.risk is None or risk in rule.risk)
    )


def once(roles: Mapping[str, Set[str]], names: Names) -> tuple[tuple[str, ...], dict[str, Set[str]]]:
    """Those names at hand that add to what a person may fill, and the roles of each person, who counts once.

    Args:
        roles: by name. names: every name of some people, which ties fall into distinct persons.
    """
    cited: list[str] = []
    people: dict[str, Set[str]] = {}
    for name in sorted(roles):
        person = min(roles.keys() & {name, *names((name,))})
        held = people.get(person, frozenset())
        if not roles[name] <= held:
            cited.append(name)
            people[person] = held | roles[name]
    return tuple(cited), people


def unfilled(needed: Mapping[str, int], people: Mapping[str, Set[str]]) -> dict[str, int]:
    """Places that stay empty when distinct people fill as many as they can.

    A largest matching between people and places, by augmenting paths (Kuhn).

    Args:
        needed: how many places each role has.
        people: the roles of each person at hand; nobody fills two places.
    """
    places = [role for role in sorted(needed) for _ in range(needed[role])]
    seated: dict[int, str] = {}

    def seat(person: str, tried: set[int]) -> bool:
        for place, role in enumerate(places):
            if role in people[person] and place not in tried:
                tried.add(place)
                if place not in seated or seat(seated[place], tried):
                    seated[place] = person
                    return True
        return False

    for person in sorted(people):
        seat(person, set())
    empty = [role for place, role in enumerate(places) if place not in seated]
    return {role: empty.count(role) for role in sorted(set(empty))}
