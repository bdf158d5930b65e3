"""The pages on Argo CD and Flux say what is rendered: names, addresses, order, defaults."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from ordain.core.setup.scaffold import REGISTRY, environments
from ordain.core.specs.deployment import Gitops
from ordain.core.specs.parts import GIT_URL_PATTERN
from tests.core.test_gitops import branch, of

ROOT = Path(__file__).parents[2]
PAGES = {tool: (ROOT / f"docs/{tool}.md").read_text("utf-8") for tool in ("argocd", "flux")}


@pytest.mark.parametrize("tool", PAGES)
def test_what_is_to_be_declared_is_valid(tool: str) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGES[tool], re.DOTALL)
    gitops = msgspec.convert(yaml.safe_load(block)["gitops"], Gitops)
    assert getattr(gitops, tool) is not None
    for address in re.findall(r"(?:--from-literal=url=|--url=)(\S+)", PAGES[tool]):
        assert re.search(GIT_URL_PATTERN, address)


@pytest.mark.parametrize("tool", PAGES)
def test_folders_and_objects_are_there(tool: str) -> None:
    (folder,) = re.findall(r"kubectl apply --server-side -k (\S+)", PAGES[tool])
    assert f"{folder}/kustomization.yaml" in branch()
    rendered = {each["metadata"]["name"] for name, each in of(tool).items() if name != "kustomization"}
    if tool == "argocd":
        rendered = {name.replace("{{.environment}}", "staging") for name in (
            "ordain", of(tool)["applicationset"]["spec"]["template"]["metadata"]["name"]
        )}  # fmt: skip
    named = set(re.findall(r"\bordain-staging[a-z-]*|git (ordain)\b", PAGES[tool])) - {""}
    assert named <= rendered | {"ordain"}


def test_the_order_is_the_rendered_one() -> None:
    text = " ".join(PAGES["argocd"].split())
    assert "policies (wave -20), the list of admitted images (-10)" in text
    files = {path: data.decode() for path, data in branch().items() if path.startswith("manifests/staging/")}
    assert 'sync-wave: "-20"' in files["manifests/staging/_shared/namespace.yaml"]
    assert 'sync-wave: "-10"' in files["manifests/staging/_admitted/configmap.yaml"]
    steps = of("flux")
    assert steps["kustomization-ordain-staging-models"]["spec"]["dependsOn"] == [
        {"name": "ordain-staging-admitted"}
    ]


@pytest.mark.parametrize("tool", PAGES)
def test_the_defaults_are_those_of_init(tool: str) -> None:
    written = yaml.safe_load(environments(REGISTRY, "x")["environments/staging.yaml"])
    assert f"create secret docker-registry {written['runtime']['pull_secrets'][0]} " in PAGES[tool]
    assert f"kubectl create namespace {written['namespace']}\n" in PAGES[tool]
    assert f"`{written['allow_from'][0]}` is what `init` writes" in " ".join(PAGES[tool].split())
