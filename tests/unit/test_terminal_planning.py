"""How a plan is told: on a terminal, as JSON, and as a comment whose titles are nothing but text."""

import html
import io
import re
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from config.problems import Problem
from okrs.demand import Demand
from okrs.immutable import replace
from okrs.ledger import Cause, CauseKind, Entry, EntryKind
from okrs.objective import KeyResult, Numeric, terms_text
from okrs.work import WorkItem
from store.holds import Hold
from store.views.history import ShownCause, ShownEntry
from sync.lacking import Lack, NextRead
from sync.planned import Note, Place, Planned, Ticket
from terminal.answers import Plan
from terminal.documents import plan_json
from terminal.planning import fate, note_text, planned
from terminal.reviewing import inert, reviewed
from terminal.text import harmless
from tests.builders import an_item, numbers
from tests.e2e import shapes

ONE = Decimal(1)
LINE = (Place(0, ONE, ONE),)
KR = KeyResult("p1-bugs", "o", "c", "Fix 25 P1 bugs", Numeric(Decimal(0), Decimal(25)), unit="bugs")
HOSTILE = {
    "a table": "a | b |\n|---|\n| c",
    "HTML": "<img src=x onerror=alert(1)></details></summary><!-- -->",
    "Markdown": "**bold** _it_ `code` [link](https://evil.example) ![pic](x) ~~no~~ # head > quote \\",
    "people and numbers": "@everyone @acme/team fixes #12 GH-3",
    "addresses": "https://evil.example www.evil.example me@evil.example",
    "references": "&lt;script&gt; &#64;all",
    "a terminal": "\x1b[31mred\u202e",
}


HALF = (Place(1, Decimal(5), Decimal("2.5")),)


def a_ticket(item: WorkItem, *, old: tuple[Place, ...] = (), new: tuple[Place, ...] = (), why: Any = None) -> Ticket:
    return Ticket("pay", item.id, item, old, new, why)


def a_plan(**facts: Any) -> Planned:
    facts.setdefault("notes", (Note.RULE,))
    facts.setdefault("effects", (an_effect(EntryKind.RULE, 20, 17),))
    return Planned("p1-bugs", KR, Decimal(20), Decimal(17), **facts)


def an_effect(kind: EntryKind, old: int, new: int, *causes: ShownCause) -> ShownEntry:
    before, after = numbers(old, new)
    return ShownEntry(Entry(0, "p1-bugs", datetime(2026, 11, 20, tzinfo=UTC), kind, before, after), causes)


def told(*key_results: Planned, reads: tuple[NextRead, ...] = ()) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=200, color_system=None, soft_wrap=True).print(planned(Plan(key_results, reads)))
    return file.getvalue().splitlines()


def test_one_that_comes_under_another_id_with_the_title_of_one_that_goes_is_asked_about() -> None:
    gone = replace(a_plan(notes=(Note.RETIRED,)), key_result=None, former="Fix 25 P1 bugs ")
    come = replace(a_plan(notes=(Note.NEW,)), id="p1-fixed", key_result=replace(KR, id="p1-fixed"))
    hint = (
        "p1-fixed has the title of p1-bugs, which is taken out: if it is the same one in the same cycle, write "
        "was: p1-bugs at it, and its history goes on."
    )
    assert hint in told(gone, come)
    assert f"> {hint}" in reviewed(Plan((gone, come), ()))
    for others in (
        (gone,),
        (gone, replace(come, notes=(Note.RULE,))),
        (gone, replace(come, key_result=replace(KR, title="Fix 30 P1 bugs"))),
        (replace(gone, former=None), come),
    ):
        assert hint not in told(*others)


