"""What can be changed of a key result: each form is sent to an address of its own, and leads back to the page."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from okrs.immutable import immutable
from okrs.numbers import number_in, rounded
from okrs.objective import Binary, KeyResult
from okrs.plaintext import harmless
from web.desk import Desk
from web.forms import Draft, Forbidden, Form, read_form
from web.pages.key_result import facts
from web.pages.papers import unknown
from web.ports import Edits, Refused

CLOSED = (
    "Nothing can be changed in these pages: whoever runs Headway may start it with "
    "`headway serve --allow-local-edits`. The commands change things either way."
)
_STALE = (
    "This page was made before Headway was started anew. Nothing was written; what you typed is still here: "
    "send it again."
)
_LONGEST = 2000


class Mistake(Exception):
    """Something in a form cannot be meant."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@immutable
class _Asked:
    """A form about a key result."""

    form: Form
    key_result: KeyResult
    today: date


def router(desk: Desk) -> APIRouter:
    """The routes of the forms."""
    routes = APIRouter()
    for act, done in _ACTS.items():
        path = f"/key-results/{{name}}/{act}"
        routes.add_api_route(path, _sent(desk, act, done), methods=["POST"], response_model=None)
        routes.add_api_route(path, _back, methods=["GET"], response_model=None)
    return routes


def _back(name: str) -> Response:
    """Who looks at the address of a form is led to its page."""
    return RedirectResponse(_page(name), 303)


def _page(name: str) -> str:
    return f"/key-results/{quote(name, safe='')}"


def _sent(desk: Desk, act: str, do: Callable[[Edits, _Asked], None]) -> Callable[..., Response]:
    def sent(name: str, form: Annotated[Form, Depends(read_form)]) -> Response:
        edits = desk.edits
        if edits is None:
            raise Forbidden(CLOSED)
        with desk.visit() as visit:
            found = visit.setup.key_result(name)
            if found is None:
                raise unknown(name)
            asked = _Asked(form, found, visit.setup.calendar.day_of(visit.now))
        if not desk.seal.opens(form):
            return _again(desk, found, Draft(desk.seal.token, act, _STALE, "", form.given), 403)
        try:
            do(edits, asked)
        except Mistake as error:
            return _again(desk, found, Draft(desk.seal.token, act, str(error), error.field, form.given), 422)
        except Refused as error:
            return _again(desk, found, Draft(desk.seal.token, act, str(error), "", form.given), 409)
        desk.edited()
        return RedirectResponse(f"{_page(name)}?done={act}#edits", 303)

    return sent


def _again(desk: Desk, found: KeyResult, draft: Draft, code: int) -> Response:
    """Show the page once more, with what was typed and what is wrong."""
    with desk.visit() as visit:
        return desk.page("key_result.html", code, within="/", face=visit.face, **facts(visit, found, draft=draft))


def _set(edits: Edits, asked: _Asked) -> None:
    told = asked.form.text("value")
    value = number_in(told)
    if value is None:
        say = f"{harmless(told, 60)} is not a number: write it like 13 or 3.5." if told else "Say the value."
        raise Mistake("value", say)
    if isinstance(asked.key_result.terms, Binary) and value not in (0, 1):
        raise Mistake("value", "It is done or not done: choose one.")
    until = _day(asked)
    edits.set_value(asked.key_result.id, value, why=_said(asked, "why", "Say why: others will read it."), until=until)


def _resume(edits: Edits, asked: _Asked) -> None:
    edits.resume(asked.key_result.id, why=_perhaps(asked, "why"))


def _check_in(edits: Edits, asked: _Asked) -> None:
    note = _said(asked, "note", "Say how it goes: others will read it.")
    edits.check_in(asked.key_result.id, note=note, confidence=_confidence(asked.form.text("confidence")))


def _approve(edits: Edits, asked: _Asked) -> None:
    shown = number_in(asked.form.text("expect"))
    edits.approve(asked.form.text("hold"), expect=shown, why=_perhaps(asked, "why"))


def _reject(edits: Edits, asked: _Asked) -> None:
    edits.reject(asked.form.text("hold"), why=_perhaps(asked, "why"))


def _said(asked: _Asked, name: str, otherwise: str) -> str:
    return _perhaps(asked, name) or _missing(name, otherwise)


def _missing(name: str, message: str) -> str:
    raise Mistake(name, message)


def _perhaps(asked: _Asked, name: str) -> str | None:
    told = asked.form.text(name)
    if len(told) > _LONGEST:
        raise Mistake(name, f"This is longer than {_LONGEST} characters: say it shorter, or link to it.")
    return told or None


def _day(asked: _Asked) -> date | None:
    told = asked.form.text("until")
    if not told:
        return None
    try:
        day = date.fromisoformat(told)
    except ValueError:
        raise Mistake("until", f"{harmless(told, 40)} is no day: write it like 2026-12-31.") from None
    if day < asked.today:
        raise Mistake("until", f"{day.isoformat()} is over. This is the last day on which the value is shown.")
    return day


def _confidence(told: str) -> Decimal | None:
    if not told:
        return None
    value = number_in(told)
    if value is None or not 0 <= value <= 1:
        raise Mistake("confidence", f"{harmless(told, 40)} is not between 0 and 1.")
    return rounded(value)


_ACTS: Mapping[str, Callable[[Edits, _Asked], None]] = {
    "set": _set,
    "resume": _resume,
    "check-in": _check_in,
    "approve": _approve,
    "reject": _reject,
}
