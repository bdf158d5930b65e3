"""What the cluster may admit follows the ledger: approved images, for as long as they may still be needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordain.core.decisions import REMEMBERED
from tests.services.world import record

if TYPE_CHECKING:
    from tests.services.world import World


def artifact(number: int) -> str:
    return record("churn", number).artifact


def has(world: World, number: int) -> bool:
    return any(image.endswith(artifact(number)) for image in world.admitted("staging"))


def test_an_unapproved_release_is_not_admitted(running: World) -> None:
    before = running.admitted("staging")
    assert has(running, 1)
    assert all("@sha256:" in image for image in before)
    running.deploy(running.release("dana", "churn", 2))
    assert running.admitted("staging") == before


def test_the_last_few_approved_releases_stay_admitted(running: World) -> None:
    for number in range(2, REMEMBERED + 3):
        running.deploy(running.release("dana", "churn", number), "ravi")
    assert not has(running, 1)
    assert all(has(running, number) for number in range(2, REMEMBERED + 3))


def test_a_list_that_somebody_edits_is_restored(running: World) -> None:
    before = running.admitted("staging")
    where = running.branch("dana", "edit")
    path = where / "manifests/staging/_admitted/configmap.yaml"
    path.write_text(path.read_text().replace(artifact(1), "sha256:" + "e" * 64))
    running.commit("dana", "Let another image in")
    running.git("dana", "push", "-q", "origin", "HEAD:main")
    assert running.reconcile().repaired == ("manifests/staging/_admitted/configmap.yaml",)
    assert running.admitted("staging") == before
