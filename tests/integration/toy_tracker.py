"""A tracker of a hundred lines, and the correct connector to it: what the conformance kit is tried on."""

import json
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace, TracebackType
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
from pydantic import AfterValidator, Field

from connectors.contract import (
    Account,
    Connector,
    ConnectorError,
    Container,
    Cursor,
    Demand,
    Fate,
    Found,
    IdPage,
    Listed,
    MalformedAnswer,
    Page,
    QueryRefused,
    Quota,
    Unreadable,
    What,
)
from connectors.http import error_for, parsed
from connectors.line import Line, Route
from connectors.plain import account_of
from connectors.settings import Address, Names, Secret, SourceSettings, tracker_root
from okrs.demand import Family
from okrs.immutable import replace
from okrs.work import Kind, Ref, State, WorkItem

TOKEN = "toy-token-2f81c0"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
PAGE = 3
PROJECTS = {"SHOP": "1", "BLOG": "2"}
UNDER = [{"id": "6", "project": "1"}, {"id": "9", "project": "2"}, {"id": "10", "project": "2"}]
"""What lies under SHOP-5, in any project."""

Json = dict[str, Any]


class ToyTracker:
    """Serves two projects below `/toy` from entering to leaving the `with` block."""

    def __init__(self) -> None:
        self._now = NOON
        self.items = {str(number): self._item(number, "1" if number < 8 else "2") for number in range(1, 11)}

    def _item(self, number: int, project: str) -> Json:
        changed = (NOON - timedelta(days=20 - number)).isoformat()
        more: Json = {"project": project, "points": number, "kind": "milestone" if number == 1 else "issue"}
        more |= {"below": UNDER if number == 5 else []}
        more |= {"markets": ["DE", "AT"][: number % 3]}
        return {"id": str(number), "title": f"Task {number}", "done": False, "changed": changed, **more}

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"toy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False  # leaving waits for every answer
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/toy"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def now(self) -> datetime:
        return self._now

    def change(self) -> Collection[str]:
        self._now += timedelta(minutes=5)
        for number in ("2", "3", "4", "5", "9"):
            self.items[number] |= {"done": True, "changed": self._now.isoformat()}
        self._now += timedelta(minutes=5)
        return ["SHOP-2", "SHOP-3", "SHOP-4", "SHOP-5", "BLOG-9"]

    def move(self) -> Mapping[str, str]:
        self.items["3"] |= {"project": "2", "title": "Task 3, elsewhere"}
        return {"SHOP-3": "BLOG-3"}

    def answer(self, path: str, query: Mapping[str, str], token: str) -> tuple[int, object]:
        """Return status and body."""
        if token != f"Bearer {TOKEN}":
            return 401, {"error": "who are you?"}
        match path.split("/")[1:]:
            case ["account"]:
                return 200, {"name": "Ada"}
            case ["projects", name] if name in PROJECTS:
                return 200, {"id": PROJECTS[name], "name": name}
            case ["projects", number, "items" | "ids" as what]:
                return 200, self._listing(number, what, query)
            case ["items", number] if number in self.items:
                return 200, self.items[number]
            case ["items", "404404"]:
                return 410, {"error": "deleted"}
            case ["seen"]:
                return 200, {"noted": True}
            case ["find"] if "colour" in query["q"]:
                return 400, {"error": "there are no colours here"}
            case ["find"]:
                return 200, {"ids": [one for one, item in self.items.items() if item["points"] > 3]}
        return 404, {"error": "there is no such thing"}

    def _listing(self, project: str, what: str, query: Mapping[str, str]) -> Json:
        since, page = query.get("since", ""), int(query.get("page", "1"))
        found = [one for one in self.items.values() if one["project"] == project and one["changed"] >= since]
        rows = found[(page - 1) * PAGE : page * PAGE]
        more = page * PAGE < len(found)
        following = f"{self.url}/projects/{project}/{what}?{urlencode({**query, 'page': page + 1})}"
        return {what: rows if what == "items" else [one["id"] for one in rows], "next": following if more else None}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    toy: ToyTracker

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        path, query = split.path.removeprefix("/toy"), dict(parse_qsl(split.query))
        status, content = self.toy.answer(path, query, self.headers.get("Authorization", ""))
        body = json.dumps(content).encode()
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the base's name

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


class Settings(SourceSettings):
    """A source with `connector: toy`."""

    url: Annotated[Address, AfterValidator(lambda url: tracker_root(url, "the toy's address"))] = Field(
        description="The root of the toy."
    )
    token: Secret = Field(description="The toy's token.")
    projects: Names = Field(description="The projects that are read.")

    @property
    def container_names(self) -> tuple[str, ...]:
        return self.projects


