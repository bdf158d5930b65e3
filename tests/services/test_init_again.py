"""`ordain init` on a repository that is there: each flag takes effect or is refused; no edit is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from ordain.errors import UserError
from ordain.services.checking.check import check
from ordain.services.setup.init import Outcome, Request, initialise
from ordain.services.setup.init_forge import Around

ROOT = Path(__file__).parents[2]
CHURN = Request(name="churn", data=ROOT / "data/telco_churn.csv", target="churn")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def declared(folder: Path, name: str) -> Any:
    return yaml.safe_load((folder / name).read_text())


def state(folder: Path) -> dict[str, bytes]:
    """Every file of the working tree, so that a refusal is seen to write nothing."""
    files = [each for each in folder.rglob("*") if each.is_file() and ".git" not in each.parts]
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


def again(shop: Path, **around: Any) -> Outcome:
    return initialise(shop, Request(around=Around(**around)))


@pytest.fixture
def shop(tmp_path: Path, somebody: None) -> Path:
    initialise(tmp_path / "shop", Request())
    return tmp_path / "shop"


def test_a_registry_takes_the_place_of_the_one_that_nobody_named(shop: Path) -> None:
    outcome = again(shop, registry="ghcr.io/acme/models")
    assert set(outcome.written) == {"environments/staging.yaml", "environments/production.yaml"}
    assert declared(shop, "environments/staging.yaml")["registry"] == "ghcr.io/acme/models"
    assert again(shop, registry="ghcr.io/acme/models").written == ()


def test_a_registry_that_people_chose_is_theirs_to_change(shop: Path) -> None:
    again(shop, registry="ghcr.io/acme/models")
    before = state(shop)
    with pytest.raises(
        UserError, match=r"--registry: environments/production\.yaml says ghcr\.io/acme/models"
    ):
        again(shop, registry="ghcr.io/other/models")
    assert state(shop) == before


def test_gitops_is_added_when_the_origin_comes(shop: Path) -> None:
    before = state(shop)
    with pytest.raises(UserError, match="an address that a cluster can read") as caught:
        again(shop, gitops="argocd")
    assert "--origin" in caught.value.fix
    assert state(shop) == before
    edited = shop / "models.yaml"
    edited.write_text("# mine\n" + edited.read_text() + "# the end\n")
    outcome = again(shop, gitops="argocd", origin="https://git.example/acme/shop.git")
    assert git(shop, "remote", "get-url", "origin") == "https://git.example/acme/shop.git"
    assert "models.yaml" in outcome.written
    assert edited.read_text().startswith("# mine\n")
    assert edited.read_text().endswith("# the end\n")
    assert declared(shop, "models.yaml")["gitops"] == {
        "repository": "https://git.example/acme/shop.git", "branch": "main", "argocd": {}
    }  # fmt: skip
    assert again(shop, gitops="argocd").written == ()
    with pytest.raises(UserError, match=r"--gitops: models\.yaml says argocd"):
        again(shop, gitops="flux")


def test_a_remote_is_added_once(shop: Path) -> None:
    assert again(shop, remote="s3://acme/dvc").written == (".dvc/config",)
    listed = subprocess.run(["dvc", "remote", "list"], cwd=shop, capture_output=True, text=True, check=True)
    assert listed.stdout.split() == ["storage", "s3://acme/dvc", "(default)"]
    assert again(shop, remote="s3://acme/dvc").written == ()
    with pytest.raises(UserError, match=r"--remote: \.dvc/config says s3://acme/dvc"):
        again(shop, remote="s3://acme/other")


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ({"forge": "github", "repository": "acme/shop"}, r"--forge: policy\.yaml says local"),
        ({"repository": "acme/shop"}, r"--repository: policy\.yaml says local/shop"),
    ],
)
def test_who_decides_is_not_changed_by_a_flag(shop: Path, flag: dict[str, Any], said: str) -> None:
    before = state(shop)
    with pytest.raises(UserError, match=said) as caught:
        again(shop, **flag)
    assert "approve" in caught.value.fix
    assert state(shop) == before


def test_every_refusal_is_told_at_once(shop: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)--forge: .*--repository: "):
        again(shop, forge="gitlab", repository="acme/shop")


def test_an_edited_policy_brings_the_jobs_of_its_forge(shop: Path) -> None:
    policy = shop / "policy.yaml"
    text = policy.read_text().replace("forge: local", "forge: github")
    policy.write_text(text.replace("repository: local/shop", "repository: acme/shop"))
    assert ".github/workflows/reconcile.yml" in again(shop, forge="github").written
    assert again(shop, forge="github", repository="acme/shop").written == ()


def test_a_policy_brings_its_forge_and_its_repository(tmp_path: Path, somebody: None) -> None:
    initialise(tmp_path / "first", Request(around=Around(forge="gitlab", repository="acme/risk")))
    policy = tmp_path / "first/policy.yaml"
    asked = Request(policy=policy, around=Around(gitops="argocd"))
    outcome = initialise(tmp_path / "second", asked)
    assert (tmp_path / "second/policy.yaml").read_bytes() == policy.read_bytes()
    assert {"the forge is gitlab", "the repository is acme/risk"} <= set(outcome.guessed)
    assert ".gitlab-ci.yml" in outcome.written
    found = declared(tmp_path / "second", "models.yaml")["gitops"]
    assert found["repository"] == "https://gitlab.com/acme/risk"
    assert check(tmp_path / "second").problems == ()
    with pytest.raises(UserError, match="--forge"):
        initialise(tmp_path / "second", msgspec.structs.replace(asked, around=Around(forge="github")))


def test_another_policy_is_refused(shop: Path, tmp_path: Path) -> None:
    other = tmp_path / "policy.yaml"
    other.write_bytes((shop / "policy.yaml").read_bytes())
    assert initialise(shop, Request(policy=other)).written == ()
    other.write_text("version: 1\n")
    with pytest.raises(UserError, match="--policy: there is another"):
        initialise(shop, Request(policy=other))


def test_an_origin_is_made_later_or_refused(shop: Path, tmp_path: Path) -> None:
    bare = tmp_path / "shop.git"
    assert any("origin" in each for each in initialise(shop, Request(origin=bare)).notes)
    assert git(shop, "remote", "get-url", "origin") == str(bare)
    assert initialise(shop, Request(origin=bare)).written == ()
    with pytest.raises(UserError, match="--origin: the origin is"):
        initialise(shop, Request(origin=tmp_path / "other.git"))
    with pytest.raises(UserError, match="--origin: the origin is"):
        again(shop, origin="https://git.example/acme/shop.git")
    assert not (tmp_path / "other.git").exists()


def test_a_folder_that_is_there_becomes_no_origin(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.git").mkdir()
    with pytest.raises(UserError, match="there is something already"):
        initialise(shop, Request(origin=tmp_path / "shop.git"))


def test_a_model_is_added_once(shop: Path, tmp_path: Path) -> None:
    assert {"models.yaml", "params.yaml", "data/telco_churn.csv"} <= set(initialise(shop, CHURN).written)
    unchanged = initialise(shop, CHURN)
    assert (unchanged.written, unchanged.guessed) == ((), ())
    before = state(shop)
    newer = tmp_path / "telco_churn.csv"
    newer.write_bytes(CHURN.data.read_bytes().replace(b"\n", b"\r\n") if CHURN.data else b"")
    with pytest.raises(UserError, match=r"--data: data/telco_churn\.csv holds something else"):
        initialise(shop, Request(name="churn", data=newer, target="churn"))
    with pytest.raises(UserError, match=r"--name: models\.yaml has a model `churn`"):
        initialise(shop, Request(name="churn", data=CHURN.data, target="partner"))
    assert state(shop) == before


def test_environments_that_people_renamed_do_not_come_back(shop: Path) -> None:
    for old, new in (("staging", "dev"), ("production", "prod")):
        text = (shop / f"environments/{old}.yaml").read_text().replace("from: staging", "from: dev")
        (shop / f"environments/{old}.yaml").unlink()
        (shop / f"environments/{new}.yaml").write_text(text)
    assert again(shop).written == ()
    assert sorted(each.name for each in (shop / "environments").iterdir()) == ["dev.yaml", "prod.yaml"]


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_forge_without_a_repository_is_asked_for_one(forge: str, tmp_path: Path, somebody: None) -> None:
    with pytest.raises(UserError, match="the repository's name") as caught:
        again(tmp_path / "shop", forge=forge, gitops="argocd")
    assert "--origin" in caught.value.fix
    assert not (tmp_path / "shop").exists()


def test_the_origin_of_a_private_server_is_what_clusters_read(tmp_path: Path, somebody: None) -> None:
    again(tmp_path / "shop", forge="gitlab", gitops="flux", origin="git@git.acme.example:ml/shop.git")
    found = declared(tmp_path / "shop", "models.yaml")["gitops"]
    assert found == {"repository": "https://git.acme.example/ml/shop", "branch": "live", "flux": {}}
    assert declared(tmp_path / "shop", "policy.yaml")["repository"] == "ml/shop"


def test_an_existing_project_keeps_its_files_and_no_secret_is_committed(
    tmp_path: Path, somebody: None
) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / ".gitignore").write_text("*.log\n")
    (shop / ".env").write_text("TOKEN=secret\n")
    initialise(shop, Request())
    listed = git(shop, "ls-files").splitlines()
    assert "policy.yaml" in listed
    assert ".gitignore" in listed
    assert ".env" not in listed
    assert not [each for each in listed if each.startswith(".ordain/local")]
    assert (shop / ".gitignore").read_text().startswith("*.log\n")
    git(shop, "check-ignore", ".ordain/local/collector")


def reviewer(folder: Path, name: str = "mei") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    return folder / f"{name}.pub"


def test_reviewers_are_in_the_first_policy(tmp_path: Path, somebody: None) -> None:
    key = reviewer(tmp_path)
    pairs = (("Mei Tanaka <mei@x.example>", key), ("Ann Lee <other@x.example>", reviewer(tmp_path, "b")))
    outcome = initialise(tmp_path / "shop", Request(reviewers=pairs))
    people = declared(tmp_path / "shop", "policy.yaml")["people"]
    assert list(people) == ["ann-lee", "mei-tanaka", "ann-lee-2", "ordain-bot"]
    assert people["mei-tanaka"]["keys"][0]["key"] == " ".join(key.read_text().split()[:2])
    assert not any("only reviewer" in each for each in outcome.guessed)
    assert initialise(tmp_path / "shop", Request(reviewers=pairs)).written == ()


def test_one_person_alone_is_told_what_that_means(tmp_path: Path, somebody: None) -> None:
    assert any("only reviewer" in each for each in initialise(tmp_path / "shop", Request()).guessed)


def test_a_reviewer_is_not_added_to_a_policy_that_holds(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--reviewer: policy\.yaml has no mei@x\.example"):
        initialise(shop, Request(reviewers=(("Mei <mei@x.example>", reviewer(tmp_path)),)))


@pytest.mark.parametrize(
    ("named", "key", "said"),
    [
        ("Mei", "mei.pub", "no name and address"),
        ("Mei <>", "mei.pub", "no name and address"),
        ("Mei <mei@x.example>", "none.pub", "no such key"),
        ("Ann <ann@x.example>", "mei.pub", "named twice"),
    ],
)
def test_a_reviewer_who_is_none(named: str, key: str, said: str, tmp_path: Path, somebody: None) -> None:
    reviewer(tmp_path)
    with pytest.raises(UserError, match=said):
        initialise(tmp_path / "shop", Request(reviewers=((named, tmp_path / key),)))


def test_a_project_with_commits_is_told_to_make_one(tmp_path: Path, somebody: None) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    git(shop, "init", "-q", "-b", "main")
    git(shop, "commit", "-q", "--allow-empty", "-m", "Before")
    assert any(each.startswith("commit what was written") for each in initialise(shop, Request()).notes)
    assert git(shop, "log", "--format=%s") == "Before"


@pytest.mark.parametrize("form", ["key::{}", "{}"])
def test_a_signing_key_may_be_given_in_full(form: str, tmp_path: Path, somebody: None) -> None:
    public = (tmp_path / "home/key.pub").read_text().strip()
    git(tmp_path, "config", "--global", "user.signingkey", form.format(public))
    initialise(tmp_path / "shop", Request())
    people = declared(tmp_path / "shop", "policy.yaml")["people"]
    assert people["ann-lee"]["keys"][0]["key"] == " ".join(public.split()[:2])


@pytest.mark.parametrize("key", ["0xDEADBEEF", "key::ssh-ed25519 nonsense", "/nowhere/key.pub"])
def test_a_signing_key_of_another_kind_is_told_the_settings(key: str, tmp_path: Path, somebody: None) -> None:
    git(tmp_path, "config", "--global", "user.signingkey", key)
    with pytest.raises(UserError, match=r"no such key|not a usable SSH key") as caught:
        initialise(tmp_path / "shop", Request())
    assert caught.value.where == "git config user.signingkey"
    assert "gpg.format ssh" in caught.value.fix


def test_a_project_with_a_pipeline_of_its_own_is_told_before_anything_is_written(
    tmp_path: Path, somebody: None
) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "dvc.yaml").write_text("stages:\n  mine: {cmd: echo}\n")
    with pytest.raises(UserError, match="not generated") as caught:
        initialise(shop, Request())
    assert caught.value.where == "dvc.yaml"
    assert list(state(shop)) == ["dvc.yaml"]
    (shop / "old").mkdir()
    (shop / "dvc.yaml").rename(shop / "old/dvc.yaml")
    assert "policy.yaml" in initialise(shop, Request()).written


@pytest.mark.parametrize("name", ["branch", "repository", "argocd"])
def test_a_models_name_may_stand_elsewhere_in_the_file(shop: Path, name: str) -> None:
    """As it does below `gitops`."""
    again(shop, gitops="argocd", origin="https://git.example/acme/shop.git")
    asked = msgspec.structs.replace(CHURN, name=name)
    assert {"models.yaml", "params.yaml"} < set(initialise(shop, asked).written)
    assert check(shop).problems == ()
    assert declared(shop, "models.yaml")["models"].keys() == {name}
    assert initialise(shop, asked).written == ()


def test_nothing_is_renewed_or_removed_under_a_policy_that_cannot_be_read(
    tmp_path: Path, somebody: None
) -> None:
    """Else the jobs of its forge would be taken for jobs of no forge at all."""
    hosted = tmp_path / "hosted"
    initialise(hosted, Request(around=Around(forge="github", repository="acme/shop")))
    (hosted / "policy.yaml").write_text("forge: github\n")
    before = state(hosted)
    with pytest.raises(UserError, match="the policy can't be read"):
        initialise(hosted, Request())
    assert state(hosted) == before
