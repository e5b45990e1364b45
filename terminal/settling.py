"""Settles what a source of a first config needs: by flags, by questions, and by asking the tracker itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from config.drafting import Question, SourceDraft, Value, complaints, questions, variables_of
from connectors.contract import Listed, What
from terminal.checking import checked
from terminal.context import Out
from terminal.drafting import Started, set_secretly
from terminal.interview import Complain, Interviewer
from terminal.ports import Failure, Looked, Ports
from terminal.text import harmless

_FLAG = "--source"


@dataclass(frozen=True, slots=True)
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
        asked = questions(draft.connector, self.ports.connectors()[draft.connector])
        containers = next((each for each in asked if each.containers), None)
        connects = self.connect and containers is not None
        needed = [each for each in asked if not (connects and each is containers)]
        if self.interviewer is None:
            self._refuse_missing(draft, needed)
        for question in asked:
            if question is not containers:
                draft = self._answered(draft, question)
        self._refuse_wrong(draft, needed)
        connects = self.connect and self._variables_are_set(draft)
        if containers is not None and containers.key not in draft.values:
            seen = self._looked(draft) if connects else None
            draft = self._chosen(draft, containers, seen.listed if seen else ())
            connects = seen is not None
        looked = self._looked(draft) if connects else None
        if looked:
            self.out.aside.print(checked([looked.checked]))
        return Started(draft, asked, looked.listed if looked else ())

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

    def _variables_are_set(self, draft: SourceDraft) -> bool:
        """Tell whether the tracker can be asked.  Raises Failure where it was to be, and nobody is there to say."""
        unset = [name for name in variables_of(draft) if not self.ports.is_set(name)]
        if not unset:
            return True
        how = " and ".join(f"`{set_secretly(name)}`" for name in unset)
        self._go_on_or_fail(f"{', '.join(unset)} is not set: set it with {how}, and run this again.")
        return False

    def _looked(self, draft: SourceDraft) -> Looked | None:
        """Ask the tracker; None where that failed, and the config is to be written all the same."""
        self.out.aside.print(f"Asking {harmless(draft.connector)} …")
        try:
            looked = self.ports.look(draft, self.folder)
            failed = looked.checked.error
        except Failure as error:
            looked, failed = None, str(error)
        if failed is None:
            return looked
        self._go_on_or_fail(harmless(failed, 400))
        return None

    def _go_on_or_fail(self, sentence: str) -> None:
        """Let somebody on a terminal go on without the tracker."""
        if self.interviewer is None:
            raise Failure(f"{sentence} Nothing was written; with --no-connect the tracker is not asked.")
        self.interviewer.say(sentence)
        if not self.interviewer.confirm("Go on without testing the connection?"):
            raise Failure("Nothing was written.")

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