class Toy:
    """A connector that keeps every law.  Small methods: `tests.integration.broken_connectors` breaks one at a time."""

    posts: frozenset[str] = frozenset({"/find"})

    def __init__(self, settings: Settings, line: Line | None = None, known: dict[str, Container] | None = None) -> None:
        self.settings = settings
        self.line = line or Line(Route(settings.url, settings.proxy, settings.ca_bundle, self.posts))
        self.known = {} if known is None else known

    # one request

    def ask(self, path: str, what: str, method: str = "GET") -> Any:
        """Return the parsed answer of a path below the root, or of a whole address out of an answer."""
        url = path if path.startswith("http") else self.settings.url + path
        answer = self.line.ask(method, url, what, self.headers())
        if answer.status != 200:
            raise self.error(answer.status, answer.headers, answer.body, what)
        return parsed(answer.body, what)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.token.get_secret_value()}"}

    def error(self, status: int, headers: Mapping[str, str], body: bytes, what: str) -> ConnectorError:
        return error_for(status, headers, what)

    def need(self, answer: Any, key: str, kind: type, what: str) -> Any:
        value = answer.get(key) if isinstance(answer, dict) else None
        if not isinstance(value, kind):
            raise MalformedAnswer(f"The answer for {what} holds no `{key}`; nothing of it was used.")
        return value

    def next(self, answer: Json, asked: str, what: str) -> tuple[str, ...]:
        """Return the address of the page that follows, as a resume point."""
        following: str | None = answer.get("next")
        if following is None:
            return ()
        if not self.line.owns(following) or following == asked:
            raise MalformedAnswer(f"The pages of {what} lead elsewhere, or in a circle; nothing of them was used.")
        return (following,)

    # the contract

    @property
    def requests(self) -> int:
        return self.line.sent

    @property
    def quota(self) -> Quota | None:
        return self.line.quota

    @property
    def told(self) -> datetime | None:
        return self.line.told

    def twin(self) -> Self:
        return type(self)(self.settings, self.line.twin(), self.known)

    def container(self, name: str) -> Container | Unreadable:
        what = f"the project {name}"
        reply = self.line.ask("GET", f"{self.settings.url}/projects/{name}", what, self.headers())
        if reply.status in (403, 404, 410):
            return Unreadable(name, str(self.error(reply.status, reply.headers, reply.body, what)))
        if reply.status != 200:
            raise self.error(reply.status, reply.headers, reply.body, what)
        answer = parsed(reply.body, what)
        found = Container(self.need(answer, "id", str, what), name, called=self.need(answer, "name", str, what))
        self.known[found.id] = found
        return found

    def containers(self) -> Sequence[Container | Unreadable]:
        return [self.container(name) for name in self.settings.projects]

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        what = f"the items of {container.name}"
        since = {"since": cursor.since.isoformat()} if cursor.since else {}
        asked = cursor.resume or f"{self.settings.url}/projects/{container.id}/items?{urlencode(since)}"
        answer = self.ask(asked, what)
        rows = self.need(answer, "items", list, what)
        return Page(tuple([self.item(row, demand) for row in rows]), self.next(answer, asked, what))

    def item(self, row: Json, demand: Demand) -> WorkItem:
        return item_of(row, demand)

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        what = f"the ids of {container.name}"
        asked = resume or f"{self.settings.url}/projects/{container.id}/ids"
        answer = self.ask(asked, what)
        refs = tuple([Ref(one) for one in self.need(answer, "ids", list, what)])
        return IdPage(refs, self.next(answer, asked, what))

    def look_up(self, container: Container, refs: Sequence[Ref], demand: Demand) -> Mapping[str, Found]:
        return {ref.id: self.found(ref, demand) for ref in refs}

    def found(self, ref: Ref, demand: Demand) -> Found:
        what = f"the item {ref.id}"
        answer = self.line.ask("GET", f"{self.settings.url}/items/{ref.id}", what, self.headers())
        if answer.status in (403, 404):
            return Found(Fate.HIDDEN)
        if answer.status == 410:
            return Found(Fate.DELETED)
        if answer.status != 200:
            raise self.error(answer.status, answer.headers, answer.body, what)
        row: Any = parsed(answer.body, what)
        self.need(row, "markets", list, what)
        return Found(Fate.HERE, self.item(row, demand))

    def matching(self, query: str, resume: str | None) -> IdPage:
        what = "the query"
        answer = self.line.ask("POST", f"{self.settings.url}/find?{urlencode({'q': query})}", what, self.headers())
        if answer.status == 400:
            raise QueryRefused("The toy refuses the query: take out the colour.")
        if answer.status != 200:
            raise self.error(answer.status, answer.headers, answer.body, what)
        return IdPage(tuple([Ref(one) for one in self.need(parsed(answer.body, what), "ids", list, what)]))

    def outside(self, family: Family, resume: str | None) -> IdPage:
        what = f"what lies under {family.above}"
        rows = self.need(self.ask(f"/items/{family.above.partition('-')[2]}", what), "below", list, what)
        mine = [PROJECTS[name] for name in self.settings.projects if name in PROJECTS]
        return IdPage(tuple([Ref(row["id"]) for row in rows if row["project"] not in mine]))

    def check(self) -> Account:
        what = "the account"
        found = [self.container(name) for name in self.settings.projects]
        return account_of(self.need(self.ask("/account", what), "name", str, what), found)

    def discover(self) -> Sequence[Listed]:
        return [Listed(What.PROJECT, one.name) for one in self.containers() if isinstance(one, Container)]

    def close(self) -> None:
        self.line.close()


def item_of(row: Json, demand: Demand) -> WorkItem:
    """Normalise one item."""
    name = {number: name for name, number in PROJECTS.items()}[row["project"]]
    item = WorkItem(
        id=row["id"],
        key=f"{name}-{row['id']}",
        kind=Kind(row["kind"]),
        type="Task",
        title=row["title"],
        url=f"https://toy.example/{row['id']}",
        state=State.DONE if row["done"] else State.TODO,
        updated_at=datetime.fromisoformat(row["changed"]),
        projects=(Ref(row["project"], name),),
        refs=(f"{name}-1",) if demand.refs and row["id"] != "1" else (),
    )
    fields = [("market", market) for market in row["markets"]] if "market" in demand.fields else []
    fields += [("points", str(row["points"]))] if "points" in demand.fields else []
    return replace(item, fields=tuple(fields))


def module(toy: type[Toy], settings: type[Settings] = Settings) -> SimpleNamespace:
    """Return what a connector's module offers."""

    def connect(settings: Settings) -> Connector:
        return toy(settings)

    return SimpleNamespace(Settings=settings, connect=connect)


def items_of(payload: bytes) -> list[WorkItem]:
    return [item_of(row, Demand()) for row in orjson.loads(payload)["items"]]
