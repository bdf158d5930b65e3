"""One of several processes that serve the same artifacts at the same address."""

from __future__ import annotations

import logging
import socket

from ordain.errors import UserError
from ordain.runtime.server import serve
from ordain.runtime.settings import Settings
from ordain.runtime.workers.siblings import Siblings
from ordain.runtime.workers.wire import BUG, Refused, Serving, frame

logger = logging.getLogger("ordain.serve")


def work(settings: Settings, channel: socket.socket) -> int:
    """Serve until a signal, or the end of the parent, ends it.

    Returns:
        the exit code.
    """
    try:
        serve(settings, lambda facts: channel.sendall(frame(Serving(facts))), Siblings(channel))
    except UserError as error:
        channel.sendall(frame(Refused(error.what, error.where, error.fix, error.reason)))
        return 1
    except Exception:
        logger.exception("a worker has ended")
        return BUG
    return 0