def test_a_change_is_told_with_its_tickets() -> None:
    closed = ShownCause(Cause(CauseKind.CLOSED, ONE, "pay", "1"), an_item("PAY-78"))
    tickets = (
        a_ticket(an_item("PAY-2"), new=(Place(0, ONE, Decimal(0)),), why="open"),
        a_ticket(an_item("PAY-1"), new=LINE),
        a_ticket(an_item("PAY-3"), old=LINE, why="no_match"),
        a_ticket(an_item("PAY-4"), old=HALF, why="deleted"),
        a_ticket(an_item("PAY-6"), old=(*LINE, *HALF), why="moved"),
        a_ticket(an_item("PAY-5"), old=LINE, new=(Place(0, Decimal(3), Decimal("1.5")),)),
        Ticket("pay", "77", None, (Place(0, ONE, Decimal(0)),), (), "no_match"),
    )
    effects = (an_effect(EntryKind.AUTO, 20, 21, closed), an_effect(EntryKind.RULE, 21, 17))
    assert told(a_plan(effects=effects, tickets=tickets)) == [
        "Fix 25 P1 bugs  p1-bugs  20 → 17  rule changed",
        "  tickets  20 → 21  PAY-78 closed (+1)",
        "  rule  21 → 17",
        "  Comes in (2)",
        "    PAY-1  About PAY-1  +1",
        "    PAY-2  About PAY-2  0 of 1, still open",
        "  Goes out (4)",
        "    PAY-3  About PAY-3  -1, it does not match the rule",
        "    PAY-4  About PAY-4  -2.5 of 5, was deleted",
        "    PAY-6  About PAY-6  -(1 + 2.5 of 5), moved to a project that is not read",
        "    77  0 of 1, it does not match the rule",
        "  Counts otherwise (1)",
        "    PAY-5  About PAY-5  1 → 1.5 of 3",
        "",
        "1 of 1 key result would change.",
    ]


def test_a_negative_amount_has_one_sign() -> None:
    def places(*amounts: int) -> tuple[Place, ...]:
        return tuple(Place(part, Decimal(each), Decimal(each)) for part, each in enumerate(amounts))

    part = (Place(0, Decimal(-6), Decimal(-3)),)  # half of its credit
    assert fate(a_ticket(an_item(), old=places(3))) == "-3"
    assert fate(a_ticket(an_item(), old=places(-3))) == "+3"  # who takes a debt away raises the sum
    assert fate(a_ticket(an_item(), new=places(-3))) == "-3"
    assert fate(a_ticket(an_item(), new=places(3))) == "+3"
    assert fate(a_ticket(an_item(), old=part)) == "-(-3 of -6)"
    assert fate(a_ticket(an_item(), old=places(2, -3))) == "-(2 + -3)"


def test_warnings_are_text_in_a_comment_and_long_lists_are_cut() -> None:
    hostile = Problem("a.yaml", 1, 2, "mappings[0]", HOSTILE["HTML"], "warning")
    comment = reviewed(Plan((a_plan(),), warnings=(hostile,) * 23))
    assert "<details><summary>23 warnings about what changes</summary>" in comment
    assert comment.count("\n- a.yaml") == 20
    assert "<img" not in comment
    assert comment.count("</details>") == 1
    assert "- and 3 more, which `headway validate` tells" in comment


def test_what_stays_is_only_counted() -> None:
    same = Planned("p1-bugs", KR, Decimal(20), Decimal(20))
    assert told(same, same) == ["Nothing would change: 2 key results."]


