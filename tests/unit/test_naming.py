"""Tickets that titles and branches name, of whatever tracker; both are hostile texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.naming import first_refs, named_in_branch, named_in_title
from okrs.work import MOST_REFS


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("PAY-12: pay by card", ["PAY-12"]),
        ("Pay by card (PAY-12, PLAT-3)", ["PAY-12", "PLAT-3"]),
        ("[PAY_2-7] Pay", ["PAY_2-7"]),
        ("Fixes #34", ["acme/web#34"]),
        ("Fixes acme/api#7 and #8", ["acme/api#7", "acme/web#8"]),
        ("PAY-12 and PAY-12 again", ["PAY-12", "PAY-12"]),
        ("pay-12 is a word in a sentence", []),
        ("PAY-012 and PAY-0", []),
        ("XPAY-12x and PAY-12-rc", []),
        ("/PAY-12 and a.PAY-12 and PAY-12", ["PAY-12"]),
        ("A-1", []),
        ("#0 and #01", []),
        ("1#2", []),
        ("", []),
        ("ＰＡＹ-12", []),
        ("PAY-１２", []),
        ("Bump LODASH-4.17.21 and #1.2", []),
        ("This is PAY-12. 3 more follow.", ["PAY-12"]),
    ],
)
def test_titles(title: str, named: list[str]) -> None:
    assert named_in_title(title, "acme/web") == named


def test_a_number_alone_names_nothing_without_a_repository() -> None:
    assert named_in_title("Fixes #34 and acme/api#7") == ["acme/api#7"]


@pytest.mark.parametrize(
    ("branch", "named"),
    [
        ("feature/pay-12-coupons", ["PAY-12"]),
        ("PAY-12", ["PAY-12"]),
        ("fix_pay-12_plat-3", ["PAY-12", "PLAT-3", "FIX_PAY-12"]),
        ("feature/my_proj-12", ["PROJ-12", "MY_PROJ-12"]),
        ("My_Proj-12", ["PROJ-12", "MY_PROJ-12"]),
        ("feature/MY_PROJ-12-pay", ["PROJ-12", "MY_PROJ-12"]),
        ("feature_MY_PROJ-12", ["PROJ-12", "MY_PROJ-12"]),
        ("HOTFIX_PAY-12", ["PAY-12", "HOTFIX_PAY-12"]),
        ("fix_PAY-12", ["PAY-12"]),
        ("FIX_A_B_C_D_E_PAY-1", ["PAY-1", "E_PAY-1", "D_E_PAY-1", "C_D_E_PAY-1", "B_C_D_E_PAY-1"]),
        ("fix_2_PAY_2-12", ["PAY_2-12"]),
        ("and_so_it_goes_on_with_pay-1_and_plat-2", ["PAY-1", "PLAT-2", "WITH_PAY-1", "AND_PLAT-2", "ON_WITH_PAY-1"]),
        ("release_1-2", ["RELEASE_1-2"]),
        ("_pay-12", ["PAY-12"]),
        ("pay_-12", []),
        ("bump/lodash-4.17.21", []),
        ("bump/lodash-4.17.21-for-pay-12", ["PAY-12"]),
        ("pay-12.and-more", ["PAY-12"]),
        ("a-1", []),
        ("a_b-1", ["A_B-1"]),
        ("users/ada/p2p-7", ["P2P-7"]),
        ("release-2026", ["RELEASE-2026"]),
        ("pay-012", []),
        ("pay-12a", []),
        ("main", []),
        ("", []),
    ],
)
def test_branches(branch: str, named: list[str]) -> None:
    assert named_in_branch(branch)[:MOST_REFS] == named


def test_the_first_few_are_kept_each_once_and_not_the_own_one() -> None:
    keys = ["PAY-1", "PAY-2", "PAY-1", "PAY-3", "PAY-4", "PAY-5", "PAY-6", "PAY-7"]
    assert first_refs(keys, own="PAY-2") == ("PAY-1", "PAY-3", "PAY-4", "PAY-5", "PAY-6")
    assert first_refs([]) == ()


HOSTILE = st.text(st.sampled_from("AZaz09_-./#\n\u00c4\U0001f600") | st.characters(), max_size=300)


@settings(max_examples=300)
@given(HOSTILE, HOSTILE)
def test_whatever_the_text_names_are_parts_of_it(text: str, home: str) -> None:
    for name in named_in_title(text, home):
        assert name in text or name.removeprefix(home) in text
    for name in named_in_branch(text):
        assert name in text.upper()
    assert len(first_refs(named_in_title(text, home))) <= MOST_REFS


UNITS = ["A", "A-", "A-1", "A_", "a/", "a.b/", "#", "#1", "a#", "AB-1-", "-", "A1", "a-b/c"]
UNITS += ["a_", "ab_ab-1_", "-1", "a-1."]


@pytest.mark.parametrize("unit", UNITS)
def test_no_text_is_slow(unit: str) -> None:
    """A pattern that backs up over itself takes hours for these; the run's time limit is the proof."""
    text = unit * (100_000 // len(unit))
    named_in_title(text, "acme/web")
    named_in_branch(text)
