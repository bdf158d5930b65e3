"""What a bot records and publishes of a run: the generated places, on one branch, never by force."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ordain.adapters.askpass import answer
from ordain.adapters.git import Repository
from ordain.adapters.ssh import signer
from ordain.cli.keys import KeyFile
from ordain.core.git import commits
from ordain.errors import RetryLater, UserError
from ordain.services.requests.commit import Author, Committed, commit
from tests.services.world import World


def record(world: World, who: str, branch: str | None = "work") -> Committed:
    """As the bot of a workflow does it, with its own key."""
    author = Author(signer(world.keys / "bot", commits.NAMESPACE), world.now)
    return commit(Repository(world.enter(who)), author, "Train, judge and record", branch)


@pytest.fixture
def working(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Dana's pushed branch, checked out by the bot."""
    where = world.branch("dana", "work")
    world.write(where, "pipelines/churn/.gitignore", "/artifact\n")
    world.write(where, "pipelines/churn/old.json", "{}")
    world.commit("dana", "Start")
    world.push("dana")
    world.branch("bot", "work")
    world.git("bot", "reset", "-q", "--hard", "origin/work")
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "Bot")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "bot@x.example")
    return world


def test_generated_places_are_recorded_and_published_and_nothing_else(working: World) -> None:
    where = working.enter("bot")
    working.write(where, "pipelines/churn/gates.json", "{}")
    working.write(where, "pipelines/churn/artifact", "not for Git")
    (where / "pipelines/churn/old.json").unlink()
    working.write(where, "models.yaml", "not generated")
    made = record(working, "bot")
    assert made.files == ("pipelines/churn/gates.json", "pipelines/churn/old.json")
    assert made.pushed == "work"
    assert working.run(working.origin, "git", "rev-parse", "work") == made.commit
    assert working.git("bot", "status", "--porcelain") == "?? models.yaml"
    (raw,) = Repository(where).commits([str(made.commit)])
    assert raw.signer is not None
    assert raw.author.email == "bot@x.example"
    assert record(working, "bot").commit is None


def test_without_a_branch_nothing_is_pushed(working: World) -> None:
    working.write(working.enter("bot"), "releases/churn/1.yaml", "{}")
    before = working.run(working.origin, "git", "rev-parse", "work")
    assert record(working, "bot", None).pushed is None
    assert working.run(working.origin, "git", "rev-parse", "work") == before


def test_whoever_pushed_first_wins(working: World) -> None:
    working.commit("dana", "Meanwhile")
    working.push("dana")
    working.write(working.enter("bot"), "releases/churn/1.yaml", "{}")
    with pytest.raises(RetryLater, match="first"):
        record(working, "bot")


def test_the_base_branch_is_never_pushed_to(working: World) -> None:
    working.write(working.enter("bot"), "releases/churn/1.yaml", "{}")
    head = working.head()
    with pytest.raises(UserError, match="merging only"):
        record(working, "bot", "main")
    with pytest.raises(UserError, match="not a name"):
        record(working, "bot", "--force")
    assert working.head() == head


def test_a_symlink_among_generated_files_is_refused(working: World) -> None:
    (working.enter("bot") / "pipelines/churn/gates.json").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="symlink"):
        record(working, "bot")


