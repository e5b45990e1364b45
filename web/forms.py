"""Forms that change something: whether one comes from a page of ours, and what stands in it."""

from collections.abc import Mapping
from dataclasses import field
from secrets import compare_digest, token_urlsafe
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request

from okrs.immutable import immutable

LONGEST = 65_536
"""Bytes of a form."""
_KIND = "application/x-www-form-urlencoded"


class Forbidden(Exception):
    """This is not changed, whoever asks like that; the text says why."""


@immutable
class Form:
    """What somebody sent."""

    given: Mapping[str, str]

    def text(self, name: str) -> str:
        """Return what stands in a field, fit to be kept for others to read; empty where it is not there."""
        kept = self.given.get(name, "").encode(errors="replace").decode().replace("\0", "")
        return kept.replace("\r\n", "\n").strip()


class Seal:
    """Tells forms of our own pages from those of others: they hold a word that no other site can read.

    The word is made anew with the process.
    """

    def __init__(self) -> None:
        self.token = token_urlsafe(24)

    def opens(self, form: Form) -> bool:
        return compare_digest(form.given.get("token", "").encode(), self.token.encode())


@immutable
class Draft:
    """A form as it is shown: empty, or as it was sent, with what is wrong with it."""

    token: str
    act: str = ""
    """Which form was sent; empty where none was."""
    error: str = ""
    about: str = ""
    """The field that the error is about; empty where it is about all of it."""
    given: Mapping[str, str] = field(default_factory=dict)
    done: str = ""
    """What was changed just now, in a sentence."""

    def of(self, act: str, name: str) -> str:
        """Return what was typed into a field of a form."""
        return self.given.get(name, "") if act == self.act else ""


async def read_form(request: Request) -> Form:
    """Return the form of a request that a page of ours may have sent.  Raises Forbidden."""
    _same_origin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _KIND:
        raise Forbidden("This was not sent by a form of these pages.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST:
            raise Forbidden("This is longer than a form of these pages can be.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=40, errors="replace")
    except ValueError:
        raise Forbidden("This was not sent by a form of these pages.") from None
    return Form(dict(pairs))


def _same_origin(request: Request) -> None:
    """A browser says which page sends a form; one that is not ours may not.  Raises Forbidden.

    Who sends none is no browser, or an old one: then the token alone decides.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if site not in (None, "same-origin"):
        raise Forbidden("This form was sent by a page of another site.")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise Forbidden("This form was sent by a page of another site.")
