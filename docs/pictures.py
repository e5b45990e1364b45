"""`make screenshots`: the README's pictures of the pages, as docs/images/*.png.

The demo's company lives through its two weeks at a time that stands still, so the same pages come out each time; this
machine's Chromium draws them.
"""

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from playwright.sync_api import sync_playwright

from connectors import registry
from connectors.patience import Patient
from sandbox.clock import SimulatedClock
from sandbox.company import build as build_company
from sandbox.scenario import config_text, environment
from sandbox.server import Sandbox
from store.database import open_database
from sync.task import Progress
from usecases.ground import Ground, setup_of
from usecases.pages import ports_of
from usecases.story import DAYS, Scene, live_through
from web.app import build

IMAGES = Path(__file__).parent / "images"
EVENING = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
WIDTH = 1120
PICTURES = {"overview": ("/", 940), "key-result": ("/key-results/one-click", 860)}
"""Where each picture is taken, and how high it is."""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium(environ: Mapping[str, str]) -> str | None:
    """Return where this machine's Chromium is, or the one that HEADWAY_CHROMIUM names."""
    return environ.get("HEADWAY_CHROMIUM") or next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the pages of the company as they are on that evening."""
    clock = SimulatedClock(EVENING - timedelta(days=DAYS))
    with Sandbox(build_company(1, clock.now(), clock)) as sandbox:
        config = folder / "headway.yaml"
        text = config_text(sandbox.urls, clock.now()).replace("id: sandbox", "id: 2026-Q4")
        config.write_text(text.replace("cycle: sandbox", "cycle: 2026-Q4"), encoding="utf-8")
        ground = Ground(
            environment(sandbox.tokens), clock.now, lambda each: Patient(registry.find(each.connector).connect(each))
        )
        scene = Scene(ground, config, sandbox.world)
        scene.read(Progress())
        for _ in live_through(scene, Progress()):
            pass
        known = ground.load(config)
        with closing(open_database(known.database, create=False)) as database:
            setup = setup_of(known)
            with _answering(
                uvicorn.Config(build(ports_of(database, lambda: setup, clock.now)), log_config=None)
            ) as url:
                yield url


@contextmanager
def _answering(site: uvicorn.Config) -> Iterator[str]:
    server = uvicorn.Server(site)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
        thread.start()
        while not server.started:
            time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def draw(folder: Path, program: str) -> list[Path]:
    """Draw every picture, light and dark, and return where they are."""
    drawn = []
    with TemporaryDirectory() as office, served(Path(office)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        for scheme in ("light", "dark"):
            context = browser.new_context(color_scheme=scheme, java_script_enabled=False)
            page = context.new_page()
            for name, (path, height) in PICTURES.items():
                page.set_viewport_size({"width": WIDTH, "height": height})
                page.goto(url + path)
                drawn.append(folder / f"{name}{'' if scheme == 'light' else '-dark'}.png")
                page.screenshot(path=drawn[-1])
            context.close()
        browser.close()
    return drawn


def main() -> int:
    """Draw them, into the folder that is named or among the documents."""
    program = chromium(os.environ)
    if program is None:
        sys.stderr.write("No Chromium is installed here; name one with HEADWAY_CHROMIUM.\n")
        return 1
    for path in draw(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES, program):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