def test_a_key_may_be_given_as_text(world: World) -> None:
    text = (world.keys / "bot").read_text()
    path: Path = KeyFile().convert(text, None, None)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert path.read_text() == text
    assert KeyFile().convert(str(world.keys / "bot"), None, None) == world.keys / "bot"
    command = ["ssh-keygen", "-y", "-f", str(path)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[:2] == list(
        world.public("bot").split()
    )


HUB = {"GITHUB_TOKEN": "secret", "GITHUB_SERVER_URL": "https://github.com"}


@pytest.mark.parametrize(
    ("prompt", "variables", "said"),
    [
        ("Username for 'https://github.com': ", HUB, "x-access-token"),
        ("Password for 'https://x-access-token@github.com': ", HUB, "secret"),
        ("Passwort für 'https://x-access-token@github.com:443': ", HUB, "secret"),
        ("Password for 'https://x@gitlab.example': ",
         {"GITLAB_TOKEN": "s", "CI_SERVER_URL": "https://gitlab.example"}, "s"),
        ("Password for 'https://x@evil.example': ", HUB, None),
        ("Password for 'https://github.com@evil.example': ", HUB, None),
        ("Password for 'https://x@github.com.evil.example': ", HUB, None),
        ("Password for 'https://x@github.com:8443': ", HUB, None),
        ("Password for 'https://x@github.com:port': ", HUB, None),
        ("Password for 'http://x@github.com': ", HUB, None),
        ("Password for 'https://x@github.com': ", {"GITHUB_SERVER_URL": "https://github.com"}, None),
        ("Password for 'https://x@h.example': ",
         {"GITLAB_TOKEN": "s", "CI_SERVER_URL": "http://h.example"}, None),
        ("Password: ", HUB, None),
        ("", HUB, None),
    ],
)  # fmt: skip
def test_the_token_goes_to_the_forge_and_to_nobody_else(
    prompt: str, variables: dict[str, str], said: str | None
) -> None:
    assert answer(prompt, variables) == said


def askpass(folder: Path) -> Path:
    """`ordain-askpass` as it is installed."""
    script = folder / "ordain-askpass"
    code = "from ordain.adapters.askpass import main; main()"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    script.chmod(0o700)
    return script


@pytest.mark.parametrize(("host", "told"), [("github.com", True), ("evil.example", False)])
def test_git_itself_gets_the_token_only_for_the_forge(host: str, told: bool, tmp_path: Path) -> None:
    script = askpass(tmp_path)
    environment = {**os.environ, **HUB, "GIT_ASKPASS": str(script), "GIT_TERMINAL_PROMPT": "0",
                   "HOME": str(tmp_path)}  # fmt: skip
    done = subprocess.run(
        ["git", "-c", "credential.helper=", "credential", "fill"], input=f"protocol=https\nhost={host}\n\n",
        text=True, env=environment, capture_output=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert ("username=x-access-token\npassword=secret" in done.stdout) is told
    assert (done.returncode == 0) is told
    assert told or "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("mine", [True, False])
def test_no_helper_of_the_machine_answers_in_the_place_of_ordain_askpass(
    mine: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner's own helper gives Git the job's token, which may not push; whoever set none keeps theirs."""
    settings = tmp_path / "gitconfig"
    helper = "!f() { echo username=job; echo password=readonly; }; f"
    settings.write_text(f'[credential "https://github.com"]\n\thelper = "{helper}"\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    for name, value in (HUB | {"GIT_ASKPASS": str(askpass(tmp_path))} if mine else HUB).items():
        monkeypatch.setenv(name, value)
    Repository(tmp_path).run("init", "-q")
    said = Repository(tmp_path).run("credential", "fill", stdin=b"protocol=https\nhost=github.com\n\n")
    assert (b"password=secret" if mine else b"password=readonly") in said.output


@pytest.mark.parametrize("signs", [True, False])
def test_a_bot_without_a_name_is_told_which_variables_give_it_one(
    working: World, signs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forge hands a variable that nobody set on as an empty one."""
    working.write(working.enter("bot"), "pipelines/churn/new.json", "{}")
    for who in ("AUTHOR", "COMMITTER"):
        for what in ("NAME", "EMAIL"):
            monkeypatch.setenv(f"GIT_{who}_{what}", "")
    key = signer(working.keys / "bot", commits.NAMESPACE) if signs else None
    with pytest.raises(UserError, match="no name or address") as refused:
        commit(Repository(working.root / "bot"), Author(key, working.now), "Train", None)
    assert "ORDAIN_BOT_NAME and ORDAIN_BOT_EMAIL" in refused.value.fix
