from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ordain.core.pipelines.closure import SOURCE
from ordain.core.pipelines.layout import CURVES, SCRIPTS, steps
from ordain.core.pipelines.pipeline import (
    DVC_FILES,
    HEADER,
    TRAINING_LOCK,
    Context,
    context_of,
    is_code_path,
    ordered,
    pipeline_files,
)
from ordain.core.specs.spec import Models, Params
from ordain.errors import UserError

MODEL: dict[str, Any] = {
    "owner": "retention",
    "description": "Who leaves.",
    "task": "binary",
    "risk": "low",
    "data": {
        "source": {"path": "data/rows.csv"},
        "target": "left",
        "positive": "Yes",
        "columns": {
            "left": {"type": "string", "categories": ["No", "Yes"]},
            "age": {"type": "integer", "min": 0, "nullable": False},
            "group": {"type": "string", "nullable": True, "feature": False},
        },
    },
    "selection": {"metric": "roc_auc"},
    "gates": {"quality": [{"metric": "roc_auc", "min": 0.6}]},
}
CANDIDATES: dict[str, dict[str, Any]] = {
    "linear": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 1.0}},
    "boosted": {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier"},
}
INSTALLED = Context(code={name: (f"stages/{name}.py",) for name in SCRIPTS}, version="1.2.3")


@dataclass(frozen=True)
class Instance:
    models: Models
    params: Params = field(default_factory=lambda: msgspec.convert({"version": 1, "candidates": {}}, Params))


def instance(models: dict[str, Any], candidates: dict[str, Any] | None = None, seed: int = 7) -> Instance:
    chosen = dict.fromkeys(models, CANDIDATES) if candidates is None else candidates
    return Instance(
        models=msgspec.convert({"version": 1, "renderer": 1, "models": models}, Models, strict=False),
        params=msgspec.convert({"version": 1, "seed": seed, "candidates": chosen}, Params),
    )


def read(files: dict[str, bytes], path: str) -> Any:
    return yaml.load(files[path], yaml.CSafeLoader)


def changed(**parts: Any) -> dict[str, Any]:
    """MODEL with parts of it replaced; `data__source` reaches inside."""
    model: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(MODEL))
    for name, value in parts.items():
        *path, last = name.split("__")
        place = model
        for each in path:
            place = place[each]
        place[last] = value
    return model


def test_each_model_gets_a_pipeline_and_the_top_file_reaches_all() -> None:
    files = pipeline_files(instance({"churn": MODEL, "fraud": MODEL}), INSTALLED)
    assert sorted(files) == sorted(
        ["dvc.yaml"]
        + [
            f"pipelines/{m}/{f}"
            for m in ("churn", "fraud")
            for f in (".gitignore", "dvc.yaml", "params.yaml")
        ]
    )
    assert read(files, "dvc.yaml") == {
        "stages": {
            "churn": {"cmd": "echo churn", "deps": ["pipelines/churn/gates.json"]},
            "fraud": {"cmd": "echo fraud", "deps": ["pipelines/fraud/gates.json"]},
        }
    }
    assert all(data.startswith(HEADER.encode()) for data in files.values())


def test_no_model_is_an_empty_fleet() -> None:
    assert read(pipeline_files(instance({}), INSTALLED), "dvc.yaml") == {"stages": {}}


def test_stages_and_their_commands() -> None:
    stages = read(pipeline_files(instance({"churn": MODEL}), INSTALLED), "pipelines/churn/dvc.yaml")["stages"]
    assert list(stages) == [
        "ingest",
        "contract",
        "split",
        "train-boosted",
        "evaluate-boosted",
        "train-linear",
        "evaluate-linear",
        "select",
        "export",
        "package",
        "gate",
    ]
    assert stages["train-linear"]["cmd"] == "python -P ../../stages/train.py --candidate linear"
    assert stages["gate"]["cmd"] == "python -P ../../stages/gate.py"
    assert "../../data/rows.csv" in stages["ingest"]["deps"]


def paths(stage: dict[str, Any], *keys: str) -> set[str]:
    listed = [each for key in keys for each in stage.get(key, [])]
    return {next(iter(each)) if isinstance(each, dict) else each for each in listed}


@pytest.mark.parametrize("task", sorted(CURVES))
def test_every_dependency_is_a_file_that_exists_or_that_one_stage_writes(task: str) -> None:
    model = changed(task=task)
    files = pipeline_files(instance({"churn": model}), INSTALLED)
    stages = read(files, "pipelines/churn/dvc.yaml")["stages"]
    written: list[str] = []
    for name, stage in stages.items():
        for each in paths(stage, "deps"):
            assert each.startswith("../../") or each in written, f"{name} reads {each}"
            assert each != "artifact"
        written += paths(stage, "outs", "metrics")
    assert len(written) == len(set(written))
    drawn = read(files, "pipelines/churn/dvc.yaml").get("plots", [])
    files_drawn = {file for each in drawn for plot in each.values() for file in plot["y"]}
    assert files_drawn == {each for each in written if each.endswith(".csv")}
    assert bool(drawn) == (task == "binary")


