"""Logs: three levels, on stderr alone, and never a word of a library."""

import json
import logging
import re

import pytest

from connectors import logs
from terminal.logs import configure

LIBRARIES = ("urllib3", "urllib3.connectionpool", "github.Requester", "jira", "asana", "sqlalchemy.engine", "anything")


def tell() -> None:
    logs.tell(logs.DEBUG, "asked")
    logs.tell(logs.INFO, "done")
    logs.tell(logs.WARNING, "failed")


@pytest.mark.parametrize(
    ("verbose", "told"),
    [(0, ["failed"]), (1, ["done", "failed"]), (2, ["asked", "done", "failed"]), (9, ["asked", "done", "failed"])],
)
def test_each_v_tells_more(capsys: pytest.CaptureFixture[str], verbose: int, told: list[str]) -> None:
    configure(verbose=verbose, as_json=True)
    tell()
    out, err = capsys.readouterr()
    assert out == ""
    assert [json.loads(line)["event"] for line in err.splitlines()] == told


def test_no_library_is_heard_however_loud_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    configure(verbose=9, as_json=False)
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        handler = logging.StreamHandler()  # such as a library brings along
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.critical("Authorization: marked-token")
        logger.warning("Authorization: marked-token")
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    out, err = capsys.readouterr()
    assert out + err == ""


def test_what_looks_like_a_credential_is_struck_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure(verbose=2, as_json=True)
    logs.tell(logs.DEBUG, "asked", what="it with Bearer marked-token-1", path="/x\x1b[31m", status=200)
    [line] = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert "marked" not in line
    assert (told["path"], told["status"]) == ("/x[31m", 200)


def test_people_get_one_readable_line_for_each_event(capsys: pytest.CaptureFixture[str]) -> None:
    configure(verbose=2, as_json=False)
    logs.tell(logs.DEBUG, "asked", what="the issues of acme/web", status=200)
    [line] = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\S+Z debug   asked what='the issues of acme/web' status=200", line)


def test_nothing_is_told_before_a_command_says_where_to(capsys: pytest.CaptureFixture[str]) -> None:
    logs.tell(logs.ERROR, "failed")
    assert capsys.readouterr() == ("", "")
