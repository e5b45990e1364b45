"""Everything that may be asked of a connector, one question at a time, and what comes of a spoilt answer."""

from collections.abc import Callable, Iterator, Sequence

from connectors.conformance.author import Trial, resolved
from connectors.conformance.relay import Relay
from connectors.conformance.secrecy import leak
from connectors.conformance.troubles import Trouble
from connectors.conformance.walking import census, news, read, refs_of
from connectors.contract import Connector, ConnectorError, Container
from okrs.demand import Family
from okrs.immutable import immutable, replace
from okrs.work import Ref


@immutable
class Question:
    """One call; `fresh` ones are the first of a new connection, the others come after `containers`."""

    name: str
    ask: Callable[[Connector], object]
    fresh: bool = False


@immutable
class Outcome:
    """What came of a question, one of whose answers was spoilt."""

    question: str
    trouble: Trouble
    request: str
    """The one that was not truly answered, as `GET /projects/1`."""
    true: object
    """What the question is answered when nothing is spoilt."""
    answer: object
    error: BaseException | None
    leak: str
    """Where the token or the tracker's words stand, that must stand nowhere; "" when they do not."""
    strayed: int
    """How many requests went to the stranger."""

    def __str__(self) -> str:
        came = f"{type(self.error).__name__}({self.error})" if self.error else f"the answer {self.answer!r}"
        return f"{self.question}: {self.trouble.name} for {self.request} became {came[:400]}"


@immutable
class Asking:
    """A connection that knows its containers; every question is asked by a twin of it, or by a new connection."""

    trial: Trial
    relay: Relay
    base: Connector
    container: Container

    @classmethod
    def of(cls, trial: Trial) -> "Asking":
        assert trial.web is not None
        base = trial.open()
        return cls(trial, trial.web, base, resolved(base)[0])

    def questions(self) -> Sequence[Question]:
        """Return the questions, with later pages and known items in them."""
        reader, demand, box = self.trial.twin(self.base), self.trial.author.demand, self.container
        whole = read(reader, box, self.trial.cursor(), demand)
        ids = census(reader, box, demand)
        some = [Ref(item.id, item.key) for item in (whole.items[0], whole.items[-1])]
        pages = list(whole.pages)
        since = replace(news(whole, self.trial.cursor()), since=self.trial.now())
        asked = [
            Question("containers", lambda one: one.containers(), fresh=True),
            Question("check", lambda one: one.check(), fresh=True),
            Question("discover", lambda one: one.discover(), fresh=True),
            Question("a first page", lambda one: one.changed(box, self.trial.cursor(), demand)),
            Question(
                "a second page", lambda one: one.changed(box, self.trial.cursor(pages[min(1, len(pages) - 1)]), demand)
            ),
            Question("the last page", lambda one: one.changed(box, self.trial.cursor(pages[-1]), demand)),
            Question("what changed", lambda one: one.changed(box, since, demand)),
            Question("a census", lambda one: one.census(box, demand, None)),
            Question("the end of a census", lambda one: one.census(box, demand, list(ids)[-1])),
            Question("look_up", lambda one: one.look_up(box, some, demand)),
        ]
        if query := self.trial.author.query:
            asked.append(Question("matching", lambda one: one.matching(query, None)))
        if above := self.trial.author.above:
            asked.append(Question("outside", lambda one: one.outside(Family(above, deep=True), None)))
        assert refs_of(ids.values()), "the census of the first container is empty"
        return asked

    def connection(self, question: Question) -> Connector:
        return self.trial.open() if question.fresh else self.trial.twin(self.base)

    def outcomes(self, question: Question, troubles: Sequence[Trouble]) -> Iterator[Outcome]:
        """Ask once truly, then once for each request of it and each trouble."""
        begin = len(self.relay.asked)
        true = question.ask(self.connection(question))
        requests = [f"{one.method} {one.target}" for one in self.relay.asked[begin:]]
        for position, request in enumerate(requests):
            for trouble in troubles:
                outcome = self._spoilt(question, position, trouble, request, true)
                if not self.relay.spoiling:
                    yield outcome
                self.relay.calm()

    def _spoilt(self, question: Question, position: int, trouble: Trouble, request: str, true: object) -> Outcome:
        connector, strangers = self.connection(question), len(self.relay.stranger.asked)
        self.relay.spoil(position, trouble)
        answer, error = None, None
        try:
            answer = question.ask(connector)
        except Exception as raised:
            error = raised
        secrets = {self.trial.author.token, *(one.authorization for one in self.relay.asked)} - {""}
        secrets |= {secret.partition(" ")[2] for secret in secrets} - {""}
        strayed = len(self.relay.stranger.asked) - strangers
        where = leak(answer, error, secrets)
        if error is not None:
            _forget_frames(error)
        return Outcome(question.name, trouble, request, true, answer, error, where, strayed)


def _forget_frames(error: BaseException) -> None:
    """Let go of the connections that a traceback holds open."""
    known: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in known:
            known.add(id(one))
            one.__traceback__ = None
            todo += [one.__cause__, one.__context__]


def is_typed(outcome: Outcome) -> bool:
    """Tell whether a question ended in one of the errors that its trouble asks for."""
    error, trouble = outcome.error, outcome.trouble
    if not isinstance(error, ConnectorError) or not isinstance(error, trouble.wanted):
        return False
    return not isinstance(error, trouble.never)
