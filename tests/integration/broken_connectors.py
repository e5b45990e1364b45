"""Connectors that each break one law of the conformance kit, in a few lines, over a toy tracker and a toy file."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from connectors.conformance import FileConformance, Golden, HttpConformance, Tracker
from connectors.contract import (
    Account,
    ConnectorError,
    Container,
    Cursor,
    Demand,
    Fate,
    FieldsRefused,
    Found,
    IdPage,
    Listed,
    MalformedAnswer,
    Page,
    QueryRefused,
    RateLimited,
    Stop,
    TryLater,
    Unreadable,
)
from connectors.http import parsed
from connectors.line import Line, Route
from connectors.settings import Address, Interpolated
from okrs.demand import Family
from okrs.immutable import replace
from okrs.work import Ref, WorkItem
from tests.integration.toy_file import Notes, NotesSettings, note
from tests.integration.toy_tracker import TOKEN, Json, Settings, Toy, ToyTracker, items_of, module

GOLDEN = Path(__file__).parent / "golden_toy"


class ToyKit(HttpConformance):
    """What the kit must know of the toy."""

    connector = module(Toy)  # in a distribution the module itself, as `headway_worklist` above
    containers = ("SHOP", "BLOG")
    unknown = "GONE"
    absent = "404404"
    token = TOKEN
    fields = frozenset({"points"})
    compared = frozenset({"market"})
    query = "points > 3"
    wrong_query = "colour = red"
    above = "SHOP-5"
    posts = frozenset({"/find"})

    @contextmanager
    def tracker(self) -> Iterator[Tracker]:
        with ToyTracker() as toy:
            yield toy

    def keys(self, where: str, names: Sequence[str]) -> Mapping[str, Any]:
        return {"connector": "toy", "url": where, "token": TOKEN, "projects": names}

    def goldens(self) -> Sequence[Golden]:
        return [Golden(GOLDEN / "items.json", GOLDEN / "items.items.json", items_of)]


@dataclass(frozen=True)
class Broken:
    """A kit for a broken connector, and the laws that it fails."""

    name: str
    kit: type[HttpConformance] | type[FileConformance]
    laws: tuple[str, ...]


BROKEN: list[Broken] = []


def breaks(*laws: str) -> Callable[[type[Any]], type[Any]]:
    """Enter a broken connector (or settings, or a kit) into the list."""

    def enter(broken: type[Any]) -> type[Any]:
        kit: type[Any]
        if issubclass(broken, Toy):
            kit = type("Kit", (ToyKit,), {"connector": module(broken)})
        elif issubclass(broken, Settings):
            kit = type("Kit", (ToyKit,), {"connector": module(TakesPlainText, broken)})
        elif issubclass(broken, Notes):
            kit = type("Kit", (FileKit,), {"connector": SimpleNamespace(Settings=NotesSettings, connect=broken)})
        else:
            kit = broken
        BROKEN.append(Broken(broken.__name__, kit, tuple(f"test_{law}" for law in laws)))
        return broken

    return enter


# settings


class TakesPlainText(Toy):
    """Correct, and content with a token that is no secret."""

    def headers(self) -> dict[str, str]:
        token: Any = self.settings.token
        return {"Authorization": f"Bearer {token if isinstance(token, str) else token.get_secret_value()}"}


@breaks("settings_are_closed")
class OpenSettings(Settings):
    model_config = ConfigDict(extra="ignore")


@breaks("every_setting_is_described")
class SilentSettings(Settings):
    depth: int = 3


@breaks("settings_keep_their_secret")
class TalkativeSettings(Settings):
    token: Annotated[str, Interpolated()] = Field(description="The toy's token.")  # type: ignore[assignment]


@breaks("addresses_keep_the_token_secret")
class CarelessSettings(Settings):
    url: Address = Field(description="The root of the toy.")


# items


class _Numbered(Toy):
    count = 0

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        type(self).count += 1
        self.number = self.count


@breaks("ids_never_change")
class NewContainerIds(_Numbered):
    def container(self, name: str) -> Container | Unreadable:
        found = super().container(name)
        return found if isinstance(found, Unreadable) else replace(found, id=f"{found.id}@{self.number}")

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        return super().changed(replace(container, id=container.id.partition("@")[0]), cursor, demand)

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        return super().census(replace(container, id=container.id.partition("@")[0]), demand, resume)


@breaks("ids_never_change", "an_id_outlives_a_move", "what_changed_comes")
class NewItemIds(_Numbered):
    def twin(self) -> Self:
        twin = super().twin()
        twin.number = self.number
        return twin

    def item(self, row: Json, demand: Demand) -> WorkItem:
        item = super().item(row, demand)
        return replace(item, id=f"{item.id}@{self.number}")

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        page = super().census(container, demand, resume)
        return replace(page, refs=tuple([Ref(f"{ref.id}@{self.number}") for ref in page.refs]))

    def found(self, ref: Ref, demand: Demand) -> Found:
        return super().found(Ref(ref.id.partition("@")[0]), demand)

    def matching(self, query: str, resume: str | None) -> IdPage:
        page = super().matching(query, resume)
        return replace(page, refs=tuple([Ref(f"{ref.id}@{self.number}") for ref in page.refs]))


@breaks("an_id_outlives_a_move")
class KeyIds(Toy):
    def item(self, row: Json, demand: Demand) -> WorkItem:
        item = super().item(row, demand)
        return replace(item, id=item.key)

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        page = super().census(container, demand, resume)
        return replace(page, refs=tuple([Ref(f"{container.name}-{ref.id}") for ref in page.refs]))

    def found(self, ref: Ref, demand: Demand) -> Found:
        return super().found(Ref(ref.id.rpartition("-")[2]), demand)

    def matching(self, query: str, resume: str | None) -> IdPage:
        page = super().matching(query, resume)
        return replace(
            page, refs=tuple([Ref(f"{'SHOP' if int(ref.id) < 8 else 'BLOG'}-{ref.id}") for ref in page.refs])
        )


@breaks("an_id_means_one_item")
class SharedIds(Toy):
    def item(self, row: Json, demand: Demand) -> WorkItem:
        item = super().item(row, demand)
        return replace(item, id="1") if item.id == "2" else item

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        page = super().census(container, demand, resume)
        return replace(page, refs=tuple([Ref("1") if ref.id == "2" else ref for ref in page.refs]))


@breaks("kinds_and_states_are_known")
class OwnStates(Toy):
    def item(self, row: Json, demand: Demand) -> WorkItem:
        return replace(super().item(row, demand), state="ready")  # type: ignore[arg-type]


@breaks("times_are_aware_and_in_utc")
class NaiveTimes(Toy):
    def item(self, row: Json, demand: Demand) -> WorkItem:
        item = super().item(row, demand)
        assert item.updated_at is not None
        return replace(item, updated_at=item.updated_at.replace(tzinfo=None))


@breaks("addresses_lead_to_pages")
class OddAddresses(Toy):
    def item(self, row: Json, demand: Demand) -> WorkItem:
        return replace(super().item(row, demand), url="javascript:alert(1)")


@breaks("few_others_are_named")
class ManyRefs(Toy):
    def item(self, row: Json, demand: Demand) -> WorkItem:
        return replace(super().item(row, demand), refs=tuple([f"PAY-{number}" for number in range(1, 8)]))


@breaks("only_what_is_demanded_comes")
class AllFields(Toy):
    def item(self, row: Json, demand: Demand) -> WorkItem:
        return super().item(row, replace(demand, fields=demand.fields | {"points"}))


@breaks("fields_are_pairs_of_a_name_and_a_text")
class WordsForNumbers(Toy):
    def item(self, row: Json, demand: Demand) -> WorkItem:
        item = super().item(row, demand)
        return replace(item, fields=tuple([(name, f"about {text}") for name, text in item.fields]))


@breaks("fields_are_pairs_of_a_name_and_a_text")
class FieldsAsTheyCome(Toy):
    def item(self, row: Json, demand: Demand) -> WorkItem:
        item = super().item(row, demand)
        return replace(item, fields=item.fields[::-1])


@breaks("fields_that_nobody_has_are_refused_by_name")
class StopsForAStrangeField(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        if demand.fields - {"points", "market"}:
            raise Stop("The toy has no such field.")
        return super().changed(container, cursor, demand)


@breaks("fields_that_nobody_has_are_refused_by_name")
class RefusesOneAfterTheOther(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        for name in sorted(demand.fields - {"points", "market"}):
            raise FieldsRefused({name: "The toy has no such field."})
        return super().changed(container, cursor, demand)


@breaks("fields_that_nobody_has_are_refused_by_name")
class RefusesLate(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        strange = demand.fields - {"points", "market"}
        if strange and cursor.resume:
            raise FieldsRefused(dict.fromkeys(strange, "The toy has no such field."))
        return super().changed(container, cursor, demand)


@breaks("golden_payloads_become_the_expected_items")
class OtherItems(ToyKit):
    def goldens(self) -> Sequence[Golden]:
        return [replace(super().goldens()[0], read=lambda payload: items_of(payload)[1:])]


# containers and pages


@breaks("containers_come_in_the_order_of_the_config")
class SortedContainers(Toy):
    def containers(self) -> Sequence[Container | Unreadable]:
        found = super().containers()
        lost = [one for one in found if isinstance(one, Unreadable)]
        return lost + sorted([one for one in found if isinstance(one, Container)], key=lambda one: one.id)


@breaks("an_unreadable_container_keeps_no_other_from_being_read")
class AllOrNothing(Toy):
    def containers(self) -> Sequence[Container | Unreadable]:
        found = super().containers()
        for one in found:
            if isinstance(one, Unreadable):
                raise Stop(one.error)
        return found


@breaks("every_page_can_be_asked_again")
class OncePages(Toy):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.given: set[str] = set()

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        page = super().changed(container, cursor, demand)
        if cursor.resume in self.given:
            return replace(page, items=())
        self.given |= {cursor.resume} if cursor.resume else set()
        return page


@breaks("resume_points_are_small_texts")
class LongResumes(Toy):
    def ask(self, path: str, what: str, method: str = "GET") -> Any:
        return super().ask(path.partition("#")[0], what, method)

    def next(self, answer: Json, asked: str, what: str) -> tuple[str, ...]:
        return tuple([f"{one}#{'x' * 5000}" for one in super().next(answer, asked.partition("#")[0], what)])


@breaks("what_changed_comes")
class LateSince(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        since = cursor.since + timedelta(minutes=15) if cursor.since else None
        return super().changed(container, replace(cursor, since=since), demand)


@breaks("what_changed_comes")
class FirstPageOfChanges(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        page = super().changed(container, cursor, demand)
        return replace(page, following=()) if cursor.since else page


# identities


@breaks("a_census_agrees_with_the_listing")
class ShortCensus(Toy):
    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        page = super().census(container, demand, resume)
        return replace(page, refs=page.refs[:-1])


@breaks("every_page_of_a_census_can_be_asked_again")
class OnceCensus(Toy):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.given: set[tuple[str, str | None]] = set()

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        page, asked = super().census(container, demand, resume), (container.id, resume)
        if asked in self.given:
            return replace(page, refs=())
        self.given.add(asked)
        return page


@breaks("a_look_up_answers_every_ref")
class SilentLookUp(Toy):
    def look_up(self, container: Container, refs: Sequence[Ref], demand: Demand) -> Mapping[str, Found]:
        found = super().look_up(container, refs, demand)
        return {one: told for one, told in found.items() if one != "404404"}


@breaks("a_look_up_answers_every_ref")
class MovedLookUp(Toy):
    def found(self, ref: Ref, demand: Demand) -> Found:
        found = super().found(ref, demand)
        return Found(Fate.MOVED) if ref.id == "404404" else found


@breaks("a_query_finds_ids_or_is_refused")
class OddQuery(Toy):
    def matching(self, query: str, resume: str | None) -> IdPage:
        page = super().matching(query, resume)
        return replace(page, refs=(*page.refs, Ref("404404")))


@breaks("what_lies_outside_is_what_nobody_reads")
class TellsWhatIsRead(Toy):
    def outside(self, family: Family, resume: str | None) -> IdPage:
        return replace(super().outside(family, resume), refs=(Ref("6"), Ref("9")))


@breaks("what_lies_outside_is_what_nobody_reads")
class TellsNothingOutside(Toy):
    def outside(self, family: Family, resume: str | None) -> IdPage:
        return replace(super().outside(family, resume), refs=())


@breaks("a_refused_query_is_told_apart")
class StopsForAQuery(Toy):
    def matching(self, query: str, resume: str | None) -> IdPage:
        try:
            return super().matching(query, resume)
        except QueryRefused as error:
            raise Stop(str(error)) from None


@breaks("a_refused_query_is_told_apart", "an_error_is_never_emptiness")
class FindsNothingForAQuery(Toy):
    def matching(self, query: str, resume: str | None) -> IdPage:
        try:
            return super().matching(query, resume)
        except QueryRefused:
            return IdPage(())


@breaks("a_check_says_what_the_token_sees")
class OptimisticCheck(Toy):
    def check(self) -> Account:
        return replace(super().check(), sees=self.settings.projects, missing=())


@breaks("a_discovery_lists_the_containers")
class EmptyDiscovery(Toy):
    def discover(self) -> Sequence[Listed]:
        return super().discover()[:0]


# what is sent


@breaks("it_only_reads")
class Writes(Toy):
    posts = frozenset({"/find", "/seen"})

    def check(self) -> Account:
        self.need(self.ask("/seen", "a note", "POST"), "noted", bool, "a note")
        return super().check()


@breaks("requests_are_counted")
class Miscounts(Toy):
    @property
    def requests(self) -> int:
        return 0


@breaks("a_twin_is_a_connection_of_its_own")
class IsItsTwin(Toy):
    def twin(self) -> Self:
        return self


@breaks("a_twin_is_a_connection_of_its_own")
class SharesItsLine(Toy):
    def twin(self) -> Self:
        return type(self)(self.settings, self.line, self.known)


@breaks("a_twin_asks_nothing_anew")
class ForgetfulTwin(Toy):
    def twin(self) -> Self:
        return type(self)(self.settings, self.line.twin(), {})

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        if container.id not in self.known and isinstance(lost := self.container(container.name), Unreadable):
            raise Stop(lost.error)
        return super().changed(container, cursor, demand)


@breaks("requests_say_who_asks")
class AsksAsItsLibrary(Toy):
    def headers(self) -> dict[str, str]:
        return {**super().headers(), "user-agent": "python-urllib3/2.2"}


@breaks("a_quiet_poll_is_cheap")
class AsksForEach(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        if cursor.since:
            for _ in range(3):
                self.need(self.ask("/account", "the account"), "name", str, "the account")
        return super().changed(container, cursor, demand)


@breaks("closing_hangs_up")
class NeverCloses(Toy):
    kept: list[Line] = []  # noqa: RUF012 - it is broken on purpose

    def close(self) -> None:
        self.kept.append(self.line)


class _Anywhere(Line):
    def owns(self, url: str) -> bool:
        return True


class _Loose(Toy):
    def __init__(self, settings: Settings, line: Line | None = None, known: dict[str, Container] | None = None) -> None:
        super().__init__(settings, line or _Anywhere(Route(settings.url, posts=self.posts)), known)


@breaks("the_token_goes_nowhere_else")
class FollowsLinks(_Loose):
    pass


@breaks("the_token_goes_nowhere_else")
class FollowsRedirects(_Loose):
    def ask(self, path: str, what: str, method: str = "GET") -> Any:
        url = path if path.startswith("http") else self.settings.url + path
        answer = self.line.ask(method, url, what, self.headers())
        if "location" in answer.headers:
            self.line.ask("GET", answer.headers["location"], what, self.headers())
        if answer.status != 200:
            raise self.error(answer.status, answer.headers, answer.body, what)
        return parsed(answer.body, what)

    def next(self, answer: Json, asked: str, what: str) -> tuple[str, ...]:
        if not str(answer.get("next") or self.settings.url).startswith(self.settings.url):
            raise MalformedAnswer(f"The pages of {what} lead elsewhere.")
        return super().next(answer, asked, what)


@breaks("a_listing_that_repeats_itself_is_given_up")
class GoesRound(Toy):
    def next(self, answer: Json, asked: str, what: str) -> tuple[str, ...]:
        return super().next(answer, "", what)


# failures


@breaks("refused_credentials_are_told")
class PlainStop(Toy):
    def error(self, status: int, headers: Mapping[str, str], body: bytes, what: str) -> ConnectorError:
        error = super().error(status, headers, body, what)
        return Stop(str(error)) if status == 401 else error


@breaks("a_refusal_is_told")
class GoneIsEmpty(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        try:
            return super().changed(container, cursor, demand)
        except Stop as error:
            if "(404)" in str(error):
                return Page(())
            raise


@breaks("a_refusal_is_told")
class DeniedSecondContainer(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        try:
            return super().changed(container, cursor, demand)
        except Stop as error:
            if "(403)" in str(error) and container.name == "BLOG":
                return Page(())
            raise


@breaks("a_refusal_is_told")
class DiscoversNothingOnARefusal(Toy):
    def discover(self) -> Sequence[Listed]:
        found = self.containers()
        return [] if any(isinstance(one, Unreadable) for one in found) else super().discover()


@breaks("an_error_is_never_emptiness")
class LockedIsEmpty(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        try:
            return super().changed(container, cursor, demand)
        except Stop as error:
            if "(423)" in str(error):
                return Page(())
            raise


@breaks("an_error_is_never_emptiness")
class EndsInTheMiddleOfACensus(Toy):
    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        try:
            return super().census(container, demand, resume)
        except Stop as error:
            if resume and "page=2" in resume and "(409)" in str(error):
                return IdPage(())
            raise


@breaks("an_error_is_never_emptiness")
class EndsInTheMiddleOfChanges(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        try:
            return super().changed(container, cursor, demand)
        except Stop as error:
            if cursor.since and cursor.resume and "(400)" in str(error):
                return Page(())
            raise


@breaks("trouble_removes_nothing")
class DeniedIsDeleted(Toy):
    def found(self, ref: Ref, demand: Demand) -> Found:
        found = super().found(ref, demand)
        return Found(Fate.DELETED) if found.fate is Fate.HIDDEN else found


@breaks("limits_are_told")
class ForgetsToWait(Toy):
    def error(self, status: int, headers: Mapping[str, str], body: bytes, what: str) -> ConnectorError:
        error = super().error(status, headers, body, what)
        return RateLimited(str(error)) if status == 429 else error


@breaks("passing_trouble_is_told")
class StopsAtOnce(Toy):
    def error(self, status: int, headers: Mapping[str, str], body: bytes, what: str) -> ConnectorError:
        error = super().error(status, headers, body, what)
        return Stop(str(error)) if status == 502 else error


@breaks("passing_trouble_is_told")
class LeavesItToTheCaller(Toy):
    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        try:
            return super().census(container, demand, resume)
        except TryLater as error:
            if "broke" in str(error):
                raise OSError("connection reset") from None
            raise


@breaks("what_is_no_answer_is_told")
class NothingIsEmpty(Toy):
    def need(self, answer: Any, key: str, kind: type, what: str) -> Any:
        return answer.get(key, kind()) if isinstance(answer, dict) else kind()


@breaks("what_is_no_answer_is_told")
class PagesForPeopleAreEmpty(Toy):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        try:
            return super().changed(container, cursor, demand)
        except MalformedAnswer as error:
            if "no JSON" in str(error):
                return Page(())
            raise


@breaks("what_is_no_answer_is_told")
class NullIsEmpty(Toy):
    def need(self, answer: Any, key: str, kind: type, what: str) -> Any:
        if isinstance(answer, dict) and key in answer and answer[key] is None:
            return kind()
        return super().need(answer, key, kind, what)


@breaks("what_is_no_answer_is_told")
class NothingSaidIsEmpty(Toy):
    def ask(self, path: str, what: str, method: str = "GET") -> Any:
        url = path if path.startswith("http") else self.settings.url + path
        answer = self.line.ask(method, url, what, self.headers())
        if answer.status != 200:
            raise self.error(answer.status, answer.headers, answer.body, what)
        return parsed(answer.body or b'{"items": [], "ids": [], "below": [], "name": ""}', what)


@breaks("nothing_is_printed_and_no_token_is_logged")
class Prints(Toy):
    def ask(self, path: str, what: str, method: str = "GET") -> Any:
        print(f"asking for {what}")
        return super().ask(path, what, method)


@breaks("nothing_is_printed_and_no_token_is_logged")
class LogsItsHeaders(Toy):
    def error(self, status: int, headers: Mapping[str, str], body: bytes, what: str) -> ConnectorError:
        logging.getLogger("toy").debug("not answered with %s", self.headers())
        return super().error(status, headers, body, what)


@breaks("errors_keep_the_token_and_the_tracker_s_words")
class Repeats(Toy):
    def error(self, status: int, headers: Mapping[str, str], body: bytes, what: str) -> ConnectorError:
        error = super().error(status, headers, body, what)
        error.args = (f"{error} It said: {body.decode()}",)
        return error


@breaks("errors_keep_the_token_and_the_tracker_s_words")
class Chains(Toy):
    def error(self, status: int, headers: Mapping[str, str], body: bytes, what: str) -> ConnectorError:
        error = super().error(status, headers, body, what)
        error.__cause__ = OSError(self.headers())
        return error


# a file


class FileKit(FileConformance):
    """What the kit must know of the notes."""

    connector = SimpleNamespace(Settings=NotesSettings, connect=Notes)
    containers = ("notes",)
    absent = "n9"
    contents = b'{"id":"n1","title":"One","state":"todo"}\n{"id":"n2","title":"Two","state":"done"}\n'
    later = contents.replace(b"todo", b"doing")
    edited = ("n1",)

    def keys(self, where: str, names: Sequence[str]) -> Mapping[str, Any]:
        return {"connector": "notes", "path": where}

    def goldens(self) -> Sequence[Golden]:
        return [Golden(GOLDEN / "notes.jsonl", GOLDEN / "notes.items.json", lambda text: map(note, text.splitlines()))]


@breaks("a_file_that_cannot_be_read_is_told")
class MissingIsEmpty(Notes):
    def content(self) -> bytes:
        return self.path.read_bytes() if self.path.is_file() else b""


@breaks("what_is_no_such_file_is_told")
class SkipsBadLines(Notes):
    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        lines = [line for line in self.content().splitlines() if line.startswith(b"{") and line.endswith(b"}")]
        return Page(tuple([self.item(line) for line in lines]))

    def content(self) -> bytes:
        content = super().content()
        if content.startswith(b"<"):
            raise MalformedAnswer("A page is no notes.")
        return content


@breaks("errors_do_not_repeat_the_file")
class RepeatsTheLine(Notes):
    def item(self, line: bytes) -> WorkItem:
        try:
            return super().item(line)
        except MalformedAnswer:
            raise MalformedAnswer(f"This line is no item: {line!r}") from None
