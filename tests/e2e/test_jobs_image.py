"""The image for jobs: `ordain score` and `ordain monitor` run in it as in their pods, nothing trains."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.test_image import megabytes
from tests.images import ROOT, Builder, job_inside, needs_builder, wheel
from tests.runtime.batch import desk
from tests.runtime.toy import files, write
from tests.watch.world import Log, artifact

pytestmark = [needs_builder, pytest.mark.slow, pytest.mark.timeout(900)]
TRAINING = ("sklearn", "xgboost", "pandas", "dvc", "git", "skl2onnx", "fairlearn", "onnx", "uvicorn", "httpx")


class Image(NamedTuple):
    builder: Builder
    name: str
    root: Path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    builder = Builder(tmp_path_factory.mktemp("images"))
    built = wheel(tmp_path_factory.mktemp("wheel"))
    base = builder.base()
    first = builder.runtime(base, "jobs", built, "jobs")
    assert builder.runtime(base, "again", built, "jobs") == first, "the same base and wheels, another image"
    with builder.mounted("jobs") as mounted:
        write(mounted / "srv/models/toy", files())
        artifact(mounted / "srv/models/churn")
        yield Image(builder, "jobs", mounted)


def test_a_batch_runs_in_it(image: Image, tmp_path: Path) -> None:
    rows = desk.rows(300)
    desk.write_table(tmp_path / "in.parquet", rows)
    where = ("file:///srv/data/in.parquet", "file:///srv/data/out.parquet")
    done = job_inside(image.root, tmp_path, "score", "models/toy", *where, "--keep=id")
    assert done.returncode == 0, done.stderr
    assert [each["id"] for each in desk.read_table(tmp_path / "out.parquet")] == [each["id"] for each in rows]


def test_a_monitor_runs_in_it(image: Image, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, 400, lambda inputs: inputs.update(price=inputs["price"] * 1.5))
    words = ("churn@production", "--artifact", "models/churn", "--log", "file:///srv/data/log")
    until = ("--until", "2026-11-20T00:00:00Z")
    done = job_inside(image.root, tmp_path, "monitor", *words, *until, ORDAIN_RELEASE="churn@7")
    assert done.returncode == 0, done.stderr
    assert "churn@production (churn@7): ALARM" in done.stdout
    compacted = job_inside(image.root, tmp_path, "compact", "file:///srv/data/log", "--keep-days=9000")
    assert compacted.returncode == 0, compacted.stderr
    assert "3 files became Parquet: 1,200 rows" in compacted.stdout


def test_it_holds_what_jobs_need_and_no_more(image: Image) -> None:
    (packages,) = image.root.glob("opt/ordain/lib/python3.*/site-packages")
    held = {each.name for each in packages.iterdir()}
    assert not held & set(TRAINING)
    assert {"ordain", "onnxruntime", "pyarrow", "numba"} <= held
    inspected = json.loads(image.builder.buildah("inspect", "--type", "image", image.name))
    assert inspected["OCIv1"]["config"]["User"] == "10001:10001"


def test_its_size_is_what_the_page_says(image: Image) -> None:
    page = (ROOT / "docs/containers.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"\*\*([0-9]+) MB\*\* in the image for jobs", page)
    assert abs(int(said) - megabytes(image.builder, image.name)) <= 0.1 * int(said)
