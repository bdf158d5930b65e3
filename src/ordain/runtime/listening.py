"""The addresses that a server listens on."""

from __future__ import annotations

import socket

from ordain.errors import UserError

BACKLOG = 2048


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket.

    Args:
        host: a name or an address of either family. port: 0 takes any free one.
        shared: with other sockets of this user; the kernel gives each new connection to one of them.

    Raises:
        UserError: when the address is taken, or is none of this machine.
    """
    try:
        return socket.create_server((host, port), family=_family(host), backlog=BACKLOG, reuse_port=shared)
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            fix="choose another --port, or end what listens there",
        ) from error


def reserve(host: str, port: int) -> socket.socket:
    """A socket that keeps an address for sockets that share it, and takes no connection itself.

    Raises:
        UserError: as `listen`; also when somebody shares it already.
    """
    with listen(host, port) as alone:
        port = alone.getsockname()[1]
    kept = socket.socket(_family(host), socket.SOCK_STREAM)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind((host, port))
    return kept


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
