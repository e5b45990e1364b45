"""What people change in the pages of a running service: it stands in the ledger as what the commands write."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.e2e.office import JIRA, Office, office
from tests.e2e.serving import Served, serving, until
from tests.e2e.test_serve import RULE, VALUE, bugs
from tests.markup import Page, read

BY = "local, unauthenticated"
PATH = "/key-results/result"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path, "jira", bugs, RULE, *JIRA, "every: 2s") as made:
        made.headway.edit("- key_result: result\n", "- key_result: result\n    regress: ask\n")
        yield made


def page_of(served: Served) -> Page:
    code, text = served.ask(PATH)
    assert code == 200
    return read(text)


def hidden(page: Page) -> dict[str, str]:
    return {told["name"]: told["value"] for told in page.all("input") if told.get("type") == "hidden"}


def send(served: Served, act: str, **given: str) -> tuple[int, str]:
    body = urlencode(hidden(page_of(served)) | given).encode()
    origin = served.url.rstrip("/")
    return served.ask(f"{PATH}/{act}", "POST", body, Content_Type=FORM, Origin=origin, Sec_Fetch_Site="same-origin")


def test_what_is_changed_in_the_pages_is_what_the_commands_write(small: Office) -> None:
    headway = small.headway
    with serving(headway, "--allow-local-edits") as served:
        until(lambda: served.number(VALUE) == 0)
        assert send(served, "set", value="7", why="three are elsewhere")[0] == 303
        assert f"7 things by hand ({BY}: three are elsewhere)" in page_of(served).words
        [told] = headway.run("status", "--json").out["key_results"]
        assert (told["value"], told["automatic"], told["override"]["by"]) == (7, 0, BY)
        assert send(served, "check-in", note="on its way", confidence="0.7")[0] == 303
        assert f"{BY}: on its way (confidence 70 %)" in page_of(served).words
        assert send(served, "resume", why="all are there")[0] == 303
        assert headway.run("status", "--json").out["key_results"][0]["override"] is None
        code, said = send(served, "set", value="1e999", why="so")
        assert (code, "too large a number" in said) == (409, True)
        assert served.end() == 0
    told = [(each["kind"], each["by"]) for each in headway.run("history", "result", "--json").out]
    assert [each for each in told if each[1]] == [("override", BY), ("checkin", BY), ("resume", BY)]
    assert headway.run("verify", "--json").out["ok"]


def test_a_held_update_is_decided_in_the_page(small: Office) -> None:
    first, second, *_ = small.world.items_of(small.project)
    with serving(small.headway, "--allow-local-edits") as served:
        until(lambda: served.number(VALUE) == 0)
        for each in (first, second):
            small.world.close(each)
        until(lambda: served.number(VALUE) == 2)
        small.world.reopen(first)
        until(lambda: "hold-form" in page_of(served).ids)
        code, said = send(served, "approve", expect="0")
        assert code == 409
        assert "1 waits by now" in said
        assert send(served, "reject", why="it comes back")[0] == 303
        assert "hold-form" not in page_of(served).ids
        assert served.number(VALUE) == 2
        small.world.reopen(second)
        until(lambda: "hold-form" in page_of(served).ids)
        assert send(served, "approve")[0] == 303
        assert served.number(VALUE) == 0
        assert send(served, "approve", hold="3f2a91bc")[0] == 409
        assert served.end() == 0
    assert small.headway.run("verify", "--json").out["ok"]


def ask_for_a_read(served: Served) -> int:
    """Press the button of the only source, as its page has it."""
    page = read(served.ask("/sources")[1])
    [form] = [told for told in page.all("form") if told.get("method") == "post"]
    body, origin = urlencode(hidden(page)).encode(), served.url.rstrip("/")
    return served.ask(form["action"], "POST", body, Content_Type=FORM, Origin=origin, Sec_Fetch_Site="same-origin")[0]


def test_a_source_is_read_when_somebody_asks_for_it_on_its_page(small: Office) -> None:
    small.headway.edit("every: 2s", "every: 7d")
    with serving(small.headway, "--allow-local-edits") as served:
        until(lambda: served.number(VALUE) == 0)
        small.world.close(small.world.items_of(small.project)[0])
        assert ask_for_a_read(served) == 303
        until(lambda: served.number(VALUE) == 1)
        small.headway.sandbox.faults.status(401, times=1000)
        assert ask_for_a_read(served) == 303
        until(lambda: "refused the token" in served.ask("/sources")[1])
        words = read(served.ask("/sources")[1]).words
        assert "once its settings or the file of its token change" in words
        assert "Read now" not in words
        assert served.end() == 0


def test_a_config_that_is_broken_on_disk_changes_nothing(small: Office) -> None:
    with serving(small.headway, "--allow-local-edits") as served:
        until(lambda: served.number(VALUE) == 0)
        small.headway.edit("measure: count", "measure: cuont")
        code, said = send(served, "check-in", note="on its way")
        assert (code, "in quarantine" in said, "cuont" in said) == (409, True, True)


def test_without_the_option_nothing_can_be_changed(small: Office) -> None:
    with serving(small.headway) as served:
        until(lambda: served.number(VALUE) == 0)
        assert not [told for told in page_of(served).all("form") if told.get("method") == "post"]
        code, said = send(served, "set", value="7", why="so")
        assert (code, "--allow-local-edits" in said) == (403, True)
        assert "Read it now with headway sync --source work" in read(served.ask("/sources")[1]).words
        code, said = served.ask("/sources/work/read", "POST", b"token=any", Content_Type=FORM)
        assert (code, "--allow-local-edits" in said) == (403, True)
