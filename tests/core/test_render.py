"""Rendered bytes: exactly the golden ones, the same everywhere, and no value out of its place."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.adapters.resources import templates
from ordain.core.canonical import bytes_digest
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import desired
from ordain.core.rendering.render import RENDERER_VERSION, render_model, render_shared
from ordain.core.rendering.templating import parse
from ordain.core.rendering.workload import Unit
from ordain.core.specs.deployment import Deploy, Quantities, Resources
from ordain.core.specs.governance import Environment, Runtime
from ordain.core.specs.identity import Target
from ordain.errors import UserError
from tests.core.fleet import COPIED, OTHER, ROOT, SPEC, STAGING, example, own, record
from tests.core.test_templating import NASTY, every_parser

GOLDEN = Path(__file__).parents[1] / "golden" / "manifests"
TEMPLATES = templates()
UNIT = Unit(
    target=Target(environment="staging", model="churn"),
    intent=OTHER,
    environment=STAGING,
    owner="retention",
    risk="high",
    deploy=SPEC.deploy,
    monitoring=SPEC.monitoring,
    release=record("churn"),
)
text = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]))
# Where a spec, an environment or a record holds text that reaches a manifest.
FIELDS = (
    "intent", "owner", "risk", "namespace", "registry", "image", "secret", "caller", "cpu", "memory",
    "invalid", "artifact",
)  # fmt: skip


# --- golden files -----------------------------------------------------------------------------------


def rendered_by_path() -> dict[str, bytes]:
    found = desired(own(), TEMPLATES).values()
    return {path: data for each in found for path, data in each.files.items()}


def compare(golden: Callable[[Path, bytes], None], folder: Path, files: Mapping[str, bytes]) -> None:
    """Every file against its golden one, and no golden one more."""
    advice = (
        f"the rendered bytes are not those of RENDERER_VERSION {RENDERER_VERSION}, which every reconciled "
        "repository pins: if the change is meant, raise RENDERER_VERSION in core/rendering/render.py and "
        "`renderer` in models.yaml, then pytest --update-golden and read the change"
    )
    for path, data in files.items():
        try:
            golden(folder / path, data)
        except AssertionError as error:
            raise AssertionError(f"{path}: {advice}\n{error}") from error
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}
    assert there == files.keys(), f"{sorted(there ^ files.keys())}: {advice}"


def test_this_repositorys_manifests_are_the_golden_ones(
    golden: Callable[[Path, bytes], None], request: pytest.FixtureRequest
) -> None:
    files = rendered_by_path()
    if request.config.getoption("--update-golden"):
        for path in GOLDEN.rglob("*.yaml"):
            if path.relative_to(GOLDEN).as_posix() not in files:
                path.unlink()
    compare(golden, GOLDEN, files)


@pytest.mark.parametrize("change", ["other bytes", "one file less", "one file more"])
def test_whoever_changes_rendered_bytes_is_told_of_the_renderers_version(
    change: str, golden: Callable[[Path, bytes], None], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--update-golden"):
        pytest.skip("golden files are being written, not compared")
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging" / "a.yaml").write_bytes(b"a: 1\n")
    files = {"staging/a.yaml": b"a: 2\n" if change == "other bytes" else b"a: 1\n"}
    if change == "one file more":
        files["staging/b.yaml"] = b"b: 1\n"
    elif change == "one file less":
        (tmp_path / "staging" / "b.yaml").write_bytes(b"b: 1\n")
    with pytest.raises(AssertionError, match=f"RENDERER_VERSION {RENDERER_VERSION}"):
        compare(golden, tmp_path, files)


# --- the same everywhere ----------------------------------------------------------------------------

PRINT_DIGESTS = """\
import json
from ordain.adapters.resources import templates
from ordain.core.canonical import bytes_digest
from ordain.core.rendering.desired import desired
from tests.core.fleet import example, own

