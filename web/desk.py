"""Where pages are made: one snapshot, one time, one look."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from sqlalchemy import Connection
from starlette.responses import HTMLResponse, Response

from okrs.immutable import immutable, replace
from okrs.objective import KeyResult
from okrs.plaintext import counted, harmless
from store.cache import SharedCache
from store.views.pulse import pulse
from store.views.setup import Setup
from web.failing import trouble_with
from web.forms import Draft, Seal
from web.ports import Acting, Edits, Ports, Previews, Trouble, Warnings
from web.showing import Clockface, link, number, percent, signed

STYLE = files("web").joinpath("static", "headway.css").read_bytes
SCRIPT = files("web").joinpath("static", "headway.js").read_bytes
ICON = files("web").joinpath("static", "favicon.svg").read_bytes
_LONG = 600


@immutable
class Visit:
    """All that one page is made from."""

    connection: Connection
    setup: Setup
    now: datetime
    face: Clockface
    warnings: Callable[[], Warnings]
    mark: str
    """Changes when something did that pages show."""
    cache: SharedCache
    """The mirror's items, kept for the next page."""
    edits: int = 0
    """How often something had been changed on these pages when it began."""

    @property
    def frame(self) -> dict[str, Any]:
        """What every page that can be kept current needs of it."""
        return {"face": self.face, "mark": self.mark}

    def alone(self, found: KeyResult) -> Setup:
        """The config as far as one key result is concerned: nobody waits for the others."""
        mine = tuple(each for each in self.setup.objectives if each.id == found.objective)
        rules = {found.id: self.setup.rules[found.id]} if found.id in self.setup.rules else {}
        return replace(self.setup, objectives=mine, key_results=(found,), rules=rules)


class NotThere(Exception):
    """What was asked for does not exist; the text says what to do."""


class Desk:
    """Makes pages out of templates."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self.seal, self._cache = Seal(), SharedCache()
        self.style = STYLE()
        self.style_name = f"headway-{sha256(self.style).hexdigest()[:12]}.css"
        self.script = SCRIPT()
        self.script_name = f"headway-{sha256(self.script).hexdigest()[:12]}.js"
        self._templates = _templates()
        self._edits = 0
        self._names = {"style": f"/static/{self.style_name}", "script": f"/static/{self.script_name}"}

    @property
    def edits(self) -> Edits | None:
        """What may be changed; None where nothing may."""
        return self._ports.edits

    @property
    def acting(self) -> Acting | None:
        """Who takes orders; None where nobody does."""
        return self._ports.acting

    @property
    def previews(self) -> Previews | None:
        """What tries mappings; None where nothing does."""
        return self._ports.previews

    def draft(self, done: str = "") -> Draft | None:
        """An empty form for a page; None where nothing may be changed."""
        return Draft(self.seal.token, done=done) if self.edits else None

    def edited(self) -> None:
        """Say that something was changed here: whoever did it sees it on the next page."""
        self._edits += 1

    @contextmanager
    def visit(self) -> Iterator[Visit]:
        """Open one snapshot for one page."""
        setup, now, edits = self._ports.setup(), self._ports.clock(), self._edits
        with self._ports.read() as connection:
            face, mark = Clockface(setup.calendar, now), _marked(connection, setup)
            yield Visit(
                connection,
                setup,
                now,
                face,
                lambda: self._ports.warnings(connection, setup, now),
                mark,
                self._cache,
                edits,
            )

    def mark(self) -> str:
        """Return what `Visit.mark` would be now."""
        setup = self._ports.setup()
        with self._ports.read() as connection:
            return _marked(connection, setup)

    def trouble(self, what: str) -> Trouble:
        """Return whom to tell when something fails that no page waits for, and when it does not any more."""
        return trouble_with(what, self._ports)

    def ending(self) -> bool:
        """Tell whether the service is about to end."""
        return self._ports.ending()

    def page(self, template: str, code: int = 200, **facts: Any) -> HTMLResponse:  # noqa: ANN401 - a template's facts
        """Fill a template."""
        facts = self._names | {"here": "", "within": "", "face": None, "mark": "", "search": ""} | facts
        return HTMLResponse(self._templates.get_template(template).render(**facts), code)

    def text(self, template: str, **facts: Any) -> str:  # noqa: ANN401 - a template's facts
        """Fill a template that is not a page."""
        return self._templates.get_template(template).render(**facts)


@cache
def _templates() -> Environment:
    """Read all templates, once: an upgrade under a running service must not mix two versions."""
    made = Environment(
        loader=PackageLoader("web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        text=harmless,
        long=lambda text: harmless(text, _LONG),
        number=number,
        percent=percent,
        signed=signed,
        seg=lambda text: quote(text, safe=""),
        link=link,
        amount=counted,
        coded=coded,
        zip=zip,
    )
    made.globals.update(query=query)
    for name in made.list_templates():
        made.get_template(name)
    return made


def _marked(connection: Connection, setup: Setup) -> str:
    return f"{pulse(connection)}{id(setup):x}"  # a config that is taken over is another object


def coded(text: str) -> Markup:
    """Escape a text, and set what stands between backticks as code: commands in our own sentences."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    told = (Markup("<code>{}</code>").format(each) if place % 2 else escape(each) for place, each in enumerate(pieces))
    return Markup("").join(told)


def query(path: str, **terms: str | int | None) -> str:
    """Return an address with the terms that say anything."""
    told = {name: str(value) for name, value in terms.items() if value not in (None, "")}
    return f"{path}?{urlencode(told)}" if told else path


def tagged(body: bytes, kind: str, asked: Mapping[str, str], caching: str, **headers: str) -> Response:
    """Answer with an ETag, or that what the asker has is still right."""
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    dressed = {"etag": tag, "cache-control": caching, **headers}
    known = {each.strip().removeprefix("W/") for each in asked.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=dressed)
    return Response(body, media_type=kind, headers=dressed)
