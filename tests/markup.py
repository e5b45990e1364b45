"""Reading pages as a browser would, strictly: what is open is closed, what is named exists, nothing comes from afar."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import urlsplit

VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})
DRAWN = frozenset({"rect", "circle", "path", "line", "polyline", "polygon", "g", "text", "title", "svg"})
LOADING = {("link", "href"), ("img", "src"), ("script", "src"), ("use", "href"), ("image", "href"), ("form", "action")}
FOREVER = ("html", "body", "main", "h1", "title")
"""What a page has once (an SVG's title is none of the page's)."""


@dataclass
class Page(HTMLParser):
    """A page, taken apart.  Reading raises AssertionError for markup that a validator would refuse."""

    open: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice"
        told = {name: value or "" for name, value in attrs}
        if tag == "li":
            assert self.open[-1] in ("ul", "ol"), f"<li> in <{self.open[-1]}>"
        if tag in ("p", "ul", "ol", "table", "section", "h2", "div"):
            assert "p" not in self.open, f"<{tag}> in <p>"
        if tag == "a":
            assert "a" not in self.open, "a link in a link"
        self.tags.append((tag, told))
        self.ids += [told["id"]] if "id" in told else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in DRAWN, f"<{tag}/> closes itself"
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes something else"
        if tag in ("td", "th", "li", "caption"):
            self.text.append(" ")

    def handle_data(self, data: str) -> None:
        assert self.open[-1:] != ["script"], "a script stands in the page itself"
        self.text.append(data)

    @property
    def words(self) -> str:
        """All that is to be read, on one line."""
        return " ".join("".join(self.text).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [told for name, told in self.tags if name == tag]


def read(markup: str) -> Page:
    """Take a page apart, and hold it against what every page of ours must be."""
    assert markup.startswith("<!DOCTYPE html>")
    page = Page()
    page.feed(markup)
    page.close()
    assert page.open == [], f"left open: {page.open}"
    assert len(set(page.ids)) == len(page.ids), "an id stands twice"
    assert len(page.all("main")) == len(page.all("h1")) == 1
    assert page.all("html")[0]["lang"] == "en"
    _is_named(page)
    _stays_here(page)
    return page


def _is_named(page: Page) -> None:
    """Whatever refers to something finds it, and whoever listens is told what is what."""
    ids = set(page.ids)
    for tag, told in page.tags:
        for name in ("for", "aria-labelledby"):
            assert name not in told or set(told[name].split()) <= ids, f"{name}={told.get(name)} is nowhere"
        if tag == "a" and told.get("href", "").startswith("#"):
            assert told["href"][1:] in ids, f"{told['href']} leads nowhere"
        if tag == "svg":
            assert told.get("aria-hidden") == "true" or "aria-label" in told or "aria-labelledby" in told
    assert len(page.all("table")) == len(page.all("caption"))
    assert all("scope" in told for told in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


def _stays_here(page: Page) -> None:
    """Nothing is loaded from elsewhere, nothing runs but our own file, and no link does anything but lead somewhere."""
    for tag, told in page.tags:
        assert tag != "script" or re.fullmatch(r"/static/headway-[0-9a-f]+\.js", told.get("src", "")), told
        assert tag not in ("style", "iframe", "object", "embed", "base")
        assert not {name for name in told if name == "style" or name.startswith("on")}
        for name, value in told.items():
            if (tag, name) in LOADING:
                assert value.startswith("/"), f"<{tag}> loads {value}"
                assert not value.startswith("//")
    for told in page.all("a"):
        where = urlsplit(told["href"])
        assert where.scheme in ("", "http", "https"), told["href"]
        if where.netloc:
            assert "noopener" in told["rel"]
            assert "noreferrer" in told["rel"]
