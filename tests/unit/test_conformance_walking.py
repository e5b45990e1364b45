"""How the conformance kit walks: chains are strict, children that several pages name are asked once."""

import pytest

from connectors.conformance.walking import texts, walked
from connectors.contract import IdPage


@pytest.mark.parametrize("last_first", [False, True])
def test_children_that_several_pages_name_are_asked_once(last_first: bool) -> None:
    pages = {None: IdPage((), ("a",), ("x", "x")), "a": IdPage((), ("b",), ("x", "y")), "b": IdPage((), (), ("y",))}
    asked: list[str | None] = []

    def ask(resume: str | None) -> IdPage:
        asked.append(resume)
        return pages.get(resume, IdPage(()))

    assert set(walked(ask, last_first=last_first)) == {None, "a", "b", "x", "y"}
    assert len(asked) == 5
    assert sorted(texts(pages.values())) == ["a", "b", "x", "x", "x", "y", "y"]


def test_a_chain_that_comes_back_breaks_the_law() -> None:
    pages = {None: IdPage((), ("a",), ("x",)), "a": IdPage((), ("x",))}
    with pytest.raises(AssertionError, match="a page is named twice in one read"):
        walked(lambda resume: pages.get(resume, IdPage(())))
