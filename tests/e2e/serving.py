"""`headway serve` as a process: begun, asked over HTTP, and ended by a signal."""

import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.conftest import LONGEST, Headway

_AT = re.compile(r"Headway is at (\S+) with")


@dataclass
class Stream:
    """What `/events` says to one who listens."""

    answer: http.client.HTTPResponse

    def changed(self) -> bool:
        """Wait for a change; False when there is none any more."""
        return any(line.startswith(b"event: changed") for line in iter(self.answer.readline, b""))

    def ended(self) -> bool:
        self.answer.read()
        return True


@dataclass
class Served:
    """A running service."""

    process: subprocess.Popen[str]
    headway: Headway
    url: str = ""
    out: str = ""
    log: list[str] = field(default_factory=list)

    def ask(
        self, path: str, method: str = "GET", body: bytes = b"", url: str = "", /, **headers: str
    ) -> tuple[int, str]:
        parts = urlsplit(url or self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=LONGEST)
        try:
            connection.request(
                method, path, body or None, headers={name.replace("_", "-"): text for name, text in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    @contextmanager
    def listen(self, path: str) -> Iterator[Stream]:
        """Load a page and listen for changes since, as its script does."""
        mark = re.search(r'data-mark="(\w+)"', self.ask(path)[1])
        assert mark is not None
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=LONGEST)
        try:
            connection.request("GET", f"/events?since={mark[1]}")
            answer = connection.getresponse()
            assert answer.status == 200
            yield Stream(answer)
        finally:
            connection.close()

    def hooks(self) -> str:
        """Where it takes webhooks."""
        assert self.process.stdout is not None
        found = re.search(r"taken at (\S+)hooks/SOURCE", self.process.stdout.readline())
        assert found is not None
        return found[1]

    def number(self, name: str) -> float | None:
        """A number of `/metrics`, by its name with its labels."""
        lines = (line.rpartition(" ") for line in self.ask("/metrics")[1].splitlines())
        return next((float(value) for known, _, value in lines if known == name), None)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log]

    def told(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events() if each["event"] == event]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        os.kill(self.process.pid, number)
        return self.process.wait(LONGEST)


def until(true: Callable[[], object]) -> None:
    """Wait until something is true, as long as a command may take."""
    give_up = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.1)


@contextmanager
def serving(headway: Headway, *options: str, **variables: str) -> Iterator[Served]:
    """Begin the service on a free port, wait until it is ready, and leave none behind.  It shows no token."""
    process = headway.start("--log-json", "serve", "--port", "0", *options, **variables)
    served = Served(process, headway)
    assert process.stderr is not None
    assert process.stdout is not None
    lines = process.stderr

    def listen() -> None:
        served.log.extend(line.rstrip("\n") for line in lines)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        served.out = process.stdout.readline()
        found = _AT.search(served.out)
        assert found is not None, (served.out, served.log)
        served.url = found[1]
        until(lambda: served.ask("/readyz")[0] == 200)
        yield served
    finally:
        process.kill()
        process.wait()
        listener.join()
        process.stdout.close()
        process.stderr.close()
    for token in headway.sandbox.tokens.values():
        assert not any(token in line for line in served.log)
    assert not any("Traceback" in line for line in served.log)
