"""10,000 items of each tracker into the SQLite mirror, against a floor and a script.  `python -m bench.mirror`

Everything runs as processes of their own, in turn, against one emulator; medians are compared.
"""

import json
import os
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import urllib3

from bench.reading import config

PERF = Path(__file__).parents[2] / "shared" / "perf"
EMULATOR, BY_HAND = PERF / "emulator.py", PERF / "naive.py"
HEADWAY = Path(sysconfig.get_path("scripts")) / "headway"
PORT = 8917
ITEMS = 10_000
ROUNDS = 5
LATENCY_MS = 50

MOST_TIMES_THE_FLOOR = 1.6
LEAST_TIMES_FASTER = 4.0
MOST_MB = 120


@dataclass(frozen=True)
class Result:
    """One comparison."""

    what: str
    ours: float
    theirs: float
    limit: float | None
    """Of ours / theirs; below it is good.  None where nothing was promised."""

    @property
    def good(self) -> bool:
        return self.limit is None or self.ours / self.theirs <= self.limit

    def __str__(self) -> str:
        limit = "" if self.limit is None else f", at most {self.limit:.2f}" + ("" if self.good else "  MISSED")
        return f"{self.what:44} {self.ours:6.2f} s : {self.theirs:6.2f} s = {self.ours / self.theirs:5.2f}{limit}"


def main() -> int:
    """Run and print the figures; 1 when a limit is not met."""
    if not EMULATOR.exists():
        print(f"skipped: there is no {EMULATOR.name} in the folder shared/perf beside the repository")
        return 0
    with emulator() as url:
        results = [
            against_the_floor("github", url, MOST_TIMES_THE_FLOOR),
            against_the_floor("jira", url, MOST_TIMES_THE_FLOOR),
            against_the_floor("asana", url, None),
            against_a_script("github", url, 1 / LEAST_TIMES_FASTER),
            against_a_script("jira", url, 1 / LEAST_TIMES_FASTER),
            against_a_script("asana", url, None),
        ]
        urllib3.request("POST", f"{url}/_control/latency?ms={LATENCY_MS}")
        results.append(far_away(url))
    for result in results:
        print(result)
    return 0 if all(result.good for result in results) else 1


def against_the_floor(tracker: str, url: str, limit: float | None) -> Result:
    """In one process each, imports left out: ours goes into the mirror, the floor nowhere."""
    runs = alternating(
        {
            "ours": lambda: measured("bench.reading", tracker, url),
            "floor": lambda: measured("bench.floor", tracker, url),
        }
    )
    peak = max(each["peak_mb"] for each in runs["ours"])
    print(f"{tracker}: peak {peak:.0f} MB, at most {MOST_MB}", flush=True)
    ours, floor = (statistics.median(each["seconds"] for each in runs[name]) for name in ("ours", "floor"))
    return Result(f"{tracker}, {ITEMS} items: mirror : floor", ours, floor, limit if peak <= MOST_MB else 0)


def against_a_script(tracker: str, url: str, limit: float | None) -> Result:
    """Whole processes, imports and ledger included: `headway sync` and what an admin would write."""
    runs = alternating(
        {
            "ours": lambda: {"seconds": command(tracker, url)},
            "hand": lambda: {"seconds": process([sys.executable, str(BY_HAND), tracker, url])},
        }
    )
    ours, hand = (statistics.median(each["seconds"] for each in runs[name]) for name in ("ours", "hand"))
    return Result(f"{tracker}, whole process: sync : script by hand", ours, hand, limit)


def far_away(url: str) -> Result:
    """With latency what counts is how many requests are under way; only GitHub's pages can be asked at once."""
    runs = alternating(
        {
            "ours": lambda: measured("bench.reading", "github", url),
            "floor": lambda: measured("bench.floor", "github", url, "8"),
        },
    )
    ours, floor = (statistics.median(each["seconds"] for each in runs[name]) for name in ("ours", "floor"))
    return Result(f"github, {LATENCY_MS} ms: mirror : floor of 8 threads", ours, floor, MOST_TIMES_THE_FLOOR)


def alternating(sides: Mapping[str, Callable[[], dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Run the sides in turn, so that what the machine does meanwhile meets both."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, run in sides.items():
            runs[name].append(run())
    return runs


@contextmanager
def emulator() -> Iterator[str]:
    """Run the fast emulator for as long as needed."""
    server = subprocess.Popen(
        [sys.executable, str(EMULATOR), "--port", str(PORT), "--items", str(ITEMS)], stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{PORT}"
    try:
        for _ in range(100):
            try:
                urllib3.request("GET", f"{url}/repos/acme/app", retries=False)
                break
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


def environment() -> dict[str, str]:
    """Ours, with compiled modules kept as every installation keeps them, whatever this shell says of it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measured(module: str, *arguments: str) -> dict[str, Any]:
    """Run one side as a process of its own that measures itself."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed: {done.stderr.strip()}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def command(tracker: str, url: str) -> float:
    """Seconds of a whole `headway sync` into a new database."""
    with TemporaryDirectory() as folder:
        path = config(Path(folder), tracker, url)
        return process([str(HEADWAY), "-c", str(path), "sync"])


def process(words: list[str]) -> float:
    """Seconds of a process, from its start to its end."""
    begun = time.perf_counter()
    done = subprocess.run(
        words, env=environment() | {"BENCH_TOKEN": "bench-token"}, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{words[0]} failed: {done.stderr.strip()}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