LACK = Lack(
    "pay",
    ("OPS", "WEB"),
    Demand(fields=frozenset({"points"}), histories=True, sprints=True, refs=True),
    ("team = core",),
)
HOLD = Hold(
    "h1", "p1-bugs", Decimal(20), Decimal(0), "8 | tickets are <gone>.", "d", datetime(2026, 11, 20, tzinfo=UTC)
)
DATES = "the dates of its cycle changed, and the mapping leads to them"
SENTENCES = {
    "new": a_plan(notes=(Note.NEW,)),
    "unknown until read: OPS and WEB and the field points and histories and sprints and links between tickets and the "
    "query team = core of pay": a_plan(notes=(Note.UNKNOWN,), lacks=(LACK,)),
    "without what is not read yet: OPS of pay": a_plan(notes=(Note.PARTLY,), lacks=(Lack("pay", ("OPS",)),)),
    "rule changed; target changed: from 0 to 20 ⇒ from 0 to 25": a_plan(
        notes=(Note.RULE, Note.TARGET),
        terms=(terms_text(Numeric(Decimal(0), Decimal(20))), terms_text(KR.terms)),
    ),
    "rule changed: the dates of its cycle changed, and the mapping leads to them": a_plan(
        effects=(ShownEntry(replace(an_effect(EntryKind.RULE, 20, 17).entry, why=DATES), ()),)
    ),
    "retired: taken out of the config": a_plan(notes=(Note.RETIRED,)),
    "an update waits for a person: it would become 0, as `headway holds` tells": a_plan(notes=(Note.WAITS,), held=HOLD),
    "an update waits for a person: it would lose tickets, as `headway holds` tells": a_plan(
        notes=(Note.WAITS,), held=replace(HOLD, new=Decimal(20))
    ),
    "rule changed; the update that waits falls away": a_plan(notes=(Note.RULE, Note.VOID), held=HOLD),
    "": a_plan(notes=()),
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_notes_are_sentences(sentence: str) -> None:
    assert note_text(SENTENCES[sentence]) == sentence


def test_what_nobody_knows_yet_is_a_question_mark() -> None:
    unknown = replace(a_plan(notes=(Note.RULE, Note.UNKNOWN)), new=None)
    assert told(unknown)[0] == "Fix 25 P1 bugs  p1-bugs  20 → ?  rule changed; unknown until read"
    assert "| 20 | ? |" in reviewed(Plan((unknown,)))


def test_sources_that_the_next_read_changes_are_told() -> None:
    reads = (NextRead("pay", ("OPS",)), NextRead("app", added=("a/b", "a/c")), NextRead("web", anew=True))
    assert told(reads=reads) == [
        "pay: OPS left the config; its tickets leave with the next read.",
        "app: a/b, a/c come with the next read.",
        "web: its settings changed; the next read takes everything anew.",
        "The rules change nothing (0 key results); what the next read changes is known after it.",
    ]
    assert Plan((), reads).changes


def test_long_lists_are_cut_and_json_has_all() -> None:
    many = tuple(a_ticket(an_item(f"PAY-{number}"), new=LINE) for number in range(34))
    view = Plan((a_plan(tickets=many),))
    assert "    and 14 more" in told(*view.key_results)
    assert "- and 24 more" in reviewed(view).splitlines()
    assert len(plan_json(view)["key_results"][0]["in"]) == 34


def test_json_has_the_promised_shape() -> None:
    tickets = (a_ticket(an_item("PAY-1"), new=LINE), Ticket("pay", "77", None, LINE, (), "no_match"))
    terms = (terms_text(KR.terms),) * 2
    document = plan_json(Plan((a_plan(tickets=tickets, lacks=(LACK,), terms=terms), Planned("x", None, None, None))))
    assert list(shapes.complaints(document, shapes.PLAN)) == []
    (planned, _) = document["key_results"]
    assert [each["amount"] for each in (*planned["in"], *planned["out"])] == [1, -1]


# --- the comment ----------------------------------------------------------------------------------------------------


def test_a_comment_has_a_table_and_folded_tickets() -> None:
    tickets = (a_ticket(an_item("PAY-1", title="Pay twice"), new=LINE),)
    same = Planned("same", KR, Decimal(20), Decimal(20))
    assert reviewed(Plan((a_plan(tickets=tickets), same))).splitlines() == [
        "### Headway plan",
        "",
        "1 of 2 key results would change.",
        "",
        "| key result | now | then | in | out | note |",
        "|---|--:|--:|--:|--:|---|",
        "| Fix 25 P1 bugs <sub>p1-bugs</sub> | 20 | 17 | 1 |  | rule changed |",
        "",
        "<details><summary>Fix 25 P1 bugs: 20 → 17</summary>",
        "",
        "Comes in (1):",
        "",
        "- [PAY-1](<https://t.example/PAY-1>) Pay twice: +1",
        "",
        "</details>",
    ]


def test_what_waits_is_told_though_nothing_changes() -> None:
    waits = Planned("p1-bugs", KR, Decimal(20), Decimal(20), (Note.WAITS,), held=HOLD)
    same = Planned("same", KR, Decimal(20), Decimal(20))
    sentence = "an update waits for a person: it would become 0, as `headway holds` tells"
    assert told(waits, same) == [
        f"Fix 25 P1 bugs  p1-bugs  20  {sentence}",
        "",
        "Nothing would change: 2 key results.",
    ]
    assert reviewed(Plan((waits, same))).splitlines() == [
        "### Headway plan",
        "",
        "Nothing would change: 2 key results.",
        "",
        f"> Fix 25 P1 bugs <sub>p1-bugs</sub>: {sentence}",
    ]
    changing = a_plan(notes=(Note.TARGET, Note.WAITS), held=HOLD, terms=(terms_text(KR.terms),) * 2)
    assert reviewed(Plan((changing,))).count(sentence) == 1, "its row says it"
    many = tuple(replace(waits, id=f"kr-{number}") for number in range(23))
    assert "> … and an update waits for each of 3 more: `headway holds` tells of all." in reviewed(Plan(many))
    document = plan_json(Plan((waits, same)))
    assert list(shapes.complaints(document, shapes.PLAN)) == []
    assert [each["held"] and each["held"]["new"] for each in document["key_results"]] == [0, None]
    assert document["changes"] is False


def test_our_own_words_stay_as_they_are_and_those_of_others_are_made_text() -> None:
    lack = Lack("pay", ("a_b",), unasked=('x = "y"',))
    view = a_plan(
        notes=(Note.RULE, Note.UNKNOWN), lacks=(lack,), tickets=(a_ticket(an_item("P", title="a_b"), new=LINE),)
    )
    comment = reviewed(Plan((view,), (NextRead("pay", ("a_b",)),), "my_home/headway.db"))
    assert "| rule changed; unknown until read: a&#95;b and the query x = &#34;y&#34; of pay |" in comment
    assert "> pay: a&#95;b left the config; its tickets leave with the next read." in comment
    assert "> There is no database at my&#95;home/headway.db yet: run `headway sync`." in comment


def test_a_sentence_lists_some_names_and_counts_the_others() -> None:
    many = tuple(f"P{number}" for number in range(300))
    view = a_plan(notes=(Note.PARTLY,), lacks=(Lack("pay", many),))
    shown = "P0 and P1 and P2 and P3 and P4 and P5 and P6 and P7 and 292 more of pay"
    assert note_text(view) == f"without what is not read yet: {shown}"


class Seen(HTMLParser):
    """What a reader of rendered Markdown gets: elements, and the pieces of text between them."""

    def __init__(self, comment: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Any]] = []
        self.texts: list[str] = []
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(comment))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def comment_on(title: str) -> str:
    item = replace(an_item(), key=title, title=title)
    view = a_plan(tickets=(a_ticket(item, new=LINE),), notes=(Note.UNKNOWN,), lacks=(Lack(title, (title,)),))
    return reviewed(Plan((replace(view, key_result=replace(KR, title=title)),), (NextRead(title, (title,)),), title))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_title_is_nothing_but_text(name: str) -> None:
    hostile, plain = Seen(comment_on(HOSTILE[name])), Seen(comment_on("A title"))
    assert hostile.tags == plain.tags
    assert harmless(HOSTILE[name]).split()[-1] in "".join(hostile.texts)
    for piece in hostile.texts:  # a host looks for people, tickets and addresses in each of them
        assert not re.search(r"@\w|#\d", piece), piece
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", comment_on(HOSTILE[name]))
    assert not re.search(r"https?://(?!t\.example)|www\.", comment_on(HOSTILE[name]))


