"""Findings of a review about files in quarantine."""

from pathlib import Path

import pytest

from tests.unit.test_config_quarantine import Folder, folder, team  # noqa: F401


def mapping_of(made: Folder, name: str) -> str:
    return repr(made.load().config.rules[name].parts[0].where)


def test_what_was_given_away_does_not_come_back_when_both_files_are_broken(folder: Folder) -> None:
    # pay gives p2 away, and makes a mistake that leaves it readable; web takes p2 and changes its rule
    folder.write(pay=team("pay", "p1").replace("title: T", "titel: T"))
    folder.write(web=team("web", "w1", "p2").replace("{label: p2}", "{label: new}"))
    assert "new" in mapping_of(folder, "p2")
    folder.keep()
    assert folder.wrong().keys() == {"pay"}
    # pay cannot be read any more; and web has any mistake
    folder.edit("pay", "objectives:", "objectives: [")
    assert "new" in mapping_of(folder, "p2")
    folder.edit("web", "title: T", "titel: T")
    assert "new" in mapping_of(folder, "p2")


def given_away(made: Folder) -> None:
    """A broken but readable file gives p2 to another one, where it gets a new rule and runs."""
    made.write(pay=team("pay", "p1").replace("title: T", "titel: T"))
    made.write(web=team("web", "w1", "p2").replace("{label: p2}", "{label: new}"))
    made.keep()
    assert made.wrong().keys() == {"pay"}
    assert "new" in mapping_of(made, "p2")


def test_what_comes_back_to_a_file_that_is_still_broken_does_not_run_by_what_it_was_long_ago(folder: Folder) -> None:
    given_away(folder)
    back = team("pay", "p1", "p2").replace("{label: p2}", "{label: new}").replace("title: T", "titel: T")
    folder.write(pay=back, web=team("web", "w1"))
    rules = folder.load().config.rules
    assert "p2" not in rules or "new" in repr(rules["p2"].parts[0].where)


def test_a_stale_mapping_does_not_feed_the_key_result_of_another_broken_file(folder: Folder) -> None:
    given_away(folder)
    folder.write(web=team("web", "w1").replace("{id: w1", "{ident: w1"))  # whether it still holds p2 nobody can tell
    rules = folder.load().config.rules
    assert "p2" not in rules or "new" in repr(rules["p2"].parts[0].where)


def test_a_run_is_told_of_a_file_that_nobody_reads(folder: Folder) -> None:
    """With it all key results of a file retire that somebody renamed; `sync` has no word of why."""
    (folder.path / "web.yaml").rename(folder.path / "web.yml")
    found = folder.load()
    assert set(found.config.rules) == {"p1", "p2"}
    assert any("web.yml" in str(each) for each in found.problems)
