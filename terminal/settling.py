"""Settles what a source of a first config needs: by flags, by questions, and by asking the tracker itself."""

from collections.abc import Sequence
from pathlib import Path

import typer

from config.drafting import Question, SourceDraft, Value, complaints, others, questions, variables_of
from connectors.contract import Listed, What
from okrs.immutable import immutable
from terminal.answers import Looked
from terminal.checking import checked
from terminal.context import Out
from terminal.drafting import Started, set_secretly
from terminal.failures import Failure
from terminal.interview import Complain, Interviewer
from terminal.ports import Ports
from terminal.text import harmless

_FLAG = "--source"
_AGAIN = "try again"
_UNTESTED = "go on without testing the connection"
_STOP = "stop, and write nothing"


@immutable
class Settling:
    """How sources are settled.  Without an interviewer nothing is asked, and what is missing is an error."""

    ports: Ports
    out: Out
    folder: Path
    """Where relative paths start from."""
    connect: bool
    interviewer: Interviewer | None

    def source(self, draft: SourceDraft) -> Started:
        """Return the source with everything it needs.  Raises Failure, and a usage error for flags that do not fit."""
        model = self.ports.connectors()[draft.connector]
        asked = questions(draft.connector, model)
        containers = next((each for each in asked if each.containers), None)
        connects = self.connect and containers is not None
        needed = [each for each in asked if not (connects and each is containers)]
        if self.interviewer is None:
            self._refuse_missing(draft, needed)
        for question in asked:
            if question is not containers:
                draft = self._answered(draft, question)
        self._refuse_wrong(draft, needed)
        looked, connects = None, self.connect
        if containers is not None and containers.key not in draft.values:
            if connects:
                draft, looked = self._looked(draft, asked)
            connects = looked is not None
            draft = self._chosen(draft, containers, looked.listed if looked else ())
        if connects:
            draft, looked = self._looked(draft, asked)
        if looked:
            self.out.aside.print(checked([looked.checked]))
        return Started(draft, asked, looked.listed if looked else (), others(model))

    def _refuse_missing(self, draft: SourceDraft, needed: Sequence[Question]) -> None:
        missing = [each.flag for each in needed if not each.optional and each.key not in draft.values]
        if missing:
            raise typer.BadParameter(f"{draft.connector} lacks {', '.join(missing)}", param_hint=_FLAG)

    def _refuse_wrong(self, draft: SourceDraft, needed: Sequence[Question]) -> None:
        """Refuse what flags said, or left out; what was answered to questions fits."""
        flags = {each.key: each.flag for each in needed}
        for key, message in complaints(draft, self.folder).items():
            if key in draft.values or key in flags:
                told = f"{draft.connector}: {flags.get(key, key)}: {harmless(message, 400)}"
                raise typer.BadParameter(told, param_hint=_FLAG)

    def _answered(self, draft: SourceDraft, question: Question) -> SourceDraft:
        if question.key in draft.values or self.interviewer is None:
            return draft
        value = self.interviewer.value(question, self._complain(draft, question))
        return draft if value is None else draft.having(question.key, value)

    def _complain(self, draft: SourceDraft, question: Question) -> Complain:
        def complain(value: Value | None) -> str | None:
            tried = draft if value is None else draft.having(question.key, value)
            return complaints(tried, self.folder).get(question.key)

        return complain

    def _looked(self, draft: SourceDraft, asked: Sequence[Question]) -> tuple[SourceDraft, Looked | None]:
        """Ask the tracker, and somebody on a terminal what to do when that fails.

        Returns the draft, maybe with other answers, and what was seen; None where the config is to be written untested.
        """
        while True:
            unset = self._unset(draft)
            seen = unset or self._asked(draft)
            wrong = seen if isinstance(seen, str) else _wrong_with(draft, seen)
            if isinstance(seen, Looked) and not wrong:
                return draft, seen
            if self.interviewer is None:
                raise Failure(f"{wrong} Nothing was written; with --no-connect the tracker is not asked.")
            self.interviewer.say(wrong)
            listed = seen.listed if isinstance(seen, Looked) else ()
            again = self._mended(draft, asked, self.interviewer, listed, lasting=unset is not None)
            if again is None:
                return draft, None
            draft = again

    def _unset(self, draft: SourceDraft) -> str | None:
        """Say which variables the tracker cannot be asked without, and how to set them; None where all are set."""
        unset = [name for name in variables_of(draft) if not self.ports.is_set(name)]
        if not unset:
            return None
        how = " and ".join(f"`{set_secretly(name)}`" for name in unset)
        return f"{', '.join(unset)} is not set: set it with {how}, and run this again."

    def _asked(self, draft: SourceDraft) -> Looked | str:
        self.out.aside.print(f"Asking {harmless(draft.connector)} …")
        try:
            looked = self.ports.look(draft, self.folder)
        except Failure as error:
            return harmless(str(error), 400)
        return looked

    def _mended(
        self, draft: SourceDraft, asked: Sequence[Question], by: Interviewer, listed: Sequence[Listed], *, lasting: bool
    ) -> SourceDraft | None:
        """Let an answer be given anew; None to go on untested.  Raises Failure where it is to end.

        What is `lasting` is wrong however often it is tried: a variable is not set while this runs.
        """
        answers = {f"change {each.key}": each for each in asked if each.key in draft.values or each.optional}
        by.say("\nWhat now?")
        chosen = by.one_of("by number", [*answers, *([] if lasting else [_AGAIN]), _UNTESTED, _STOP])
        if chosen == _STOP:
            raise Failure("Nothing was written.")
        if chosen not in answers:
            return None if chosen == _UNTESTED else draft
        question = answers[chosen]
        if question.containers and any(row.what is What.PROJECT for row in listed):
            return self._chosen(draft.lacking(question.key), question, listed)
        value = by.value(question, self._complain(draft.lacking(question.key), question))
        return draft.lacking(question.key) if value is None else draft.having(question.key, value)

    def _chosen(self, draft: SourceDraft, containers: Question, listed: Sequence[Listed]) -> SourceDraft:
        """Settle which projects or repositories are read."""
        rows = [row for row in listed if row.what is What.PROJECT]
        complain = self._complain(draft, containers)
        if self.interviewer is None:
            return draft.having(containers.key, self._only(draft, containers, rows))
        if rows:
            return draft.having(containers.key, self.interviewer.containers(containers, rows, complain))
        value = self.interviewer.value(containers, complain)
        return draft if value is None else draft.having(containers.key, value)

    def _only(self, draft: SourceDraft, containers: Question, rows: Sequence[Listed]) -> Value:
        if len(rows) == 1:
            return (rows[0].value,)
        seen = ", ".join(harmless(row.value) for row in rows) or "none"
        sentence = f"{draft.connector} lacks {containers.flag}; the token sees {seen}"
        raise typer.BadParameter(sentence, param_hint=_FLAG)


def _wrong_with(draft: SourceDraft, seen: Looked) -> str:
    """Say why nothing, or not all that is to be read, can be read so; empty where it can."""
    account = seen.checked.account
    if account is None:
        return harmless(seen.checked.error or "The tracker says nothing of itself.", 400)
    told = (f"{name}: {account.reasons.get(name, 'check the spelling and access.')}" for name in account.missing)
    return " ".join(f"{harmless(draft.connector)} cannot read {harmless(each, 400)}" for each in told)
