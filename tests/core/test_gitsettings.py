"""What is set over a repository's own settings."""

from __future__ import annotations

from ordain.core.git.gitsettings import as_environment, overrides, parse

OWN, USER = "local", "global"


def test_what_names_a_program_is_set_to_what_git_does_by_itself() -> None:
    rows = [
        (OWN, "core.sshcommand", "evil"), (OWN, "filter.A.b=c.clean", "evil"),
        (OWN, "filter.A.b=c.required", ""),
        (OWN, "gpg.ssh.program", "evil"), (OWN, "gpg.program", "evil"), (OWN, "gpg.x509.program", "evil"),
        (OWN, "core.bare", "false"), (OWN, "remote.origin.url", "/x"),
        ("worktree", "http.https://h/.savecookies", "1"),
        ("command", "core.askpass", "ours"),
    ]  # fmt: skip
    assert overrides(rows) == [
        ("core.sshcommand", "ssh"), ("filter.A.b=c.clean", ""), ("filter.A.b=c.required", "false"),
        ("gpg.ssh.program", "ssh-keygen"), ("gpg.program", "gpg"), ("gpg.x509.program", "gpgsm"),
        ("http.https://h/.savecookies", "false"),
    ]  # fmt: skip


def test_what_a_person_chose_for_themselves_holds() -> None:
    rows = [(USER, "core.sshcommand", "mine"), (USER, "filter.lfs.clean", "git-lfs clean"),
            (OWN, "core.sshcommand", "evil"), (OWN, "filter.lfs.clean", "evil")]  # fmt: skip
    assert overrides(rows) == [("core.sshcommand", "mine"), ("filter.lfs.clean", "git-lfs clean")]
    assert overrides(rows[:2]) == []


def test_helpers_of_a_repository_are_taken_back_and_those_of_the_person_given_again() -> None:
    mine = [("credential.helper", "store"), ("credential.https://h.helper", "other")]
    rows = [*((USER, *each) for each in mine), (OWN, "credential.https://x.helper", "!evil")]
    assert overrides(rows) == [("credential.helper", ""), *mine]


def test_settings_as_git_prints_and_takes_them() -> None:
    assert parse(b"") == []
    printed = b"local\0a.b.c\nx\ny\0global\0core.bare\0"
    assert parse(printed) == [("local", "a.b.c", "x\ny"), ("global", "core.bare", "")]
    assert as_environment([]) == {}
    assert as_environment([("a.b", "c")]) == {
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c",
    }  # fmt: skip
