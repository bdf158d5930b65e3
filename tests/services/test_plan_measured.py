"""A plan shows what was measured of both releases, from commits whose lock is the release's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from ordain.cli.plan import command
from ordain.core.canonical import bytes_digest
from ordain.core.plans.plan import Item
from ordain.core.releasing.measured import md5
from ordain.services.reading.plan import plan

if TYPE_CHECKING:
    from tests.services.world import World

LINES = b"label,false_positive_rate,true_positive_rate\nYes,0.0,0.0\nYes,0.%d,0.8\nYes,1.0,1.0\n"
SHARE = '{"rate": 0.%d, "low": 0.1, "high": 0.9}'


def train(world: World, number: int) -> str:
    """Dana's branch with a release and what its pipeline left: lock, gates and one curve."""
    from tests.services.world import record

    world.release("dana", "churn", number)
    where = world.enter("dana")
    folder = where / "pipelines/churn"
    gates = '{"groups": {"female": {"true": {"rows": 9, "selected": %s}}}}' % (SHARE % number)
    files = {"gates.json": gates.encode(), "holdout/roc.csv": LINES % number}
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    outs = [{"path": path, "md5": md5(data)} for path, data in files.items()]
    deps = [{"path": "../../data/rows.csv", "md5": f"{number}"}, {"path": "../../stages/gate.py", "md5": "0"}]
    lock = yaml.safe_dump({"schema": "2.0", "stages": {"gate": {"deps": deps, "outs": outs}}}).encode()
    (folder / "dvc.lock").write_bytes(lock)
    made = msgspec.structs.replace(record("churn", number), lock=bytes_digest(lock)).closed()
    world.write(where, f"releases/churn/{number}.yaml", msgspec.to_builtins(made))
    world.commit("dana", f"Train churn@{number}")
    return world.push("dana")


@pytest.fixture
def retrained(world: World) -> World:
    """churn@1 runs in staging, churn@2 is on Dana's branch."""
    world.deploy(train(world, 1), "ravi")
    train(world, 2)
    return world


def churn(world: World, revision: str | None = None) -> Item:
    made = plan(world.setting("dana"), revision, None)
    return {each.target.label: each for each in made.items}["staging/churn"]


@pytest.mark.parametrize("revision", [None, "HEAD"])
def test_groups_and_curves_of_both_releases(retrained: World, revision: str | None) -> None:
    item = churn(retrained, revision)
    (group,), (curve,) = item.groups, item.curves
    assert group.selected is not None
    assert (group.group, group.selected.proposed, group.selected.deployed) == ("true", 0.2, 0.1)
    assert (curve.deployed[1], curve.proposed[1]) == ((0.1, 0.8), (0.2, 0.8))
    named = [(each.slice, each.key, each.before, each.after) for each in item.changes]
    assert ("data", "data/rows.csv", "md5:1", "md5:2") in named


def test_they_are_found_after_main_moved_on(retrained: World) -> None:
    retrained.deploy("churn-2", "ravi")
    train(retrained, 3)
    (group,) = churn(retrained).groups
    assert group.selected is not None
    assert (group.selected.proposed, group.selected.deployed) == (0.3, 0.2)


@pytest.mark.parametrize("name", ["dvc.lock", "gates.json"])
def test_an_edited_file_proves_nothing(retrained: World, name: str) -> None:
    path = retrained.enter("dana") / "pipelines/churn" / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert churn(retrained).groups == ()
    assert churn(retrained, "HEAD").groups != ()


def test_a_symlink_in_their_place_is_refused(retrained: World) -> None:
    from ordain.errors import UserError

    path = retrained.enter("dana") / "pipelines/churn/gates.json"
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="symlink"):
        churn(retrained)


def test_reports_beside_the_comment(retrained: World, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("full.md", "page.html", "plan.json")]
    words = [word for path in paths for word in ("--report", str(path))]
    where = str(retrained.enter("dana"))
    done = CliRunner().invoke(command, [*words, "--quiet", "-C", where], standalone_mode=False)
    assert (done.return_value, done.output) == (2, "")
    assert "```mermaid" in paths[0].read_text()
    assert "female" in paths[1].read_text()
    assert '"curve": "roc"' in paths[2].read_text()
    wrong = CliRunner().invoke(command, ["--report", "plan.pdf", "-C", where])
    assert wrong.exit_code == 2
    assert "the ending is none of .html, .md, .json" in wrong.output


def test_the_exit_code_can_be_relied_on(world: World) -> None:
    def code(where: Path, *words: str) -> int:
        program = "from ordain.cli.main import main; main()"
        command = [sys.executable, "-c", program, "plan", "--quiet", *words]
        return subprocess.run(command, cwd=where, capture_output=True, check=False).returncode

    where = world.enter("dana")
    assert code(where) == 0
    train(world, 1)
    assert code(where) == 2
    assert code(where, "--rev", "nowhere") == 1
    assert code(where, "--nonsense") == 64
    (where / "models.yaml").write_text("[")
    assert code(where) == 1
