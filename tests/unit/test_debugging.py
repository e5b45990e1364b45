"""An unexpected error is told without secrets, whatever these are made of."""

from urllib.parse import quote

import pytest

from connectors.debugging import traced


@pytest.mark.parametrize("secret", ["s3cret-\udcff-token", "s3cret-ü/token"])
def test_no_form_of_a_secret_is_told(secret: str) -> None:
    error = ValueError(f"{secret} {secret!r} {quote(secret.encode(errors='surrogatepass'))}")
    told = "\n".join(traced(error, [secret]))
    assert "ValueError" in told
    assert "s3cret" not in told
