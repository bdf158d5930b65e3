"""`ordain compare` on real Git and real DVC experiments, with stages that write their outputs at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from ordain.cli.compare import command
from ordain.core.reports.comparison import Comparison
from ordain.errors import UserError
from ordain.services.reading.compare import Wanted, compare
from tests.services.test_run import Repo
from tests.services.world import World

SCHEMA = Path(__file__).parents[2] / "src/ordain/schemas/compare.schema.json"


@pytest.fixture(scope="module")
def base(ran: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A model that ran on main, an experiment on it, and a branch with other parameters."""
    repo = ran.copied(tmp_path_factory.mktemp("compare") / "repo")
    repo.git("branch", "-M", "main")
    name = "pipelines/churn/params.yaml:candidates.boosted.parameters.score"
    done = repo.dvc("exp", "run", "--name", "deeper", "--temp", "-S", f"{name}=0.95")
    assert done.returncode == 0, done.stdout + done.stderr
    repo.git("checkout", "-qb", "other")
    repo.tell("linear", score=0.85)
    repo.run()
    repo.commit()
    return repo


@pytest.fixture
def repo(base: Repo, tmp_path: Path) -> Repo:
    return base.copied(tmp_path / "repo")


def look(repo: Repo, *what: str, **changed: Any) -> Comparison:
    return compare(repo.root, Wanted(model="churn", what=what, **changed))


def scores(found: Comparison, measured: str = "cross-validation") -> list[tuple[str, str, float]]:
    return [
        (each.source, each.candidate, each.metrics["roc_auc"])
        for each in found.runs
        if each.measured == measured and "roc_auc" in each.metrics
    ]


def test_the_working_tree_alone(repo: Repo) -> None:
    found = look(repo)
    assert scores(found) == [("working tree", "linear", 0.85), ("working tree", "boosted", 0.7)]
    holdout, linear, boosted = found.runs
    assert (holdout.measured, holdout.candidate) == ("holdout", "linear")
    assert linear.parameters == {"score": 0.85}
    assert linear.champion
    assert not boosted.champion
    assert linear.seconds is not None


def test_branches_and_experiments_beside_one_another(repo: Repo) -> None:
    found = look(repo, ".", "main", experiments=True)
    assert scores(found)[0] == ("deeper", "boosted", 0.95)
    assert {source for source, _, _ in scores(found)} == {"working tree", "main", "deeper"}
    assert scores(look(repo, "deeper"))[0] == ("deeper", "boosted", 0.95)
    assert [each.commit for each in look(repo, "main").runs] == [repo.git("rev-parse", "main")] * 3


def test_where_nothing_ran_it_says_so(repo: Repo) -> None:
    root = repo.git("rev-list", "--max-parents=0", "HEAD")
    found = look(repo, root)
    assert found.runs == ()
    assert found.notes == (f"{root}: the pipeline of churn has not run there",)


def test_an_edited_measurement_is_not_shown(repo: Repo) -> None:
    path = repo.root / "pipelines/churn/candidates/boosted/metrics.json"
    path.write_text(path.read_text().replace("0.7", "0.9"))
    assert scores(look(repo)) == [("working tree", "linear", 0.85)]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(model="chrn"), "there is no model `chrn`"),
        (Wanted(model="churn", metric="roc"), "there is no metric `roc`"),
        (Wanted(model="churn", what=("churn@7",)), "there is no release churn@7 here"),
        (Wanted(model="churn", what=("nowhere",)), "there is no commit `nowhere` here"),
        (Wanted(model="churn", what=("--all",)), "is not a revision"),
    ],
)
def test_what_is_not_known(repo: Repo, wanted: Wanted, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        compare(repo.root, wanted)
    assert caught.value.fix


def test_releases_say_where_they_run(running: World) -> None:
    running.branch("dana", "look")
    (run,) = compare(running.enter("dana"), Wanted(model="churn", what=("churn@1",))).runs
    assert (run.source, run.measured, run.runs_in) == ("churn@1", "holdout", ("staging",))
    found = compare(running.enter("dana"), Wanted(model="churn"))
    assert [each.source for each in found.runs] == ["churn@1"]
    assert found.notes == ("working tree: the pipeline of churn has not run there",)


def test_a_model_that_is_declared_here_and_nowhere_else(repo: Repo) -> None:
    """The working tree is what is shown first, so it is asked first which models there are, and by what."""
    path = repo.root / "models.yaml"
    declared = yaml.safe_load(path.read_text())
    declared["models"]["churn"]["selection"] = {"metric": "log_loss"}
    declared["models"]["young"] = declared["models"]["churn"]
    params = yaml.safe_load((repo.root / "params.yaml").read_text())
    params["candidates"]["young"] = params["candidates"]["churn"]
    (repo.root / "params.yaml").write_text(json.dumps(params))
    path.write_text(json.dumps(declared))
    assert look(repo).metric == "log_loss"
    assert compare(repo.root, Wanted(model="young")).notes[-1].endswith("young has not run there")
    path.write_text("{")
    assert look(repo).metric == "roc_auc", "what can't be read is as it was committed"


def test_releases_of_a_model_that_is_declared_no_more(running: World) -> None:
    where = running.branch("dana", "gone")
    (where / "models.yaml").write_text("{")
    running.git("dana", "commit", "-qam", "Break it")
    running.git("dana", "checkout", "-q", "--detach")
    (run,) = compare(where, Wanted(model="churn", what=("churn@1",))).runs
    assert run.runs_in == ("staging",)


def test_a_shallow_clone_compares_what_lies_there(running: World) -> None:
    where = running.root / "shallow"
    running.run(running.root, "git", "clone", "-q", "--depth", "1", f"file://{running.origin}", str(where))
    found = compare(where, Wanted(model="churn"))
    assert [(each.source, each.runs_in) for each in found.runs] == [("churn@1", ())]
    assert "git fetch --unshallow" in found.notes[0]


def test_the_verb_in_every_form(repo: Repo, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(command, [*words, "-C", str(repo.root)], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    assert "churn by cross-validation of the training side, best first" in run("churn")
    document = json.loads(run("churn", "--json", "--metric", "roc_auc"))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    out = tmp_path / "compare.html"
    assert run("churn", "--format", "html", "--out", str(out)) == f"written to {out}\n"
    assert out.read_text().startswith("<!doctype html>")
    assert run("churn", "--json", "--out", str(out)) == ""
    assert json.loads(out.read_text()) == document
    assert run("churn", "--quiet") == ""
