"""What a flag may change in a file that people own, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from ordain.core.pipelines.dvcconfig import default_remote
from ordain.core.pipelines.dvcfiles import CONFIG
from ordain.core.setup.amend import Amended, Wanted, amend
from ordain.core.setup.scaffold import REGISTRY, Person, Robots, empty_models, environments, policy
from ordain.core.state.instance import read_instance
from tests.core.test_scaffold import KEY

IMAGE = "registry.example/runtime@sha256:" + "0" * 64
PEOPLE = [Person(id="ann", name="Ann", email="ann@x.example", key=KEY)]
ROBOTS = Robots(collector=KEY.replace("DWm", "DWk"), bot=KEY.replace("DWm", "DWn"))
FLUX: dict[str, Any] = {"repository": "https://h.example/a/b", "branch": "live", "flux": {}}


def files(**more: bytes) -> dict[str, bytes]:
    return {
        "policy.yaml": policy("a/b", "main", "local", PEOPLE, ROBOTS),
        "models.yaml": empty_models(1),
        **environments(REGISTRY, IMAGE),
        **{{"models": "models.yaml", "config": CONFIG, "staging": "environments/staging.yaml"}[name]: data
           for name, data in more.items()},
    }  # fmt: skip


def amended(now: dict[str, bytes], **wanted: Any) -> Amended:
    return amend(
        read_instance({path: data for path, data in now.items() if path != CONFIG}), now, Wanted(**wanted)
    )


def test_without_flags_nothing_changes() -> None:
    assert amended(files()) == Amended(files={}, refused=())


def test_what_holds_already_is_no_change() -> None:
    same = {"forge": "local", "repository": "a/b", "registry": REGISTRY, "reviewers": ("ann@x.example",)}
    found = amended(files(), **same)
    assert found.refused == ()
    assert all(found.files[path] == files()[path] for path in found.files)


def test_a_placeholder_gives_way_and_its_comment_stays() -> None:
    staging = files()["environments/staging.yaml"].replace(
        REGISTRY.encode(), b"'" + REGISTRY.encode() + b"'  # soon"
    )
    found = amended(files(staging=staging), registry="ghcr.io/a/m")
    assert b"registry: ghcr.io/a/m  # soon\n" in found.files["environments/staging.yaml"]


@pytest.mark.parametrize(
    "models", [b"version: 1\nrenderer: 1\n'models': {}\n", b"{version: 1, renderer: 1, models: {}}\n"]
)
def test_an_unusual_layout_is_left_to_people(models: bytes) -> None:
    assert amended(files(models=models), gitops=FLUX).refused == (
        "--gitops: models.yaml has no line that begins with `models:`",
    )


def test_another_tool_is_refused() -> None:
    now = files(models=empty_models(1, {**FLUX, "argocd": {}}))
    assert amended(now, gitops=FLUX).refused == ()
    now = files(models=empty_models(1, {"repository": "https://h.example/a/b", "argocd": {}}))
    assert amended(now, gitops=FLUX).refused == ("--gitops: models.yaml says argocd",)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (b"[core]\nremote = a\n", "has no `url`"),
        (b"\xff", "no section headers"),
        (b"x", "no section headers"),
    ],
)
def test_settings_that_cannot_be_read_are_named(config: bytes, said: str) -> None:
    found = amended(files(config=config), remote="s3://b/x")
    assert found.files == {}
    assert found.refused[0].startswith("--remote: .dvc/config: ")
    assert said in found.refused[0]


def test_what_people_chose_is_refused_with_its_file() -> None:
    found = amended(files(), forge="github", repository="c/d", reviewers=("mei@x.example",))
    assert found.refused == (
        "--forge: policy.yaml says local",
        "--repository: policy.yaml says a/b",
        "--reviewer: policy.yaml has no mei@x.example",
    )
    chosen = amended(files(), registry="ghcr.io/a/m").files
    again = amended({**files(), **chosen}, registry="ghcr.io/other/m")
    assert again.files == {}
    assert amended({**files(), **chosen}, registry="ghcr.io/a/m") == Amended(files={}, refused=())
    assert again.refused == (
        "--registry: environments/production.yaml says ghcr.io/a/m",
        "--registry: environments/staging.yaml says ghcr.io/a/m",
    )


def test_gitops_and_a_remote_are_added_where_there_is_none() -> None:
    models = amended(files(), gitops=FLUX).files["models.yaml"]
    found = read_instance({**files(), "models.yaml": models}).models.gitops
    assert found is not None
    assert (found.repository, found.branch, found.argocd) == (FLUX["repository"], "live", None)
    config = amended(files(), remote="s3://b/x").files[CONFIG]
    assert default_remote(config.decode()) == "s3://b/x"
    assert amended(files(config=config), remote="s3://b/x") == Amended(files={}, refused=())
    assert amended(files(config=config), remote="s3://b/y").refused == (
        "--remote: .dvc/config says s3://b/x",
    )
