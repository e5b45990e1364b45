"""The `headway` command: loads the program, runs it and ends.

Short commands spend most of their time on loading and unloading modules, so both are cut short here.  Nothing is
decided here: what a command does is `service.run`, and below.
"""

import gc
import os
import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command of `sys.argv` and end with its exit code."""
    try:
        code = _run()
    except KeyboardInterrupt:  # while modules load; later the command itself answers
        sys.stderr.write("headway: Interrupted; nothing is half-written.\n")
        code = INTERRUPTED
    # Without taking modules and their objects apart, which takes a tenth of a second and has no effect that lasts; nor
    # waiting for readers of a command that was interrupted: a lease of the dead is free at once.
    os._exit(_told(code))


def _run() -> int:
    # Else all installed distributions are searched for plugins that would look into every config that is validated.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.disable()  # what modules make while they load is kept, and looking for garbage in it takes a tenth of that time
    from service import command

    gc.freeze()
    # A listing makes many short-lived objects and no circles; looking for some after every 700 costs a third of a sync.
    gc.set_threshold(200_000, 20, 50)
    gc.enable()
    return command(sys.argv[1:], os.environ)


def _told(code: int) -> int:
    """Hand over what was printed and return the exit code; what could not be handed over is a failure, too."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:  # whoever read us has seen enough, as `head` does
        return code or 1
    except OSError as error:
        os.write(2, f"headway: The answer could not be written: {error.strerror}.\n".encode())
        return code or 1
    return code


if __name__ == "__main__":
    main()
