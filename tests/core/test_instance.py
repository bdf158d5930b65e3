"""The door to the declared state: what it takes, what it refuses, and that nothing gets out of a folder."""

from __future__ import annotations

import posixpath
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.reasons import Reason
from ordain.core.specs import parts, spec
from ordain.core.state.instance import (
    assembled,
    environment_path,
    is_state_path,
    load,
    read_instance,
    release_path,
    sound_models,
    sound_part,
)
from ordain.errors import UserError
from tests.core.fleet import record


def test_a_valid_state_is_an_instance(state_files: dict[str, bytes]) -> None:
    instance = read_instance(state_files)
    assert list(instance.models.models) == ["churn"]
    assert set(instance.environments) == {"staging", "production"}
    assert instance.environments["production"].promotes_from == "staging"
    assert instance.releases == {}
    assert instance.params.candidates["churn"]["boosted-trees"].estimator == "xgboost.XGBClassifier"


def test_genesis_needs_a_policy_and_nothing_else(state_files: dict[str, bytes]) -> None:
    policy = b"\n".join(state_files["policy.yaml"].partition(b"rules:")[::2][:1])
    alone = {"policy.yaml": policy + b"rules: []\nchanges: {risk-officer: 1}\n"}
    instance = read_instance(alone)
    assert instance.models.models == {}
    assert instance.models.renderer == 1
    assert instance.params.candidates == {}
    (problem,) = load({}).problems
    assert (problem.file, problem.code) == ("policy.yaml", "missing-file")


def test_other_files_are_passed_over(state_files: dict[str, bytes]) -> None:
    others = {"README.md": b"\xff", "pipelines/churn/dvc.yaml": b":", "environments/README.md": b"x"}
    assert load({**state_files, **others}).problems == ()


@pytest.mark.parametrize(
    "path",
    [
        "models.yml",
        "environments/Production.yaml",
        "environments/production.yml",
        "environments/eu/production.yaml",
        "environments/-x.yaml",
        "environments/..yaml",
        "environments/.yaml",
        "releases/1.yaml",
        "releases/Churn/1.yaml",
        "releases/churn/01.yaml",
        "releases/churn/0.yaml",
        "releases/churn/latest.yaml",
        "releases/churn/1/a.yaml",
        "releases/churn/٣.yaml",
    ],
)
def test_a_file_whose_name_is_wrong_is_said_so(path: str, state_files: dict[str, bytes]) -> None:
    assert is_state_path(path)
    loaded = load({**state_files, path: b"version: 1\n"})
    assert loaded.instance is None
    assert [(each.file, each.code) for each in loaded.problems] == [(path, "file-name")]


def test_read_instance_names_the_first_problem_and_counts(state_files: dict[str, bytes]) -> None:
    one = {**state_files, "models.yaml": state_files["models.yaml"].replace(b"replicas:", b"replica:")}
    with pytest.raises(UserError, match=r"unknown key `replica`$") as caught:
        read_instance(one)
    assert caught.value.where == "models.yaml:30:7"
    assert caught.value.fix == "did you mean `replicas`?"
    assert caught.value.reason == Reason.STATE_INVALID
    two = {**one, "params.yaml": b"version: 2\n"}
    with pytest.raises(UserError, match=r"\(and 2 more\)$") as caught:
        read_instance(two)
    assert caught.value.fix == "ordain check"
    with pytest.raises(UserError, match=r"there is no policy\.yaml") as caught:
        read_instance({})
    assert caught.value.where == "policy.yaml"


def test_a_state_with_a_fault_of_meaning_is_refused_too(state_files: dict[str, bytes]) -> None:
    broken = {
        **state_files,
        "models.yaml": state_files["models.yaml"].replace(b"target: left", b"target: gone"),
    }
    assert load(broken).instance is not None
    with pytest.raises(UserError, match="not in the contract"):
        read_instance(broken)


def spoilt(files: dict[str, bytes], file: str, old: str, new: str) -> dict[str, bytes]:
    assert old.encode() in files[file]
    return {**files, file: files[file].replace(old.encode(), new.encode(), 1)}


def codes(files: dict[str, bytes]) -> list[tuple[str, str]]:
    return [(each.file, each.code) for each in load(files).problems]


