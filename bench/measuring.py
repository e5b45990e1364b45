"""What a measurement tells: a process one JSON line with seconds, items and peak memory; a step its seconds."""

import argparse
import gc
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import postgres


def as_the_command_does() -> None:
    """Look for garbage as seldom as `headway` does."""
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


def on_a_database(about: str | None, measure: Callable[[str, int], float], most: float) -> int:
    """Measure on a new database at an address, with as many items as the command line says; 1 for more than `most`.

    Of PostgreSQL nothing is promised.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true", help="ask PostgreSQL; nothing is promised of it")
    chosen = parser.parse_args()
    as_the_command_does()
    if chosen.postgres:
        with postgres.server() as url:
            measure(url, chosen.items)
        return 0
    with TemporaryDirectory() as folder:
        return 0 if measure(f"sqlite:///{Path(folder) / 'headway.db'}", chosen.items) <= most else 1


def told(seconds: float, items: int, **more: float) -> None:
    """Print the line."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "items": items, "peak_mb": peak, **more}))


def timed(what: str, run: Callable[[], object]) -> None:
    """Run once and print how long it took."""
    begun = time.perf_counter()
    run()
    print(f"{what:64} {time.perf_counter() - begun:7.1f} s", flush=True)
