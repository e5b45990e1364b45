"""The floor: fetch the same pages with urllib3, parse them with orjson, map them to work items.  Prints seconds."""

import re
import sys
import time

import orjson
import urllib3

from bench.measuring import told
from connectors.github.normalise import issue
from okrs.work import Ref


def read(url: str) -> int:
    """List all issues of the emulator's repository.  Returns how many."""
    http, found, repository = urllib3.PoolManager(), 0, Ref("1", "acme/app")
    page: str | None = f"{url}/repos/acme/app/issues?state=all&sort=created&direction=asc&per_page=100"
    while page:
        answer = http.request("GET", page)
        items = [issue(each, repository) for each in orjson.loads(answer.data)]
        found += len(items)
        link = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
        page = link[1] if link else None
    return found


if __name__ == "__main__":
    begun = time.perf_counter()
    count = read(sys.argv[1])
    told(time.perf_counter() - begun, count)