def test_a_fault_of_shape_does_not_hide_faults_of_meaning_beside_it(state_files: dict[str, bytes]) -> None:
    model = state_files["models.yaml"].decode().partition("  churn:")[2]
    two = {**state_files, "models.yaml": state_files["models.yaml"] + b"  second:" + model.encode()}
    two["params.yaml"] += b"  second: {a: {estimator: os.system}}\n"
    files = spoilt(two, "models.yaml", "replicas:", "replica:")  # in the first model
    files["models.yaml"] = b"target: gone".join(files["models.yaml"].rsplit(b"target: left", 1))
    files = spoilt(files, "policy.yaml", "{reviewer: 2}", "{reviewer: 9}")
    assert codes(files) == [
        ("models.yaml", "unknown-key"),
        ("models.yaml", "unknown-column"),
        ("params.yaml", "estimator"),
        ("policy.yaml", "unmeetable-rule"),
    ]


def test_what_an_unread_file_may_explain_is_not_said(state_files: dict[str, bytes]) -> None:
    for file in ("models.yaml", "params.yaml", "environments/staging.yaml"):
        for data in (b"[", b"", b"[]", b"version: 1\n", b"\xff"):
            assert {path for path, _ in codes({**state_files, file: data})} == {file}
    pinned = spoilt(state_files, "environments/staging.yaml", "models: {}", "models: {churn: {release: 1}}")
    assert codes({**pinned, "releases/churn/1.yaml": b""}) == [("releases/churn/1.yaml", "empty-file")]
    renamed = {path.replace("models.yaml", "models.yml"): data for path, data in state_files.items()}
    assert codes(renamed) == [("models.yml", "file-name")]


def test_a_doubted_value_brings_no_fault_of_its_own(state_files: dict[str, bytes]) -> None:
    for old, new in (
        ('positive: "Yes"', "positive: Yes"),
        ("min: 0.7", "min: 7e-1"),
        ("margin: 0.02", "margin: *x"),
    ):
        (problem,) = load(spoilt(state_files, "models.yaml", old, new)).problems
        assert problem.code in {"bare-boolean", "number-as-text", "alias"}
    (problem,) = load(spoilt(state_files, "params.yaml", "C: 1.0", "C: 1e3")).problems
    assert problem.code == "number-as-text"


PATHS = st.sampled_from(
    ["models.yaml", "params.yaml", "policy.yaml", "environments/a.yaml", "releases/m/1.yaml"]
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(PATHS | st.text(max_size=20), st.binary(max_size=60), max_size=4))
def test_no_bytes_crash_it(files: dict[str, bytes]) -> None:
    loaded = load(files)
    assert loaded.instance is not None or loaded.problems


SCALARS = st.sampled_from(
    ["x", "1", "-1", "0.5", "[]", "{}", "~", "true", "Yes", '"Yes"', "1e-5", "[a, 1]", "{a: 1}"]
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_replaced_value_crashes_it(state_files: dict[str, bytes], data: st.DataObject) -> None:
    """Any value of a valid state replaced by anything gives an instance or a problem with a place."""
    file = data.draw(st.sampled_from(sorted(state_files)))
    text = state_files[file].decode()
    places = [found.span(1) for found in re.finditer(r"[:,] ([\w.\"-]+|\{[^{}]*\}|\[[^\[\]]*\])", text)]
    start, end = data.draw(st.sampled_from(places))
    loaded = load({**state_files, file: (text[:start] + data.draw(SCALARS) + text[end:]).encode()})
    assert loaded.instance is not None or loaded.problems
    assert all(each.line > 0 and each.code and each.message for each in loaded.problems)


def accepted(pattern: Any) -> st.SearchStrategy[str]:
    loose = st.text(st.sampled_from("ab.-_/\\ ~\n\0@:%A0=+é"), max_size=8)
    return (st.from_regex(pattern) | loose).filter(lambda text: bool(re.search(pattern, text)))


@settings(max_examples=200, deadline=None)
@given(accepted(parts.PATH_PATTERN))
def test_no_accepted_path_leads_out_of_its_folder(path: str) -> None:
    assert posixpath.normpath(path) == path
    assert posixpath.normpath(posixpath.join("/root/x", path)) == f"/root/x/{path}"
    assert not any(part.startswith(("-", ".")) or part == "" for part in path.split("/"))
    assert path.isprintable()
    assert path.isascii()
    assert " " not in path


@settings(max_examples=200, deadline=None)
@given(accepted(parts.NAME_PATTERN), st.integers(1, 10**9))
def test_no_accepted_name_leads_out_of_its_folder(name: str, number: int) -> None:
    for path in (environment_path(name), release_path(name, number), f"pipelines/{name}/dvc.yaml"):
        assert posixpath.normpath(path) == path
        assert path.count("/") == (1 if path.startswith("environments") else 2)
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name)
    assert is_state_path(environment_path(name))


