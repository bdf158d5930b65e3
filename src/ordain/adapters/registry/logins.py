"""Logins from where Docker and Podman keep them. What is read here is never printed, logged or kept."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from ordain.adapters.files import read_bytes
from ordain.adapters.stopping import listening
from ordain.core.artifacts.registry_login import ConfigError, Helper, Login, answered, login_in
from ordain.errors import UserError

LIMIT = 2**20
SECONDS = 30


def find_login(host: str, environment: Mapping[str, str] = os.environ) -> Login | None:
    """The login for a registry: None when there is none, which is right for what is public.

    In this order: the variable `DOCKER_AUTH_CONFIG` (the JSON itself), the file that `REGISTRY_AUTH_FILE`
    names, `config.json` in `DOCKER_CONFIG` or `~/.docker`, and Podman's `containers/auth.json` in
    `XDG_RUNTIME_DIR`. All are kept by host, so that no registry is shown another one's login.

    Raises:
        UserError: when a file is none, or a credential helper does not answer.
    """
    for where, config in _configs(environment):
        try:
            found = login_in(config, host)
            if isinstance(found, Helper):
                found = _ask(found)
        except ConfigError as error:
            fix = f"mend it, or log in anew: docker login {host}"
            raise UserError(f"can't read the login for {host}: {error}", where=where, fix=fix) from None
        if found is not None:
            return found
    return None


def _configs(environment: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Every configuration there is, with the name of its place."""
    if environment.get("DOCKER_AUTH_CONFIG"):
        yield "DOCKER_AUTH_CONFIG", environment["DOCKER_AUTH_CONFIG"].encode()
    home = environment.get("HOME", "")
    docker = environment.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else "")
    runtime = environment.get("XDG_RUNTIME_DIR")
    for path in (
        environment.get("REGISTRY_AUTH_FILE"),
        f"{docker}/config.json" if docker else None,
        f"{runtime}/containers/auth.json" if runtime else None,
    ):
        if path and Path(path).is_file():
            # A mounted Secret is a symlink, so it is resolved first.
            yield path, read_bytes(Path(path).resolve(), LIMIT)


def _ask(helper: Helper) -> Login | None:
    """What a credential helper knows; None when it has no login for the server.

    Raises:
        ConfigError: when it is not installed, or its answer is none.
    """
    program = shutil.which(f"docker-credential-{helper.name}")
    if program is None:
        raise ConfigError(f"docker-credential-{helper.name} is not on the PATH")
    try:
        ran = subprocess.run(
            [program, "get"], input=helper.server.encode(), capture_output=True, check=False, timeout=SECONDS,
            start_new_session=listening(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        raise ConfigError(f"docker-credential-{helper.name} does not answer") from None
    return answered(ran.stdout) if ran.returncode == 0 else None
