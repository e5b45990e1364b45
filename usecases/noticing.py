"""Whether the files that a config is made of have changed, told by looking at them and not into them."""

import re
from pathlib import Path
from typing import TypeAlias

Look: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""Of each file: its path, when it was written, its size and its number; what is not there has none."""

_NAMED = re.compile(r"\$\{file:([^}]+)\}")


def files_of(config: Path) -> tuple[Path, ...]:
    """Return the files of a config, with those that hold its secrets."""
    written = _written(config)
    folder = config if config.is_dir() else config.parent
    named = {folder / name.strip() for each in written for name in _NAMED.findall(_text(each))}
    return (*written, *sorted(named))


def look_at(config: Path, files: tuple[Path, ...]) -> Look:
    """Return how the files stand that a config has now, and those that it had."""
    every = sorted({*_written(config), *files})
    return tuple(_seen(each) for each in every)


def _written(config: Path) -> tuple[Path, ...]:
    try:
        if config.is_dir():
            return tuple(sorted(each for each in config.iterdir() if each.suffix in (".yaml", ".yml")))
    except OSError:
        return ()
    return (config,)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return ""


def _seen(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino


class Notice:
    """Tells when the files of a config changed.  Made before the config is loaded, it misses nothing."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._files: tuple[Path, ...] = ()
        self._known: Look = ()
        self._last: Look = ()
        self._begin()

    def changed(self) -> bool:
        """Tell whether the files changed since the last time this was so, and stand still since the last look.

        Who writes a file may not be done yet, and half a file may be a whole config, in which key results are missing.
        """
        now = look_at(self._config, self._files)
        settled, self._last = now == self._last, now
        if not settled or now == self._known:
            return False
        self._begin()
        return True

    def _begin(self) -> None:
        self._files = files_of(self._config)
        self._known = self._last = look_at(self._config, self._files)
