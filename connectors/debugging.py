"""Where a connector failed in a way that nobody expected, told to its author without the source's secrets."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from traceback import TracebackException
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from connectors.http import redacted


def traced(error: Exception, secrets: Sequence[str]) -> list[str]:
    """Return the lines of the error's traceback, with those of what caused it, without these secrets."""
    text = "".join(TracebackException.from_exception(error).format())
    return redacted(text, [form for secret in secrets for form in _forms(secret)]).splitlines()


def secrets_of(settings: BaseModel) -> list[str]:
    """Return the secrets of a source, also those of the tables inside it and the passwords in its addresses."""
    return [secret for _, value in settings for secret in _secrets(value) if secret]


def _secrets(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case BaseModel():
            yield from secrets_of(value)
        case str() if "@" in value and "://" in value:
            password = urlsplit(value).password or ""
            yield from (password, unquote(password))


def _forms(secret: str) -> list[str]:
    """Return how a secret may be written in an error's words, the longest first."""
    lines = [line for line in secret.splitlines() if len(line) >= _KEY_LINE]
    as_bytes = secret.encode(errors="surrogatepass")  # a variable of the environment need not be UTF-8
    forms = {secret, repr(secret)[1:-1], quote(as_bytes), quote(as_bytes, safe=""), b64encode(as_bytes).decode()}
    return sorted(forms.union(lines), key=len, reverse=True)


_KEY_LINE = 16
"""A line of a private key is as secret as the whole."""
