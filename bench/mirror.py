"""10,000 GitHub issues into the SQLite mirror, against the floor.  `python -m bench.mirror`

Both run as processes of their own, alternating, against one emulator; the medians are compared.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

EMULATOR = Path(__file__).parents[2] / "shared" / "perf" / "emulator.py"
PORT = 8917
ITEMS = 10_000
ROUNDS = 5
MOST_TIMES_THE_FLOOR = 2.5
MOST_MB = 120


def main() -> int:
    """Run and print the figures; 1 when a limit is not met."""
    if not EMULATOR.exists():
        print(f"skipped: there is no {EMULATOR.name} in the folder shared/perf beside the repository")
        return 0
    runs: dict[str, list[dict[str, Any]]] = {"floor": [], "reading": []}
    with emulator() as url:
        for _ in range(ROUNDS):
            for name, results in runs.items():
                results.append(measured(name, url))
    floor, reading = (statistics.median(each["seconds"] for each in runs[name]) for name in ("floor", "reading"))
    whole = statistics.median(each["whole"] for each in runs["reading"])
    peak = max(each["peak_mb"] for each in runs["reading"])
    print(f"floor   {floor:6.2f} s  (urllib3 + orjson + mapping)")
    print(f"mirror  {reading:6.2f} s  = {reading / floor:.2f} x floor, at most {MOST_TIMES_THE_FLOOR}")
    print(f"sync    {whole:6.2f} s  = {whole / floor:.2f} x floor, key result measured and recorded")
    print(f"peak    {peak:6.0f} MB, at most {MOST_MB}")
    return 0 if reading <= MOST_TIMES_THE_FLOOR * floor and peak <= MOST_MB else 1


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


def measured(name: str, url: str) -> dict[str, Any]:
    """Run one side as a process of its own."""
    done = subprocess.run([sys.executable, "-m", f"bench.{name}", url], capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    sys.exit(main())
