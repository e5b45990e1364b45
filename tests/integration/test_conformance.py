"""The conformance kit is kept by a correct connector, and fails each broken one on the law that it breaks."""

from collections.abc import Sequence
from unittest import SkipTest

import pytest

from connectors.conformance import FileConformance, HttpConformance, failures, loopback
from connectors.conformance.failures import FailureLaws
from connectors.conformance.troubles import Trouble, troubles
from tests.integration.broken_connectors import BROKEN, Broken, FileKit, ToyKit

Kit = type[HttpConformance] | type[FileConformance] | type[FailureLaws]


class TestToy(ToyKit):
    """The correct connector over HTTP."""


class TestToyFile(FileKit):
    """The correct connector to a file."""


def laws(kit: Kit) -> list[str]:
    return [name for name in dir(kit) if name.startswith("test_")]


def failing(kit: Kit) -> set[str]:
    """The names of the laws that a connector breaks."""
    found = set()
    for law in laws(kit):
        try:
            getattr(kit(), law)()
        except SkipTest:
            continue
        except Exception:
            found.add(law)
    return found


def some_troubles() -> Sequence[Trouble]:
    """One for each law of failures and for redirects: enough to see that a connector broken elsewhere keeps them."""
    names = ("400", "401", "403", "429 with seconds", "500", "a dropped connection", "HTML with 200", "302")
    return [one for one in troubles() if one.name in names]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_connector_fails_the_law_that_it_breaks(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "PATIENCE", 1.0)  # one of them never hangs up
    if not set(broken.laws) & set(laws(FailureLaws)):
        monkeypatch.setattr(failures, "troubles", some_troubles)
    assert failing(broken.kit) == set(broken.laws)


def test_every_law_is_proven() -> None:
    proven = {broken.laws[0] for broken in BROKEN if len(broken.laws) == 1}
    assert {*laws(HttpConformance), *laws(FileConformance)} == proven
