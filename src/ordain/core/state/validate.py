"""What the declared files must say together, beyond what each may say alone."""

from __future__ import annotations

from collections.abc import Iterator

from ordain.core.problems import Problem, did_you_mean
from ordain.core.state.declared import MODELS, PARAMS, POLICY, Declared
from ordain.core.state.validate_data import data_faults
from ordain.core.state.validate_deploy import (
    deploy_faults,
    gitops_faults,
    kept_faults,
    monitoring_faults,
)
from ordain.core.state.validate_environments import environment_problems, release_problems
from ordain.core.state.validate_models import estimator_fault, gate_faults, selection_faults
from ordain.core.state.validate_policy import policy_faults
from ordain.core.yaml.yamldoc import Path
from ordain.core.yaml.yamlscalars import Fault


def validate(declared: Declared) -> list[Problem]:
    """Every fault that only shows when values, and files, are read together."""
    return [*validate_models(declared), *validate_rest(declared), *release_problems(declared)]


def validate_models(declared: Declared) -> list[Problem]:
    """What shows in models and candidates alone."""
    return [*_models(declared), *_candidates(declared)]


def validate_rest(declared: Declared) -> list[Problem]:
    """What shows in environments and policy, given models and release records that are sound."""
    return [
        *environment_problems(declared),
        *(declared.at_value(POLICY, path, fault) for path, fault in policy_faults(declared)),
    ]


def _models(declared: Declared) -> Iterator[Problem]:
    candidates = declared.instance.params.candidates
    for name, spec in sorted(declared.instance.models.models.items()):
        path: Path = ("models", name)
        if name not in candidates:
            advice = f"add one under `candidates.{name}` in {PARAMS}"
            fault = Fault("no-candidate", f"the model `{name}` has no candidate", advice)
            yield declared.at_key(MODELS, path, fault)
        for where, fault in (
            *data_faults(spec, (*path, "data")),
            *selection_faults(spec, path),
            *gate_faults(spec, (*path, "gates")),
            *deploy_faults(spec.deploy, (*path, "deploy")),
            *kept_faults(spec, (*path, "deploy")),
            *monitoring_faults(spec.monitoring, (*path, "monitoring")),
        ):
            yield declared.at_value(MODELS, where, fault)
    gitops = declared.instance.models.gitops
    if gitops is not None:
        for where, fault in gitops_faults(gitops, ("gitops",)):
            yield declared.at_value(MODELS, where, fault)


def _candidates(declared: Declared) -> Iterator[Problem]:
    models = declared.instance.models.models
    for model, candidates in sorted(declared.instance.params.candidates.items()):
        path: Path = ("candidates", model)
        if model not in models:
            advice = did_you_mean(model, models) or f"remove it, or add the model to {MODELS}"
            fault = Fault("unknown-model", f"the model `{model}` is not in {MODELS}", advice)
            yield declared.at_key(PARAMS, path, fault)
        for name, candidate in sorted(candidates.items()):
            refused = estimator_fault(candidate)
            if refused:
                yield declared.at_value(PARAMS, (*path, name, "estimator"), refused)
