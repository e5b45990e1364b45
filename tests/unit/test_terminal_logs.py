"""Logs: three levels, on stderr alone, and never a word of a library."""

import json
import logging

import pytest
import structlog

from terminal.logs import configure

LIBRARIES = ("urllib3", "urllib3.connectionpool", "github.Requester", "jira", "asana", "sqlalchemy.engine", "anything")


def tell() -> None:
    log = structlog.get_logger()
    log.debug("asked")
    log.info("done")
    log.warning("failed")


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
    structlog.get_logger().debug("asked", what="it with Bearer marked-token-1", path="/x\x1b[31m", status=200)
    [line] = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert "marked" not in line
    assert (told["path"], told["status"]) == ("/x[31m", 200)