def test_git_holds_records_and_ignores_what_the_cache_holds() -> None:
    files = pipeline_files(instance({"churn": MODEL}), INSTALLED)
    ignored = {line[1:] for line in files["pipelines/churn/.gitignore"].decode().splitlines()[1:]}
    stages = read(files, "pipelines/churn/dvc.yaml")["stages"].values()
    outs = [each for stage in stages for key in ("outs", "metrics") for each in stage.get(key, [])]
    assert ignored == {each for each in outs if isinstance(each, str)}
    assert all(next(iter(each.values())) == {"cache": False} for each in outs if isinstance(each, dict))
    assert "artifact" in ignored
    assert "gates.json" not in ignored


def params_of(name: str) -> list[Any]:
    stages = read(pipeline_files(instance({"churn": MODEL}), INSTALLED), "pipelines/churn/dvc.yaml")["stages"]
    listed: list[Any] = stages[name]["params"]
    return listed


def test_a_candidate_depends_on_its_own_recipe_and_the_rest_on_the_champions() -> None:
    linear = [each for each in params_of("train-linear") if str(each).startswith("candidates")]
    assert linear == ["candidates.linear"]
    assert params_of("export")[-1] == {"champion.json": ["candidate", "recipe"]}
    assert not [each for each in params_of("gate") if str(each).startswith("candidates")]
    assert "gates.non_inferiority" not in params_of("gate")
    assert "data.source" not in params_of("train-linear")


def test_an_installed_package_counts_by_its_version_and_a_lock_by_its_bytes() -> None:
    assert all("ordain" in params_of(name) for name in ("ingest", "package", "gate"))
    lock = Context(code=INSTALLED.code, version="1.2.3", lock=TRAINING_LOCK)
    files = pipeline_files(instance({"churn": MODEL}), lock)
    stages = read(files, "pipelines/churn/dvc.yaml")["stages"]
    assert all(f"../../{TRAINING_LOCK}" in stage["deps"] for stage in stages.values())
    assert read(files, "pipelines/churn/params.yaml")["ordain"] == "1.2.3"


def test_parameters_have_one_order_and_no_column_defaults() -> None:
    files = pipeline_files(instance({"churn": MODEL}), INSTALLED)
    params = read(files, "pipelines/churn/params.yaml")
    assert params["data"]["columns"] == {
        "age": {"min": 0.0, "type": "integer"},
        "group": {"feature": False, "nullable": True, "type": "string"},
        "left": {"categories": ["No", "Yes"], "type": "string"},
    }
    assert list(params["data"]["columns"]) == ["age", "group", "left"]
    assert list(params["candidates"]) == ["boosted", "linear"]
    assert params["seed"] == 7
    other = changed(data__columns=dict(reversed(MODEL["data"]["columns"].items())))
    turned = {"churn": dict(reversed(CANDIDATES.items()))}
    assert pipeline_files(instance({"churn": other}, turned), INSTALLED) == files


def test_owner_risk_and_deployment_change_no_pipeline() -> None:
    other = changed(owner="sales", risk="high", description="Other.", deploy={"port": 9000})
    assert pipeline_files(instance({"churn": other}), INSTALLED) == pipeline_files(
        instance({"churn": MODEL}), INSTALLED
    )


def test_a_url_is_a_parameter_and_its_pin_a_file() -> None:
    model = changed(data__source={"url": "s3://bucket/rows.csv"})
    stages = read(pipeline_files(instance({"churn": model}), INSTALLED), "pipelines/churn/dvc.yaml")["stages"]
    assert stages["ingest"]["deps"] == ["../../stages/ingest.py", "source.json"]


@pytest.mark.parametrize(
    ("models", "candidates"),
    [
        ({"churn": MODEL}, {}),
        ({"churn": MODEL}, {"fraud": CANDIDATES}),
    ],
)
def test_a_model_without_candidates_is_refused(models: dict[str, Any], candidates: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="no candidate"):
        pipeline_files(instance(models, candidates), INSTALLED)


