"""The floor: fetch the same pages with urllib3, parse them with orjson, map them to work items.  Prints seconds.

`python -m bench.floor github|jira|asana URL [THREADS]`.  With threads only GitHub: its pages have numbers.
"""

import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3

from bench.measuring import told
from connectors.asana.normalise import FIELDS, work_item
from connectors.github.normalise import issue
from connectors.jira.normalise import Reading, issue_item
from okrs.work import Ref, WorkItem

PAGE = 100
_LINK = re.compile(r'<([^>]+)>; rel="(\w+)"')


def github(http: urllib3.PoolManager, url: str, threads: int) -> int:
    """List all issues of the emulator's repository.  Returns how many."""
    repository = Ref("1", "acme/app")
    first = f"{url}/repos/acme/app/issues?state=all&sort=created&direction=asc&per_page={PAGE}"

    def read(page: str) -> tuple[int, dict[str, str]]:
        answer = http.request("GET", page)
        items = [issue(each, repository) for each in orjson.loads(answer.data)]
        return len(items), {rel: link for link, rel in _LINK.findall(answer.headers.get("Link", ""))}

    found, links = read(first)
    if threads > 1:
        last = int(links["last"].rpartition("page=")[2])
        with ThreadPoolExecutor(threads) as pool:
            return found + sum(count for count, _ in pool.map(read, (f"{first}&page={n}" for n in range(2, last + 1))))
    while "next" in links:
        more, links = read(links["next"])
        found += more
    return found


def jira(http: urllib3.PoolManager, url: str, _threads: int) -> int:
    """List all issues of the emulator's project, with the fields that the connector asks.  Returns how many."""
    reading = Reading(root=url, cancelled=frozenset())
    asked = {"jql": 'project = "ACME" ORDER BY created ASC, key ASC', "fields": ",".join(reading.asked)}

    def read(page: dict[str, Any]) -> tuple[list[WorkItem], str | None]:
        return [issue_item(each, reading) for each in page["issues"]], page.get("nextPageToken")

    return _chain(http, f"{url}/rest/api/2/search/jql", asked | {"maxResults": str(PAGE)}, "nextPageToken", read)


def asana(http: urllib3.PoolManager, url: str, _threads: int) -> int:
    """List all tasks of the emulator's project, with the fields that the connector asks.  Returns how many."""
    asked = {"project": "555", "limit": str(PAGE), "opt_fields": FIELDS}

    def read(page: dict[str, Any]) -> tuple[list[WorkItem | None], str | None]:
        return [work_item(each) for each in page["data"]], (page["next_page"] or {}).get("offset")

    return _chain(http, f"{url}/api/1.0/tasks", asked, "offset", read)


def _chain(
    http: urllib3.PoolManager,
    url: str,
    asked: dict[str, str],
    token_name: str,
    read: Callable[[Any], tuple[list[Any], str | None]],
) -> int:
    found, token = 0, None
    while True:
        query = urlencode(asked | ({token_name: token} if token else {}))
        items, token = read(orjson.loads(http.request("GET", f"{url}?{query}").data))
        found += len(items)
        if not token:
            return found


if __name__ == "__main__":
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    read_all = {"github": github, "jira": jira, "asana": asana}[sys.argv[1]]
    begun = time.perf_counter()
    count = read_all(urllib3.PoolManager(maxsize=threads), sys.argv[2], threads)
    told(time.perf_counter() - begun, count)
