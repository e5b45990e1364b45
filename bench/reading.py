"""Headway's part: one `sync` of the emulator's repository into a new database, ledger included.  Prints seconds."""

import gc
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import github  # noqa: F401 - the client library's own import is not what is measured

from bench.measuring import told
from service import Service
from sync.reading import SourceReport

CONFIG = """\
version: 1
database: sqlite:///headway.db
cycles:
  - {{id: bench, start: 2024-01-01, end: 2030-12-31}}
sources:
  app:
    connector: github
    url: {url}
    token: ${{BENCH_TOKEN}}
    repositories: [acme/app]
objectives:
  - id: less-bugs
    cycle: bench
    title: Fewer bugs
    key_results:
      - {{id: bugs, title: Fix bugs, unit: bugs, start: 0, target: 5000}}
mappings:
  - key_result: bugs
    from:
      - {{source: app, where: {{label: bug}}, measure: count}}
"""


class Silent:
    """Progress that nobody watches."""

    def page(self, source: str, container: str, items: int, total: int | None) -> None:
        """Say nothing."""

    def done(self, report: SourceReport) -> None:
        """Say nothing."""


def sync(folder: Path, url: str) -> int:
    """Do one run into an empty database.  Returns how many items it read."""
    config = folder / "headway.yaml"
    config.write_text(CONFIG.format(url=url), encoding="utf-8")
    service = Service({"BENCH_TOKEN": "bench"})
    report = service.sync(config, only=(), full=False, dry_run=False, progress=Silent())
    if report.sources[0].error:
        raise SystemExit(report.sources[0].error)
    return report.sources[0].seen


if __name__ == "__main__":
    gc.set_threshold(50_000, 20, 50)  # as the command does
    with TemporaryDirectory() as name:
        begun = time.perf_counter()
        count = sync(Path(name), sys.argv[1])
        told(time.perf_counter() - begun, count)
