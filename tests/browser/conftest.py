"""The pages in a real browser: this machine's Chromium, over `headway serve` and a company with two weeks behind it."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from connectors import registry
from connectors.patience import Patient
from docs.pictures import chromium as find
from sandbox.clock import RealClock, SimulatedClock
from sandbox.company import build
from sandbox.scenario import config_text, environment
from sandbox.server import Sandbox
from sync.task import Progress
from tests.browser.reader import PATIENCE, Reader
from tests.conftest import unavailable
from tests.e2e.conftest import TOKENS, Headway
from tests.e2e.serving import Served, serving
from usecases.ground import Ground
from usecases.story import DAYS, Scene, live_through

PICTURES = Path(__file__).parents[2] / "artefacts" / "browser"
"""Where what the browser showed is kept; not part of the repository."""


def chromium() -> str:
    """Return where this machine's Chromium is; without one, the test is skipped."""
    found = find(os.environ)
    if found is None:
        unavailable("browser", "no Chromium is installed; name one with HEADWAY_CHROMIUM")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window.  It does not outlive a module: its loop would be in the way of other tests."""
    path = chromium()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        nowhere = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        started = playwright.chromium.launch(executable_path=path, args=[nowhere])
        yield started
        started.close()


@dataclass(frozen=True)
class Site:
    """A running service, with the company that it reads."""

    served: Served
    headway: Headway

    @property
    def url(self) -> str:
        return self.served.url.rstrip("/")


@contextmanager
def two_weeks(folder: Path) -> Iterator[Headway]:
    """A company that was read on every evening of two weeks, and works in real time from now on."""
    clock = SimulatedClock(datetime.now(UTC) - timedelta(days=DAYS), latest=lambda: datetime.now(UTC))
    with Sandbox(build(1, clock.now(), clock), tokens=TOKENS) as sandbox:
        headway = Headway(sandbox, folder)
        text = config_text(sandbox.urls, clock.now()).replace("every: 1d", "every: 1h")
        headway.config.write_text(text, encoding="utf-8")
        ground = Ground(
            environment(sandbox.tokens), clock.now, lambda each: Patient(registry.find(each.connector).connect(each))
        )
        scene = Scene(ground, headway.config, sandbox.world)
        scene.read(Progress())
        for report in live_through(scene, Progress()):
            assert all(each.error is None for each in report.sources), report.sources
        sandbox.world.clock = RealClock()
        yield headway


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service for tests that only look, though more could be done."""
    yield from _served(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service for tests that change things; each has its own key results."""
    yield from _served(tmp_path_factory.mktemp("office"))


def _served(folder: Path) -> Iterator[Site]:
    chromium()
    with two_weeks(folder) as headway, serving(headway, "--allow-local-edits") as served:
        yield Site(served, headway)


Opening = Callable[..., Reader]
"""Opens a page as somebody sees it; the words are those of `Reader.opened`."""


@pytest.fixture
def reading(browser: Browser) -> Iterator[Opening]:
    """Open pages as readers with their own windows; whatever they did, nothing ran, and nothing left the machine."""
    readers: list[Reader] = []
    with ExitStack() as stack:

        def opened(url: str, **how: object) -> Reader:
            reader = stack.enter_context(Reader.opened(browser, url, **how))  # type: ignore[arg-type]
            readers.append(reader)
            return reader

        yield opened
        for reader in readers:
            assert reader.strange == []


@pytest.fixture
def pictured(request: pytest.FixtureRequest) -> Callable[[Reader, str], None]:
    """Keep what a reader sees, under the name of the test."""

    def keep(reader: Reader, what: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]+", "-", f"{request.node.name}-{what}").strip("-")
        reader.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    return keep
