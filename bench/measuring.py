"""What a measurement tells: a process one JSON line with seconds, items and peak memory; a step its seconds."""

import json
import resource
import time
from collections.abc import Callable


def told(seconds: float, items: int, **more: float) -> None:
    """Print the line."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "items": items, "peak_mb": peak, **more}))


def timed(what: str, run: Callable[[], object]) -> None:
    """Run once and print how long it took."""
    begun = time.perf_counter()
    run()
    print(f"{what:64} {time.perf_counter() - begun:7.1f} s", flush=True)