found = [*desired(own(), templates()).values(), *desired(example(), templates()).values()]
files = [[[path, bytes_digest(data)] for path, data in each.files.items()] for each in found]
print(json.dumps([[each.subject, digests] for each, digests in zip(found, files)]))
"""


@pytest.mark.parametrize(
    ("mask", "surroundings"),
    [
        ("077", {"TZ": "Pacific/Kiritimati", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "1"}),
        ("000", {"TZ": "America/St_Johns", "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8",
                 "PYTHONHASHSEED": "4242", "PYTHONUTF8": "0", "COLUMNS": "20"}),
    ],
    ids=["far east, C", "Turkish"],
)  # fmt: skip
def test_bytes_do_not_depend_on_where_when_and_by_whom_they_are_rendered(
    mask: str, surroundings: dict[str, str], tmp_path: Path
) -> None:
    found = [*desired(own(), TEMPLATES).values(), *desired(example(), TEMPLATES).values()]
    here = [
        [each.subject, [[path, bytes_digest(data)] for path, data in each.files.items()]] for each in found
    ]
    done = subprocess.run(
        ["sh", "-c", f'umask {mask} && exec "$@"', "sh", sys.executable, "-c", PRINT_DIGESTS],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **surroundings},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == here


# --- no value out of its place ----------------------------------------------------------------------


def unit_of(words: Mapping[str, str], base: Any) -> Unit:
    """A unit whose every text is the given one, past all validation."""
    amount = Quantities(cpu=words["cpu"], memory=words["memory"])
    resources = Resources(requests=amount, limits=amount)
    return Unit(
        target=UNIT.target,
        intent=words["intent"],
        environment=environment_of(words),
        owner=words["owner"],
        risk=words["risk"],
        deploy=replace(base.deploy, resources=resources, invalid_input=words["invalid"]),
        monitoring=base.monitoring,
        release=replace(UNIT.release, artifact=words["artifact"]),
    )


def environment_of(words: Mapping[str, str]) -> Environment:
    return replace(
        STAGING,
        namespace=words["namespace"],
        registry=words["registry"],
        runtime=Runtime(image=words["image"], pull_secrets=(words["secret"], words["secret"])),
        allow_from=(words["caller"], "gateway"),
    )


def filled(tree: Any, words: Mapping[str, str]) -> Any:
    """A parsed manifest of marks with each mark replaced by its text."""
    if isinstance(tree, str):
        return re.sub(r"<<(\w+)>>", lambda found: words[found.group(1)], tree)
    if isinstance(tree, dict):
        return {key: filled(value, words) for key, value in tree.items()}
    return [filled(each, words) for each in tree] if isinstance(tree, list) else tree


MARKS = {name: f"<<{name}>>" for name in FIELDS}


@settings(deadline=None, max_examples=60)
@given(words=st.fixed_dictionaries(dict.fromkeys(FIELDS, text)), base=st.sampled_from([SPEC, COPIED]))
def test_no_text_adds_a_document_or_a_key_and_each_comes_back_as_it_was(
    words: dict[str, str], base: Any
) -> None:
    expected = render_model(unit_of(MARKS, base), TEMPLATES)
    found = render_model(unit_of(words, base), TEMPLATES)
    assert found.keys() == expected.keys()
    for path, data in found.items():
        assert parse(data) == filled(parse(expected[path]), words)
        assert data.count(b"\n") == expected[path].count(b"\n")


@settings(deadline=None, max_examples=40)
@given(words=st.fixed_dictionaries(dict.fromkeys(FIELDS, text)))
def test_nor_does_text_in_what_an_environment_shares(words: dict[str, str]) -> None:
    expected = render_shared("staging", environment_of(MARKS), TEMPLATES)
    found = render_shared("staging", environment_of(words), TEMPLATES)
    assert {path: parse(data) for path, data in found.items()} == {
        path: filled(parse(data), words) for path, data in expected.items()
    }


@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
def test_every_parser_reads_a_manifest_alike(nasty: str) -> None:
    unit = unit_of(dict.fromkeys(FIELDS, nasty), SPEC)
    first, *others = every_parser(render_model(unit, TEMPLATES)["staging/churn/deployment.yaml"])
    assert all(each == first for each in others)
    assert first["spec"]["template"]["metadata"]["labels"]["ordain.dev/owner"] == nasty


@pytest.mark.parametrize(
    "name",
    ["", "..", "a/b", "-rf", "A", "a\n", "a.b", "_shared", "é", "a" * 41, "{{ x }}", "\ud800"],
    ids=ascii,
)
def test_a_name_that_is_no_dns_label_never_becomes_a_path(name: str) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: render_shared(name, STAGING, TEMPLATES),
        lambda: render_model(replace(UNIT, target=Target(environment=name, model="churn")), TEMPLATES),
        lambda: render_model(replace(UNIT, target=Target(environment="staging", model=name)), TEMPLATES),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="not a DNS label") as caught:
            attempt()
        assert caught.value.reason == Reason.STATE_INVALID


# --- templates that would go wrong -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("kind: Service\n", "kind: Secret\n"),
        ("apiVersion: v1\n", "apiVersion: v2\n"),
        ("  name: {{ model }}\n", "  name: other\n"),
        ("  namespace: {{ namespace }}\n", "  namespace: kube-system\n"),
        ("  namespace: {{ namespace }}\n", ""),
    ],
)
def test_a_template_that_gives_another_object_is_refused(before: str, after: str) -> None:
    source = TEMPLATES["rest/service.yaml.j2"]
    assert before in source
    changed = {**TEMPLATES, "rest/service.yaml.j2": source.replace(before, after, 1)}
    with pytest.raises(ValueError, match="rest/service gives"):
        render_model(UNIT, changed)


def test_a_kustomization_that_lists_anything_else_is_refused() -> None:
    changed = {**TEMPLATES, "kustomization.yaml.j2": "resources:\n  - elsewhere.yaml\n"}
    with pytest.raises(ValueError, match="kustomization"):
        render_shared("staging", STAGING, changed)


def test_the_kustomization_lists_every_file_beside_it_in_the_order_of_application() -> None:
    files = render_model(UNIT, TEMPLATES)
    listed = parse(files["staging/churn/kustomization.yaml"])["resources"]
    assert listed[0] == "serviceaccount.yaml"
    assert {f"staging/churn/{name}" for name in [*listed, "kustomization.yaml"]} == files.keys()


def test_what_is_off_is_left_out() -> None:
    bare = replace(UNIT, environment=replace(STAGING, allow_from=(), runtime=Runtime(image="x")))
    files = render_model(replace(bare, monitoring=COPIED.monitoring), TEMPLATES)
    pod = parse(files["staging/churn/deployment.yaml"])["spec"]["template"]["spec"]
    assert "imagePullSecrets" not in pod
    assert [volume["name"] for volume in pod["volumes"]] == ["model", "tmp"]
    assert parse(files["staging/churn/networkpolicy.yaml"])["spec"]["ingress"] == []


def test_a_spec_chooses_how_the_model_is_brought() -> None:
    def pod(deploy: Deploy) -> Any:
        files = render_model(replace(UNIT, deploy=deploy), TEMPLATES)
        return parse(files["staging/churn/deployment.yaml"])["spec"]["template"]["spec"]

    mounted, copied = pod(Deploy()), pod(Deploy(model_delivery="init-container"))
    assert "initContainers" not in mounted
    assert mounted["volumes"][0]["image"]["reference"] == copied["initContainers"][1]["image"]
    assert mounted["containers"][0]["volumeMounts"] == copied["containers"][0]["volumeMounts"]
