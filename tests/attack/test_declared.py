"""Hostile values in every place of a spec, an environment, a policy or a release record.

Whatever is put where, the state is refused by name; or what is rendered from it is what was meant: files of
the target's own folder, one known object each, images of the declared registry by digest, no privilege.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.adapters.resources import templates
from ordain.core import gitnames
from ordain.core.gating.release import Release
from ordain.core.rendering.desired import Desired, desired
from ordain.core.state.instance import load, read_instance
from ordain.errors import UserError
from tests.core.test_templating import NASTY
from tests.services.world import IMAGE, SPEC, environment_file, models_file, params_file, record

TEMPLATES = templates()
ID = "sha256:" + "0" * 64
HOSTILE: list[Any] = [
    *NASTY, "..", "../x", "/etc/passwd", "a/../../b", "x\0y", "a\\b", "C:\\x", "C:x", "NUL", "con.yaml",
    "~/x", "$(touch x)", "`touch x`", "${IFS}", "; touch x", "| touch x", "{{ 7*7 }}", "{{ ''.__class__ }}",
    "a\n---\nkind: ClusterRoleBinding", "a\nspec: {hostNetwork: true}", "&a", "*a", "<<: *x", "%YAML 1.1",
    "!!python/object:os.system", "sha256:" + "g" * 64, "sha256:" + "0" * 63, f"{ID} ", f"{ID}\n",
    f"x@{ID}@{ID}", "x:latest", "http://x", "ext::sh -c x", "--privileged", "-x", "p\u0430ypal",
    "\u202eyaml", "x\u200by",
    "\uff0e\uff0e/x", "x" * 70_000, "true", "null", "1e3", "0x10", "1_000", "12:30:45", "2026-11-27", "=", "",
    " ", "a: b", "#x", 0, -1, 2**63, 10**400, 1.5, float("inf"), float("nan"), True, None, [], {}, [[]],
    {"..": 1}, ["../x"] * 3, {"a": {"b": {}}},
]  # fmt: skip
POLICY: dict[str, Any] = {
    "version": 1,
    "repository": "local/test",
    "branch": "main",
    "forge": "local",
    "people": {"ada": {"name": "Ada", "emails": ["ada@x.example"], "roles": ["reviewer"]}},
    "collectors": [
        {"key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC"}
    ],
    "rules": [{"environments": ["staging"], "approvals": {"reviewer": 1}}],
    "changes": {"reviewer": 1},
}
KINDS = {
    "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Kustomization", "Namespace", "NetworkPolicy",
    "PodDisruptionBudget", "PodMonitor", "PriorityClass", "PrometheusRule", "Service", "ServiceAccount",
    "ServiceMonitor", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}  # fmt: skip
FORBIDDEN = {"hostNetwork", "hostPID", "hostIPC", "hostPath", "hostPort", "externalName", "add"}


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def state() -> dict[str, Any]:
    """A sound state, by file, as plain values."""
    return {
        "models.yaml": models_file(("churn",)),
        "params.yaml": params_file(("churn",)),
        "policy.yaml": POLICY,
        "environments/staging.yaml": environment_file("staging", {"churn": 1}),
        "releases/churn/1.yaml": msgspec.to_builtins(record("churn", 1)),
    }


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value, its own included."""
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, each in children:
        yield from places(each, (*path, key))


PLACES = [(file, path) for file, value in state().items() for path in places(value) if path]


def changed(file: str, path: tuple[Any, ...], value: Any, as_key: bool) -> dict[str, bytes]:
    """The state's files with another value in one place, or with the key there called like it."""
    found = copy.deepcopy(state())
    parent = found[file]
    for key in path[:-1]:
        parent = parent[key]
    if as_key and isinstance(parent, dict) and isinstance(value, str):
        parent[value] = parent.pop(path[-1])
    else:
        parent[path[-1]] = value
    if file.startswith("releases/"):  # whoever edits a record closes it again
        try:
            whole = msgspec.convert(found[file], Release)
            found[file]["digest"] = whole.computed_digest()
        except (msgspec.ValidationError, UserError, ValueError, TypeError, OverflowError):
            pass
    return {name: yaml.dump(each, Dumper=_Plain, allow_unicode=True).encode() for name, each in found.items()}


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    for key, each in value.items() if isinstance(value, dict) else ():
        yield key, each
        yield from walk(each)
    for each in value if isinstance(value, list) else ():
        yield from walk(each)


