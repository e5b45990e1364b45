"""`python -m sandbox`: serve the fictional company until Ctrl-C and say where."""

import argparse
import os
import sys
import threading
from datetime import UTC, datetime

from sandbox.clock import RealClock
from sandbox.company import build
from sandbox.scenario import environment
from sandbox.server import JIRA_EMAIL, Sandbox


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same company")
    arguments = parser.parse_args()
    with Sandbox(build(arguments.seed, datetime.now(UTC), RealClock()), port=arguments.port) as sandbox:
        lines = [f"{name:7} {url}" for name, url in sandbox.urls.items()]
        lines.append(f"{'jira':7} email: {JIRA_EMAIL}")
        lines += [f"export {name}={value}" for name, value in environment(sandbox.tokens).items()]
        sys.stdout.write(os.linesep.join([*lines, ""]))
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("stopped" + os.linesep)


if __name__ == "__main__":
    main()
