"""Somebody who reads the pages in a browser, and what is asked of what they see."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Route

WIDE, PHONE = 1280, 390

PATIENCE = 60_000
"""Milliseconds that a machine may take which has much else to do; nothing is tested by them."""

_RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}

_SPREAD = """() => {
    const wide = document.documentElement.clientWidth;
    const scrolled = each => { for (let up = each.parentElement; up && up !== document.body; up = up.parentElement)
        if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX)) return true; return false; };
    const over = [...document.body.querySelectorAll('*')].filter(each => {
        const box = each.getBoundingClientRect();
        return box.width && (box.right > wide + 1 || box.left < -1) && each.checkVisibility()
            && !each.matches('.skip, .hidden') && !scrolled(each);
    }).map(each => each.outerHTML.slice(0, 120));
    const scrolls = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
    return scrolls > wide ? [`scrolls to ${scrolls} of ${wide}`, ...over] : over;
}"""

_STOPS = """() => {
    const all = document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary');
    return [...all].filter(each => each.checkVisibility() && !each.disabled).map((each, number) => {
        each.dataset.stop = number;
        return each.outerHTML.slice(0, 100);
    });
}"""

_FOCUSED = """() => {
    const each = document.activeElement, style = getComputedStyle(each), box = each.getBoundingClientRect();
    return {stop: each.dataset.stop ?? null, ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
            seen: box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight};
}"""


@dataclass
class Reader:
    """A window with one page of the service in it."""

    page: Page
    site: str
    status: int = 200
    """What the first page has to answer with."""
    strange: list[str] = field(default_factory=list)
    """What no page of ours does: run what trackers say, ask elsewhere, or fail to load."""

    @classmethod
    @contextmanager
    def opened(
        cls,
        browser: Browser,
        url: str,
        *,
        width: int = WIDE,
        dark: bool = False,
        scripts: bool = True,
        status: int = 200,
    ) -> Iterator["Reader"]:
        """Open an address in a window of that width; `status` is what it has to answer with."""
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme=scheme,
            java_script_enabled=scripts,
            has_touch=width <= PHONE,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        try:
            parts = urlsplit(url)
            reader = cls(context.new_page(), f"{parts.scheme}://{parts.netloc}", status)
            context.route("**/*", reader.guard)
            reader._listen()
            answer = reader.page.goto(url)
            assert answer is not None
            assert answer.status == status, f"{url}: {answer.status}"
            yield reader
        finally:
            context.close()

    def guard(self, route: Route) -> None:
        """Let through what asks this service, and note all else."""
        url = route.request.url
        if url.startswith(f"{self.site}/"):
            route.continue_()
        else:
            self.strange.append(f"asked {url[:200]}")
            route.abort()

    def go(self, path: str) -> None:
        """Go to another page of the service."""
        answer = self.page.goto(self.site + path)
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"

    def look(self, width: int, *, dark: bool) -> None:
        """See the same page in a window of another width, by night or by day."""
        self.page.set_viewport_size({"width": width, "height": 844})
        self.page.emulate_media(color_scheme="dark" if dark else "light")

    @property
    def words(self) -> str:
        """All that is to be read, on one line."""
        return " ".join(self.page.locator("body").inner_text().split())

    def spread(self) -> list[str]:
        """What is wider than the window."""
        return list(self.page.evaluate(_SPREAD))

    def barriers(self) -> list[str]:
        """What axe finds in the way of somebody."""
        found: dict[str, Any] = Axe().run(self.page, options=_RULES).response
        return [
            f"{each['id']}: {node['target']} {node['html'][:150]} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def stops(self) -> list[str]:
        """What can be operated, in the order of the page."""
        return list(self.page.evaluate(_STOPS))

    def tab(self) -> dict[str, Any]:
        """Go on to the next thing by the keyboard, and tell where that is."""
        self.page.keyboard.press("Tab")
        return dict(self.page.evaluate(_FOCUSED))

    def _listen(self) -> None:
        def said(message: ConsoleMessage) -> None:
            expected = self.status >= 400 and "Failed to load resource" in message.text
            if message.type in ("error", "warning") and not expected:
                self.strange.append(f"console: {message.text[:300]}")

        def asked(dialog: Dialog) -> None:
            self.strange.append(f"dialog: {dialog.message[:100]}")
            dialog.dismiss()

        self.page.on("console", said)
        self.page.on("dialog", asked)
        self.page.on("pageerror", lambda error: self.strange.append(f"error: {error}"))
        self.page.on("popup", lambda page: self.strange.append(f"window: {page.url[:200]}"))
        self.page.on("download", lambda download: self.strange.append(f"download: {download.url[:200]}"))