def check(found: Desired) -> None:
    """What was rendered is what was meant."""
    folder = f"{found.target.label}/"
    for path, data in found.files.items():
        assert path.startswith(folder)
        assert gitnames.path(path) == path
        assert path.isascii()
        documents = list(yaml.safe_load_all(data))
        assert len(documents) == 1
        assert documents[0]["kind"] in KINDS
        for key, value in walk(documents[0]):
            assert key not in FORBIDDEN
            assert key not in {"privileged", "allowPrivilegeEscalation"} or value is False
            if key in {"image", "reference"} and isinstance(value, str):
                assert value.rpartition("@sha256:")[2].isalnum(), value
                assert len(value.rpartition("@sha256:")[2]) == 64


@settings(max_examples=100, deadline=None)
@given(
    place=st.sampled_from(PLACES), value=st.sampled_from(HOSTILE) | st.text(max_size=30), as_key=st.booleans()
)
def test_no_value_leads_anywhere(place: tuple[str, tuple[Any, ...]], value: Any, as_key: bool) -> None:
    try:
        files = changed(*place, value, as_key)
    except (UnicodeEncodeError, yaml.YAMLError):
        return
    loaded = load(files)
    for problem in loaded.problems:
        assert str(problem).isprintable() or "\n" in str(problem)
    try:
        wanted = desired(read_instance(files), TEMPLATES)
    except UserError:
        return
    for each in wanted.values():
        check(each)


def test_the_sound_state_renders() -> None:
    files = {name: yaml.dump(each, Dumper=_Plain).encode() for name, each in state().items()}
    wanted = desired(read_instance(files), TEMPLATES)
    assert {each.target.label for each in wanted.values()} == {"staging/churn", "staging/_shared"}
    for each in wanted.values():
        check(each)
    assert IMAGE in b"".join(data for each in wanted.values() for data in each.files.values()).decode()


@pytest.mark.parametrize("file", sorted(state()))
@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, "a: " + "{b: " * 100_000, "&a [*a]", "- " * 100_000, "x: " + "9" * 5000, "x: 1e999999",
     "? " * 9000, "a: &a [x]\n" + "".join(f"a{n}: [*a, *a]\n" for n in range(99)), "\0", "\ufeff\ufeff",
     "!!python/object/apply:os.system [touch x]", "x: " + "'" * 99_999, "x: |\n" + " " * 10**6,
     "---\n" * 10_000, "x: 0" + "_0" * 9000],
    ids=lambda text: ascii(text[:8]),
)  # fmt: skip
def test_no_document_is_too_deep_or_too_dear(file: str, text: str) -> None:
    """And one that is too large is not parsed at all."""
    files = {name: yaml.dump(each, Dumper=_Plain).encode() for name, each in state().items()}
    for data in (text.encode(), text.encode() + b"#" * (5 * 2**20)):
        loaded = load({**files, file: data})
        assert loaded.problems
        with pytest.raises(UserError):
            read_instance({**files, file: data})


def test_models_are_called_like_no_folder_of_ordains() -> None:
    for name in (
        "_shared",
        "_admitted",
        "_state",
        "ledger",
        "..",
        ".git",
        "argocd",
        "a/b",
        "A",
        "-a",
        "a.b",
        "x" * 41,
    ):
        found = state()
        found["models.yaml"]["models"] = {name: SPEC}
        found["params.yaml"] = params_file((name,))
        files = {path: yaml.dump(each, Dumper=_Plain).encode() for path, each in found.items()}
        try:
            wanted = desired(read_instance(files), TEMPLATES)
        except UserError:
            continue
        assert all(each.target.model != name for each in wanted.values())