HOSTILE = ["a\n", "../x", "a b", "a;rm", "${x}", "-a", "A", "", "a/b", "a" * 41, "a\u202e"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused_even_past_the_schema(name: str) -> None:
    good = instance({"churn": MODEL})
    spec, candidates = good.models.models["churn"], good.params.candidates["churn"]
    as_model = Instance(
        models=Models(version=1, renderer=1, models={name: spec}),
        params=Params(version=1, candidates={name: candidates}),
    )
    as_candidate = Instance(
        models=good.models, params=Params(version=1, candidates={"churn": {name: candidates["linear"]}})
    )
    source = msgspec.structs.replace(spec.data.source, path=f"{name}\n")
    as_path = Instance(
        models=Models(
            version=1,
            renderer=1,
            models={
                "churn": msgspec.structs.replace(spec, data=msgspec.structs.replace(spec.data, source=source))
            },
        ),
        params=good.params,
    )
    for each in (as_model, as_candidate, as_path):
        with pytest.raises(UserError) as caught:
            pipeline_files(each, INSTALLED)
        assert caught.value.reason == "state-invalid"
        assert str(caught.value).isascii()


EVIL = st.text(max_size=30) | st.sampled_from(
    [
        "${x}",
        "\\${x}",
        '"; rm -rf /',
        "'$(id)'",
        "a\nstages: {}",
        "{{ x }}",
        "# c",
        "*a",
        "&a",
        "!!python/x",
        "- a",
    ]
)


@settings(deadline=None, max_examples=60)
@given(EVIL, EVIL, EVIL)
def test_declared_text_stays_a_value(label: str, other: str, parameter: str) -> None:
    """Whatever a category, a salt or a parameter says, the commands stay the same and the text comes back."""
    columns = {**MODEL["data"]["columns"], "left": {"type": "string", "categories": [label, other]}}
    model = changed(data__columns=columns, split={"salt": other})
    candidates = {"churn": {"linear": {**CANDIDATES["linear"], "parameters": {"a": parameter}}}}
    files = pipeline_files(instance({"churn": model}, candidates), INSTALLED)
    plain = pipeline_files(instance({"churn": MODEL}, {"churn": {"linear": CANDIDATES["linear"]}}), INSTALLED)
    assert files["pipelines/churn/dvc.yaml"] == plain["pipelines/churn/dvc.yaml"]
    data = files["pipelines/churn/params.yaml"]
    for params in (YAML(typ="safe").load(data), yaml.load(data, yaml.CSafeLoader)):
        assert params["data"]["columns"]["left"]["categories"] == [label, other]
        assert params["split"]["salt"] == other
        assert params["candidates"]["linear"]["parameters"]["a"] == parameter


def test_nothing_generated_for_dvc_can_be_a_template() -> None:
    files = pipeline_files(instance({"churn": MODEL, "fraud": MODEL}), INSTALLED)
    assert not [path for path, data in files.items() if path.endswith("dvc.yaml") and b"${" in data]
    commands = [line for line in files["pipelines/churn/dvc.yaml"].decode().splitlines() if "cmd:" in line]
    allowed = re.compile(r" +cmd: python -P \.\./\.\./stages/[a-z]+\.py( --candidate [a-z][a-z0-9-]*)?")
    assert all(allowed.fullmatch(line) for line in commands)


OWN = {
    "src/ordain/__init__.py": b"",
    "src/ordain/learn/__init__.py": b"",
    "src/ordain/learn/train.py": b"",
    "stages/train.py": b"from ordain.learn.train import x\n",
    "stages/gate.py": b"",
}


def test_own_source_counts_by_import_closure() -> None:
    context = context_of(OWN, "9.9.9")
    assert context.version is None
    assert context.lock is None
    assert context.code["train"] == (*sorted(OWN)[:3], "stages/train.py")
    assert context.code["gate"] == ("stages/gate.py",)
    assert context.code["select"] == ("stages/select.py",)
    params = read(pipeline_files(instance({"churn": MODEL}), context), "pipelines/churn/params.yaml")
    assert "ordain" not in params


def test_elsewhere_a_stage_is_its_script_and_the_installed_version() -> None:
    context = context_of({"stages/train.py": b"not python (", TRAINING_LOCK: b""}, "9.9.9")
    assert context.version == "9.9.9"
    assert context.lock == TRAINING_LOCK
    assert context.code == {name: (f"stages/{name}.py",) for name in SCRIPTS}


def test_source_that_is_not_python_is_named() -> None:
    with pytest.raises(UserError) as caught:
        context_of({**OWN, "stages/train.py": b"x = 1\nimport ("}, "1")
    assert caught.value.where == "stages/train.py:2"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("stages/train.py", True),
        ("src/ordain/core/specs/spec.py", True),
        (TRAINING_LOCK, True),
        ("stages/notes.md", False),
        ("models.yaml", False),
        ("stagesx/a.py", False),
        (SOURCE + "ordain/x.j2", False),
    ],
)
def test_what_can_decide_a_stage(path: str, expected: bool) -> None:
    assert is_code_path(path) is expected


def test_order_at_any_depth() -> None:
    value = {"b": [{"d": 1, "c": 2}], "a": (1, 2)}
    assert msgspec.json.encode(ordered(value)) == b'{"a":[1,2],"b":[{"c":2,"d":1}]}'


def test_dvc_is_told_to_keep_quiet_and_to_itself() -> None:
    config = DVC_FILES[".dvc/config"].decode()
    assert "analytics = false" in config
    assert "check_update = false" in config


def test_scripts_are_those_of_the_steps() -> None:
    spec = instance({"churn": MODEL}).models.models["churn"]
    assert {step.script for step in steps(spec, ["a"])} == set(SCRIPTS)
