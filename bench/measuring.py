"""What a measured process tells of itself: one JSON line with seconds, items and peak memory."""

import json
import resource


def told(seconds: float, items: int, **more: float) -> None:
    """Print the line."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "items": items, "peak_mb": peak, **more}))