@settings(max_examples=200, deadline=None)
@given(accepted(parts.BRANCH_PATTERN))
def test_no_accepted_branch_is_an_option_a_range_or_a_lock(branch: str) -> None:
    assert not branch.startswith(("-", "/", "."))
    assert not branch.endswith((".lock", "/", "."))
    assert not any(part in branch for part in ("..", "//", "@{", "\\", " ", "~", "^", ":", ".lock/", "/."))


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
LABELS = st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Cn")), min_size=1,
                          max_size=8), min_size=2, max_size=2, unique=True)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(model=NAMES, labels=LABELS, seed=st.integers(0, 2**31 - 1), bound=st.integers(0, 1000))
def test_every_accepted_instance_is_read_back_as_itself(
    state_files: dict[str, bytes], model: str, labels: list[str], seed: int, bound: int
) -> None:
    """What the types write is read as the same values, whatever printable labels it holds."""
    base = read_instance(state_files)
    old = base.models.models["churn"]
    target = spec.ColumnContract(type="string", categories=tuple(labels))
    data = msgspec.structs.replace(old.data, positive=labels[0], columns={**old.data.columns, "left": target})
    gates = msgspec.structs.replace(
        old.gates, quality=(spec.QualityGate(metric="roc_auc", min=bound / 1000),)
    )
    new = msgspec.structs.replace(old, data=data, gates=gates)
    candidates = {model: base.params.candidates["churn"]}
    written = {
        "models.yaml": spec.Models(version=1, renderer=1, models={model: new}),
        "params.yaml": spec.Params(version=1, seed=seed, candidates=candidates),
        "policy.yaml": msgspec.structs.replace(base.policy, waivers=()),
    }
    files = {path: msgspec.json.encode(value) for path, value in written.items()}
    places = {path: state_files[path] for path in state_files if path.startswith("environments/")}
    again = read_instance({**files, **places})
    assert again.models == written["models.yaml"]
    assert again.params == written["params.yaml"]
    assert again.policy == written["policy.yaml"]


def test_a_state_read_piece_by_piece_is_the_same(state_files: dict[str, bytes]) -> None:
    whole = read_instance(state_files)
    parts = {path: sound_part(path, data) for path, data in state_files.items() if is_state_path(path)}
    others = {path: part for path, part in parts.items() if not path.startswith("releases/")}
    assert assembled(others, whole.releases) == whole
    assert {
        release_path(each.model, each.number) for r in whole.releases.values() for each in r.values()
    } == {path for path in parts if path.startswith("releases/")}


def test_models_and_candidates_fit_by_themselves(state_files: dict[str, bytes]) -> None:
    models, params = (sound_part(path, state_files[path]) for path in ("models.yaml", "params.yaml"))
    assert sound_models(models, params)
    assert sound_models(None, None)
    assert not sound_models(models, None)
    assert not sound_models(None, params)


def test_a_record_is_sound_at_its_own_place_and_with_its_own_digest() -> None:
    made = record("churn", 3).closed()
    data = msgspec.json.encode(made)
    assert sound_part("releases/churn/3.yaml", data) == made
    assert sound_part("releases/churn/4.yaml", data) is None
    edited = msgspec.structs.replace(made, looks=made.looks + 1)
    assert sound_part("releases/churn/3.yaml", msgspec.json.encode(edited)) is None


@pytest.mark.parametrize("path", ["environments/staging.yml", "releases/a/b/1.yaml", "policy.yaml"])
def test_a_piece_that_is_not_sound_is_none(path: str) -> None:
    assert sound_part(path, b"{}") is None
    assert assembled({"policy.yaml": None}, {}) is None
    assert assembled({}, {}) is None
