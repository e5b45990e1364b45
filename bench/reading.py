"""Headway's part: one `sync` of the emulator's items into a new database.  `python -m bench.reading TRACKER URL`

Prints the seconds until everything is in the mirror, and those of the whole sync, ledger included.
"""

import sys
import time
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measuring import as_the_command_does, told
from service import Service
from sync.task import Progress, SourceReport
from terminal.logs import configure

SOURCES = {
    "github": '{{connector: github, url: {url}, token: "${{BENCH_TOKEN}}", repositories: [acme/app]}}',
    "jira": '{{connector: jira, url: {url}, email: a@b.example, token: "${{BENCH_TOKEN}}", projects: [ACME]}}',
    "asana": '{{connector: asana, url: {url}/api/1.0, token: "${{BENCH_TOKEN}}", projects: ["555"]}}',
}
CONFIG = """\
version: 1
database: sqlite:///headway.db
cycles:
  - {{id: bench, start: 2024-01-01, end: 2030-12-31}}
sources:
  app: {source}
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


class Stopwatch(Progress):
    """Notes when the last source was in the mirror."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.in_mirror = 0.0

    def done(self, report: SourceReport) -> None:
        """Take the time of a finished source."""
        if report.error:
            raise SystemExit(report.error)
        self.in_mirror = time.perf_counter() - self.begun


def config(folder: Path, tracker: str, url: str) -> Path:
    """Write the config of one source."""
    path = folder / "headway.yaml"
    path.write_text(CONFIG.format(source=SOURCES[tracker].format(url=url)), encoding="utf-8")
    return path


def sync(folder: Path, tracker: str, url: str) -> None:
    """Do one run into an empty database and tell how long it took."""
    path = config(folder, tracker, url)
    service, watch = Service({"BENCH_TOKEN": "bench-token"}), Stopwatch()
    report = service.sync(path, only=(), full=False, dry_run=False, progress=watch).report
    told(watch.in_mirror, report.sources[0].seen, whole=time.perf_counter() - watch.begun)


if __name__ == "__main__":
    as_the_command_does()
    configure(verbose=False, as_json=False)
    import_module(f"connectors.{sys.argv[1]}.client")  # the client library's own import is not what is measured
    with TemporaryDirectory() as name:
        sync(Path(name), sys.argv[1], sys.argv[2])
