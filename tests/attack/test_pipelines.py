"""Hostile files of a pipeline: what DVC, stages and people wrote there may be anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ordain.cli.main import main
from tests.services.test_run import Repo, make

FOLDER = "pipelines/churn"
FILES = (
    "dvc.yaml", "dvc.lock", "params.yaml", "gates.json", "package.json", "champion.json", "looks.yaml",
    "durations.yaml", "source.json", "retraining.json", "candidates/linear/metrics.json",
)  # fmt: skip
TEXTS = {
    "deep list": "[" * 100_000,
    "deep object": '{"stages":' * 50_000,
    "code": "!!python/object/apply:os.system ['touch ran-by-yaml']",
    "digits": '{"artifact": ' + "9" * 5000 + "}",
    "no text": b"\xff\xfe\x00".decode("latin-1"),
    "a list": "[null, NaN]",
}
# Of the lock, whose shape is DVC's.
LOCKS = {
    "bomb": "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)),
    "odd stages": '{"stages": {"ingest": 1, "..": {"outs": [{"path": "../../x", "md5": "x"}]}}}',
    "odd rows": '{"stages": {"ingest": {"outs": {"path": 1}, "deps": [1, null], "params": []}}}',
    "odd values": '{"stages": {"ingest": {"outs": [{"path": [], "md5": {}}], "params": {"a": 1}}}}',
    "no stages": "{}",
}
VERBS = (["affected"], ["data", "check"], ["compare", "churn"], ["release"], ["check"])
MORE = (["plan"], ["data", "pull"], ["fragment", "pack", "churn", "--to", "out"])


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    repo = make(tmp_path_factory.mktemp("ran") / "repo")
    repo.run()
    repo.git("branch", "-M", "main")
    repo.commit()
    return repo


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_no_verb_is_thrown(
    ran: Repo, tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ran.root, tmp_path / "repo", symlinks=True)
    monkeypatch.chdir(tmp_path / "repo")
    target = Path(FOLDER) / file
    locks = LOCKS if file == "dvc.lock" else {}
    for name, text in {**TEXTS, **locks}.items():
        target.write_bytes(text.encode("latin-1"))
        for verb in (*VERBS, *(MORE if locks else ())):
            with pytest.raises(SystemExit) as ended:
                main(verb)
            said = capfd.readouterr()
            assert ended.value.code in {0, 1, 2}, f"{file} / {name} / {verb}: {said.err[-1500:]}"
    assert not list(tmp_path.rglob("ran-by-yaml"))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["repo"]
