"""The command `red-timeloop`."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` takes milliseconds, and a traceback in them
import os
import sys

__all__ = ["end_at_once"]


def end_at_once(*_: object) -> None:
    """Answer Ctrl-C before there is any work to be ended: one line and 130."""
    os.write(2, b"Interrupted.\n")
    os._exit(130)


# While the command imports what it needs; `main` lets the work itself be interrupted as usual.
if os.path.basename(sys.argv[0]).startswith(("red-timeloop", "-m")):  # noqa: PTH119 - no imports
    _signal.signal(_signal.SIGINT, end_at_once)
