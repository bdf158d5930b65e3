"""What only the repository can tell: symlinks, drifted files, and what Git holds against the tree."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ordain._version import __version__
from ordain.core.pipelines.pipeline import context_of, pipeline_files
from ordain.core.state.instance import read_instance
from ordain.core.state.schema import schema_files
from ordain.errors import UserError
from ordain.services.checking.check import check

ROOT = Path(__file__).parents[2]
ENTRY = "manifests/ledger/00000001.json"


def write(root: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=Dana", "-c", "user.email=dana@example.org")
    done = subprocess.run(["git", *identity, *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(root: Path, message: str = "A change") -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, state_files: dict[str, bytes]) -> Path:
    """A folder with a valid state and all that is generated from it."""
    root = tmp_path / "repository"
    generated = pipeline_files(read_instance(state_files), context_of({}, __version__))
    schemas = {f".ordain/schemas/{name}": data for name, data in schema_files().items()}
    write(root, {**state_files, **generated, **schemas, "data/churn.csv": b"customer,left\n"})
    return root


@pytest.fixture
def clone(repository: Path) -> Path:
    """The same, committed with a ledger entry, as a clone of a bare repository."""
    write(repository, {ENTRY: b"{}", "manifests/staging/churn/service.yaml": b"a: 1\n"})
    git(repository, "init", "--quiet", "--initial-branch=main")
    commit(repository)
    git(repository, "clone", "--quiet", "--bare", ".", "../origin.git")
    git(repository, "remote", "add", "origin", "../origin.git")
    git(repository, "fetch", "--quiet", "origin")
    return repository


def found(root: Path) -> list[tuple[str, str]]:
    return [(each.file, each.code) for each in check(root).problems]


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in sorted(root.rglob("*")) if each.is_file()}


def test_a_repository_without_a_fault_has_no_problem_and_is_left_alone(clone: Path) -> None:
    before = snapshot(clone)
    checked = check(clone)
    assert checked.problems == ()
    assert (checked.files, checked.models, checked.environments, checked.releases) == (5, 1, 2, 0)
    assert snapshot(clone) == before


def test_an_absent_folder_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        check(tmp_path / "absent")


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    (problem,) = check(tmp_path).problems
    assert (problem.file, problem.suggestion) == ("policy.yaml", "ordain init .")


def test_generated_files_that_drifted_name_the_command_that_mends_them(repository: Path) -> None:
    params = repository / "params.yaml"
    params.write_bytes(params.read_bytes().replace(b"C: 1.0", b"C: 2.0"))
    (repository / "dvc.yaml").unlink()
    problems = check(repository).problems
    assert [(each.file, each.suggestion) for each in problems] == [
        ("dvc.yaml", "ordain generate"),
        ("pipelines/churn/params.yaml", "ordain generate"),
    ]
    assert problems[0].message.startswith("is missing")
    assert problems[1].message.startswith("differs from what")


def test_a_pipeline_that_no_model_needs_is_named(repository: Path) -> None:
    generated = (repository / "pipelines/churn/dvc.yaml").read_bytes()
    write(repository, {"pipelines/pricing/dvc.yaml": generated, "pipelines/notes/README.md": b"mine"})
    assert found(repository) == [("pipelines/pricing/dvc.yaml", "leftover")]


def test_schemas_are_those_of_this_version(repository: Path) -> None:
    folder = repository / ".ordain/schemas"
    (folder / "models.schema.json").write_text("{}")
    (folder / "policy.schema.json").unlink()
    problems = check(repository).problems
    assert [(each.file, each.suggestion) for each in problems] == [
        (".ordain/schemas/models.schema.json", "ordain generate"),
        (".ordain/schemas/policy.schema.json", "ordain generate"),
    ]
    for each in folder.iterdir():
        each.unlink()
    assert check(repository).problems == ()


def test_faults_in_files_and_around_them_come_together(repository: Path) -> None:
    models = repository / "models.yaml"
    models.write_bytes(models.read_bytes().replace(b"target: left", b"target: gone"))
    (repository / ".ordain/schemas/models.schema.json").write_text("{}")
    (repository / "data/churn.csv").unlink()
    assert found(repository) == [
        (".ordain/schemas/models.schema.json", "generated-drift"),
        ("models.yaml", "missing-data"),
        ("models.yaml", "unknown-column"),
    ]
    models.write_bytes(b"version: 1\n")
    assert found(repository)[-2:] == [("models.yaml", "missing-key"), ("models.yaml", "missing-key")]


def test_data_may_be_here_or_tracked_by_dvc(repository: Path) -> None:
    (repository / "data/churn.csv").rename(repository / "data/churn.csv.dvc")
    assert found(repository) == []
    models = repository / "models.yaml"
    models.write_bytes(models.read_bytes().replace(b"{path: data/churn.csv}", b'{url: "s3://a/b.csv"}'))
    assert ("models.yaml", "missing-data") not in found(repository)


@pytest.mark.parametrize("path", ["models.yaml", "policy.yaml", "environments/staging.yaml", "environments"])
def test_a_symlink_in_place_of_state_is_named(repository: Path, path: str, tmp_path: Path) -> None:
    (repository / path).rename(tmp_path / "elsewhere")
    (repository / path).symlink_to(tmp_path / "elsewhere")
    problems = found(repository)
    assert (path, "hostile-object") in problems
    assert ("policy.yaml", "missing-file") not in problems


def test_a_symlink_in_place_of_data_is_named_where_it_is_declared(repository: Path, tmp_path: Path) -> None:
    (repository / "data/churn.csv").unlink()
    (repository / "data/churn.csv").symlink_to("/etc/passwd")
    (problem,) = check(repository).problems
    assert (problem.key, problem.code) == ("models.churn.data.source.path", "hostile-object")


def test_a_symlink_among_the_pipelines_or_code_is_named(repository: Path) -> None:
    (repository / "pipelines/churn/params.yaml").unlink()
    (repository / "pipelines/churn/params.yaml").symlink_to("/etc/passwd")
    assert ("pipelines/churn/params.yaml", "hostile-object") in found(repository)


def test_a_misnamed_file_is_not_simply_never_read(repository: Path) -> None:
    (repository / "models.yaml").rename(repository / "models.yml")
    (problem,) = [each for each in check(repository).problems if each.file == "models.yml"]
    assert problem.suggestion == "git mv models.yml models.yaml"


def test_the_base_branch_is_the_one_that_approved_policies_name(clone: Path) -> None:
    service = "manifests/staging/churn/service.yaml"
    policy = (clone / "policy.yaml").read_bytes() + b"\nbranch: elsewhere\n"
    write(clone, {service: b"a: 2\n", "policy.yaml": policy})
    commit(clone, "Other manifests, and another branch to hold them against")
    git(clone, "push", "--quiet", "origin", "HEAD:elsewhere")
    git(clone, "fetch", "--quiet", "origin")
    assert found(clone) == [(service, "manifests-edited")]


def test_a_branch_is_named_without_its_ref(repository: Path) -> None:
    policy = repository / "policy.yaml"
    policy.write_text(policy.read_text() + "\nbranch: refs/heads/main\nlive: refs/heads/live\n")
    told = [each for each in check(repository).problems if each.code == "branch-as-ref"]
    assert [(each.file, each.suggestion) for each in told] == [
        ("policy.yaml", "give the name without refs/heads/")
    ] * 2


def test_a_record_never_changes(clone: Path) -> None:
    path = "releases/churn/1.yaml"
    write(clone, {path: b"version: 1\n"})
    commit(clone)
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    write(clone, {path: b"version: 1 # edited\n"})
    messages = [each.message for each in check(clone).problems if each.code == "release-edited"]
    assert [message.partition(", and")[0] for message in messages] == [
        "differs from the record at HEAD",
        "differs from the record at origin/main",
    ]
    commit(clone)
    (message,) = [each.message for each in check(clone).problems if each.code == "release-edited"]
    assert "origin/main" in message
    (clone / path).unlink()
    assert "release-edited" not in {word for pair in found(clone) for word in pair}


def test_manifests_that_a_person_touches_are_named(clone: Path) -> None:
    service = "manifests/staging/churn/service.yaml"
    write(clone, {service: b"a: 2\n", "manifests/staging/churn/new.yaml": b"b\n"})
    (clone / ENTRY).unlink()
    expected = [ENTRY, "manifests/staging/churn/new.yaml", service]
    assert found(clone) == [(each, "manifests-edited") for each in expected]
    git(clone, "switch", "--quiet", "--create", "topic")
    start = git(clone, "rev-parse", "--short=12", "HEAD")
    commit(clone)
    problems = check(clone).problems
    assert [each.file for each in problems] == expected
    assert {each.suggestion for each in problems} == {f"git checkout {start} -- manifests, and commit"}
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    assert found(clone) == []  # what the base branch holds is for `verify` to judge


def test_a_branch_that_takes_in_the_base_is_not_blamed_for_it(clone: Path) -> None:
    git(clone, "switch", "--quiet", "--create", "topic")
    write(clone, {"notes.md": b"mine"})
    commit(clone)
    git(clone, "switch", "--quiet", "main")
    write(clone, {"manifests/ledger/00000002.json": b"{}"})
    commit(clone, "The reconciler's")
    git(clone, "push", "--quiet", "origin", "main")
    git(clone, "switch", "--quiet", "topic")
    assert found(clone) == []
    git(clone, "merge", "--quiet", "--no-edit", "main")
    assert found(clone) == []
    write(clone, {"manifests/ledger/00000002.json": b"[]"})
    commit(clone)
    assert found(clone) == [("manifests/ledger/00000002.json", "manifests-edited")]


def test_a_branch_of_another_root_has_no_manifests_of_its_own(clone: Path) -> None:
    git(clone, "switch", "--quiet", "--orphan", "alone")
    write(clone, {"manifests/x/y.yaml": b"a"})
    commit(clone)
    assert ("manifests/x/y.yaml", "manifests-edited") in found(clone)


def test_many_edited_manifests_are_counted(clone: Path) -> None:
    write(clone, {f"manifests/x/{number:02}.yaml": b"a" for number in range(30)})
    problems = check(clone).problems
    assert len(problems) == 21
    assert problems[0].message == "and 10 more files likewise"


def test_a_symlink_among_manifests_is_named(clone: Path) -> None:
    (clone / "manifests/link").symlink_to("/etc")
    assert found(clone) == [("manifests/link", "hostile-object")]


def test_a_repository_of_sha256_objects_is_compared_alike(repository: Path) -> None:
    write(repository, {ENTRY: b"{}"})
    git(repository, "init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    assert found(repository) == []  # nothing committed yet
    commit(repository)
    assert found(repository) == []
    write(repository, {ENTRY: b"[]"})
    assert found(repository) == [(ENTRY, "manifests-edited")]


def test_git_around_the_repository_is_not_asked(tmp_path: Path, repository: Path) -> None:
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    write(repository, {"manifests/a/b.yaml": b"a"})
    assert found(repository) == []


def test_it_loads_no_library_of_training_or_serving() -> None:
    heavy = ("pandas", "numpy", "sklearn", "dvc", "onnx", "jsonschema")
    program = (
        "import sys; from pathlib import Path; from ordain.services.checking.check import check\n"
        f"check(Path({str(ROOT)!r}))\n"
        f"print([each for each in {heavy!r} if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
