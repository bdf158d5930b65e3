"""Bytes over a TCP connection, for what no HTTP client would send or wait for."""

from __future__ import annotations

import socket
from contextlib import suppress


def until_closed(connection: socket.socket) -> bytes:
    """Everything that the other side still says, to its last word or to a reset."""
    received = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return received


def exchanged(address: tuple[str, int], data: bytes) -> bytes:
    """What a server answers to these bytes, until it closes; it may do so before it has heard all."""
    with socket.create_connection(address, timeout=20) as connection:
        with suppress(ConnectionError):
            connection.sendall(data)
        return until_closed(connection)