def test_an_address_that_would_end_early_or_is_none_is_no_link() -> None:
    def link(url: str) -> str:
        view = Plan((a_plan(tickets=(a_ticket(an_item("PAY-1", url=url), new=LINE),)),))
        return next(line for line in reviewed(view).splitlines() if line.startswith("- "))

    assert link("javascript:alert(1)") == "- PAY-1 About PAY-1: +1"
    assert link("https://[broken") == "- PAY-1 About PAY-1: +1"
    assert (
        link("https://t.example/a>)b|c d\n&e")
        == "- [PAY-1](<https://t.example/a%3E)b%7Cc%20d%0A&amp;e>) About PAY-1: +1"
    )


@given(st.text())
def test_inert_text_reads_as_it_was_and_holds_no_sign_that_means_something(title: str) -> None:
    written = inert(title)
    shown = html.unescape(written.replace("<!-- -->", ""))
    assert shown == html.unescape(inert(shown).replace("<!-- -->", ""))
    bare = re.sub(r"&#\d+;(<!-- -->)?", "", written)
    assert not set('<>&|`*_[]~#@!\\:{}$^"') & set(bare)
    assert "\n" not in written


def test_a_comment_does_not_outgrow_what_hosts_take() -> None:
    many = tuple(a_ticket(an_item(f"PAY-{number}", title="|" * 120), new=LINE) for number in range(20))
    comment = reviewed(Plan(tuple(a_plan(tickets=many) for _ in range(100))))
    assert len(comment) < 65_000
    assert re.search(r"The tickets of \d+ more are told by `headway plan`", comment)


def test_a_comment_on_a_thousand_key_results_is_taken_too() -> None:
    """Another time zone changes every rule; the table and the warnings are cut, and say so."""
    some = (replace(a_plan(notes=(Note.RULE,)), id=f"team-key-result-{number}") for number in range(1000))
    long = Problem("teams/a.yaml", 1, 2, "mappings[0].from[0].where", "|" * 900, "warning")
    comment = reviewed(Plan(tuple(some), warnings=(long,) * 30))
    assert len(comment) < 65_000
    rows = comment.count("<sub>")
    assert 100 < rows < 1000
    assert f"and {1000 - rows} more key results would change: `headway plan` tells of all.\n" in comment
    warnings = comment.count("\n- teams/a.yaml")
    assert 0 < warnings < 20
    assert f"- and {30 - warnings} more, which `headway validate` tells" in comment
