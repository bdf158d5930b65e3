from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ordain.cli.serve import salt_of, sources_of
from ordain.errors import UserError
from ordain.runtime.fetch import Located

PROGRAM = "from ordain.cli.main import main; main()"
POD = {
    "ORDAIN_ARTIFACT": "sha256:" + "1" * 64,
    "ORDAIN_RELEASE": "churn@4",
    "ORDAIN_INTENT": "sha256:" + "2" * 64,
    "ORDAIN_ENVIRONMENT": "production",
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "serve", *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_pods_environment_speaks_about_one_artifact() -> None:
    (source,) = sources_of([Located(Path("models/churn"))], ("churn",), (), POD)
    assert (source.name, source.digest, source.release) == ("churn", POD["ORDAIN_ARTIFACT"], "churn@4")
    assert (source.intent, source.environment) == (POD["ORDAIN_INTENT"], "production")
    one, two = sources_of([Located(Path("a")), Located(Path("b"))], (), ("sha256:a", "sha256:b"), POD)
    assert (one.digest, two.digest, one.release, two.intent) == ("sha256:a", "sha256:b", "", "")


def test_arguments_come_before_the_environment() -> None:
    (source,) = sources_of([Located(Path("a"))], (), ("sha256:other",), POD)
    assert source.digest == "sha256:other"


@pytest.mark.parametrize(("names", "digests"), [(("a",), ()), ((), ("x", "y", "z"))])
def test_options_come_once_per_artifact_or_not_at_all(
    names: tuple[str, ...], digests: tuple[str, ...]
) -> None:
    with pytest.raises(click.UsageError, match="once per artifact"):
        sources_of([Located(Path("a")), Located(Path("b"))], names, digests, {})


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("--digest", ""), {}),
        (("--digest", ""), POD),
        (("--digest", " "), POD),
        ((), {"ORDAIN_ARTIFACT": ""}),
    ],
)
@pytest.mark.parametrize("verb", [("serve", "x"), ("score", "x", "in.csv", "out.csv")])
def test_an_empty_digest_is_no_way_round_verification(
    verb: tuple[str, ...], words: tuple[str, ...], environment: dict[str, str]
) -> None:
    """What a shell makes of an unset variable must not switch the check off."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *verb, *words],
        capture_output=True, text=True, timeout=30, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 64
    assert "the approved digest is empty" in done.stderr


@pytest.mark.parametrize("name", ["ORDAIN_ARTIFACT", "ORDAIN_RELEASE", "ORDAIN_INTENT"])
def test_the_pods_digest_is_not_dropped_for_several_artifacts(name: str) -> None:
    """Of a unit file that gets a second artifact, the approved digest still counts, or nothing is served."""
    places = [Located(Path("a")), Located(Path("b"))]
    with pytest.raises(click.UsageError, match="--digest once per artifact"):
        sources_of(places, (), (), {name: POD[name]})
    assert len(sources_of(places, (), (), {"ORDAIN_ENVIRONMENT": "production"})) == 2


@pytest.mark.parametrize("host", ["", " "])
def test_an_empty_host_is_not_every_address(host: str) -> None:
    done = run("x", "--host", host)
    assert (done.returncode, "--host" in done.stderr) == (64, True)


@pytest.mark.parametrize("option", ["--log", "--name"])
def test_what_is_said_says_something(option: str) -> None:
    """`--log "$UNSET"` must not serve without the log that somebody asked for."""
    done = run("x", option, "")
    assert done.returncode == 64
    assert option in done.stderr
    assert "it is empty" in done.stderr


def test_usage_errors_end_with_64() -> None:
    assert run().returncode == 64
    assert run("x", "--port", "99999").returncode == 64
    assert run("x", "--invalid-input", "maybe").returncode == 64


def test_an_absent_artifact_ends_with_1_and_the_next_step(tmp_path: Path) -> None:
    done = run(str(tmp_path / "none"))
    assert done.returncode == 1
    assert "no such artifact folder" in done.stderr
    assert "next: " in done.stderr


def test_the_salt_comes_from_the_file_that_a_secret_is_mounted_as(tmp_path: Path) -> None:
    salt = tmp_path / "salt"
    named = {"ORDAIN_LOG_SALT_FILE": str(salt), "ORDAIN_LOG_SALT": "other"}
    assert salt_of({}) == ""
    assert salt_of({"ORDAIN_LOG_SALT": "other"}) == "other"
    salt.write_text("a secret\n")
    assert salt_of(named) == "a secret"
    for content in (b"", b" \n", b"\xff"):
        salt.write_bytes(content)
        with pytest.raises(UserError, match="salt of the prediction log"):
            salt_of(named)
    salt.unlink()
    with pytest.raises(UserError, match="can't be read"):
        salt_of(named)


def test_help_names_every_option() -> None:
    done = run("--help")
    assert done.returncode == 0
    for option in ("--name", "--digest", "--host", "--port", "--invalid-input", "--log", "--drain"):
        assert option in done.stdout
