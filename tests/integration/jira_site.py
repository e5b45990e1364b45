"""A small Jira on loopback for tests of the connector: Cloud or Data Center, with any answer made to order."""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
FIELDS: list[dict[str, Any]] = [
    {"id": "summary", "name": "Summary", "schema": {"type": "string", "system": "summary"}},
    {"id": "customfield_10016", "name": "Story Points", "schema": {"type": "number"}},
    {"id": "customfield_10100", "name": "Epos", "schema": {"custom": "com.pyxis.greenhopper.jira:gh-epic-link"}},
    {"id": "customfield_10200", "name": "Team"},
    {"id": "customfield_10201", "name": " team"},
]


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer given instead of the true one."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = b""
    """Bytes as they are, anything else as JSON; None lets the client wait in vain."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that arrived."""

    path: str
    query: dict[str, str]
    authorization: str


def issue(number: int, *, updated: datetime = NOW - timedelta(days=9), **fields: object) -> dict[str, Any]:
    """Return an issue as the search gives it; `number` makes its id and key."""
    stamp = updated.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    plain: dict[str, object] = {
        "summary": f"Issue {number}",
        "issuetype": {"name": "Story", "subtask": False},
        "status": {"name": "Open", "statusCategory": {"key": "new"}},
        "created": "2026-09-01T08:00:00.000+0000",
        "updated": stamp,
        "description": "never asked for",
        "customfield_10016": None,
    }
    return {"id": str(10000 + number), "key": f"PAY-{number}", "fields": {**plain, **fields}}


class Site:
    """Serves from entering to leaving the `with` block; `log` holds every request that arrived."""

    def __init__(self, *, cloud: bool = True, issues: int = 0) -> None:
        self.cloud = cloud
        self.issues = [issue(number) for number in range(1, issues + 1)]
        self.versions: list[dict[str, Any]] = [{"id": "1", "name": "One-click v1", "released": False}]
        self.fields = FIELDS
        self.project: dict[str, Any] = {"id": "10", "key": "PAY", "name": "Payments"}
        if cloud:
            self.project["style"] = "classic"
        self.log: list[Asked] = []
        self.canned: dict[str, list[Canned]] = {}
        """By the end of a path: what is answered first, one after the other."""
        self.page_cap = 100
        self.closing = threading.Event()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False  # leaving waits for every answer, so no socket is left behind
        self.url = f"http://127.0.0.1:{self._server.server_port}/jira"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.log]

    def answer(self, asked: Asked) -> Canned:
        self.log.append(asked)
        canned = self.canned.get(asked.path)
        if canned:
            return canned.pop(0)
        if asked.path == ("search/jql" if self.cloud else "search"):
            return Canned(body=self._search(asked.query))
        known: dict[str, object] = {
            "serverInfo": {"deploymentType": "Cloud" if self.cloud else "DataCenter", "version": "10.3.1"},
            "search/approximate-count": {"count": len(self.issues)},
            "project/search": {"values": [self.project], "isLast": True},
            "mypermissions": {"permissions": {"BROWSE_PROJECTS": {"havePermission": True}}},
            "agile/1.0/board": {"values": [], "isLast": True},
            "pat/latest/tokens": [],
            "status": [{"id": "1", "name": "Open", "statusCategory": {"key": "new"}}],
            "myself": {"displayName": "Ada", "emailAddress": "ada@acme.example"},
            "field": self.fields,
            **{f"project/{name}": {**self.project, "versions": self.versions} for name in ("PAY", "10")},
        }
        if asked.path not in known:
            return Canned(404, body={"errorMessages": ["There is nothing here."]})
        return Canned(body=known[asked.path])

    def _search(self, query: dict[str, str]) -> dict[str, object]:
        found = [one for one in self.issues if self._matches(one, query["jql"])]
        begin = int(query.get("nextPageToken", "at-0")[3:]) if self.cloud else int(query["startAt"])
        end = begin + min(self.page_cap, int(query["maxResults"]))
        asked = set(query["fields"].split(","))
        page = [
            {**one, "fields": {name: value for name, value in one["fields"].items() if name in asked}}
            for one in found[begin:end]
        ]
        if not self.cloud:
            return {"startAt": begin, "maxResults": self.page_cap, "total": len(found), "issues": page}
        last: dict[str, object] = {"isLast": True}
        return {"issues": page, **(last if end >= len(found) else {"isLast": False, "nextPageToken": f"at-{end}"})}

    def _matches(self, one: dict[str, Any], jql: str) -> bool:
        parts = re.fullmatch(
            r'project = "PAY"(?: AND updated >= "-(\d+)m")? ORDER BY created ASC, key ASC',
            jql,
        )
        assert parts is not None, jql
        since = NOW - timedelta(minutes=int(parts[1])) if parts[1] else datetime.min.replace(tzinfo=UTC)
        return datetime.fromisoformat(one["fields"]["updated"]) >= since


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(
            re.sub("^/jira/rest/(?:api/[23]/)?", "", split.path),
            dict(parse_qsl(split.query)),
            self.headers.get("Authorization", ""),
        )
        answer = self.site.answer(asked)
        if answer.body is None:
            self.site.closing.wait()
            return
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""
