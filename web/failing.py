"""What fails where nobody sees it on a page, told to whoever watches over the service."""

import traceback

from web.ports import Ports, Trouble


def place_of(error: BaseException) -> str:
    """Say where in our code an error came up: file and line, and none of its words, which may hold anything."""
    steps = [each for each in traceback.extract_tb(error.__traceback__) if "site-packages" not in each.filename]
    return f"{steps[-1].filename}:{steps[-1].lineno}" if steps else "an unknown place"


def trouble_with(what: str, ports: Ports) -> Trouble:
    """Return what takes why something fails, or None when it does not any more."""

    def told(error: Exception | None) -> None:
        if error is None:
            ports.recovered(what)
        else:
            ports.failing(what, type(error).__name__, place_of(error))

    return told
