"""Where a service listens."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from terminal.failures import Failure


@contextmanager
def listening(host: str, port: int, others: str = "others with --host and --port") -> Iterator[socket.socket]:
    """Listen on an address, 0 for any port, as long as this lasts.  Raises Failure where that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise Failure(f"Headway cannot listen on {host}, port {port}: {_reason(error)}. Name {others}.") from None
    with listener:
        yield listener


def _reason(error: OSError) -> str:
    """Return what the system said; behind it the standard library writes the address, in Python's way."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or "it is no address of this machine"
    return os.strerror(error.errno)
