"""A branch is named without the folder of its ref, in every file that names one."""

from __future__ import annotations

from msgspec.structs import replace

from ordain.core.specs.alarms import Alarms
from ordain.core.specs.deployment import ArgoCd, Gitops
from ordain.core.state.branches import branch_problems
from ordain.core.state.declared import Declared
from tests.core.fleet import PLAIN, POLICY, SPEC, STAGING, fleet


def problems(branch: str) -> list[tuple[str, str]]:
    repository = "https://git.example/acme/models"
    alarms = Alarms(forge="gitlab", repository=repository, branch=branch, secret="forge")
    instance = fleet({"churn": SPEC}, {"staging": replace(STAGING, alarms=alarms), "production": PLAIN})
    gitops = Gitops(repository=f"{repository}.git", branch=branch, argocd=ArgoCd())
    found = replace(
        instance,
        models=replace(instance.models, gitops=gitops),
        policy=replace(POLICY, branch=branch, live=branch),
    )
    return [(each.file, each.code) for each in branch_problems(Declared(instance=found, documents={}))]


def test_a_ref_is_no_branch() -> None:
    files = ["policy.yaml", "policy.yaml", "models.yaml", "environments/staging.yaml"]
    assert problems("refs/heads/main") == [(each, "branch-as-ref") for each in files]
    assert problems("main") == problems("heads/main") == []


def test_where_nothing_names_one_nothing_is_said() -> None:
    plain = Declared(instance=fleet({"churn": SPEC}, {"staging": STAGING}), documents={})
    assert list(branch_problems(plain)) == []


def test_a_forges_ledger_has_a_branch_of_its_own() -> None:
    for forge, found in (("local", []), ("github", [("policy.yaml", "ledger-on-base")])):
        policy = replace(POLICY, forge=forge, branch="main", live="main")
        instance = replace(fleet({"churn": SPEC}, {"staging": STAGING}), policy=policy)
        told = branch_problems(Declared(instance=instance, documents={}))
        assert [(each.file, each.code) for each in told] == found
