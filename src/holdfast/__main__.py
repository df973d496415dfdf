"""`holdfast`, and `python -m holdfast`: until there is something to end in order, Ctrl-C ends the process at once."""

from __future__ import annotations

import gc
import signal

TYPE_CHECKING = False  # typing is not needed to run, and takes longer to load than Ctrl-C takes to come
if TYPE_CHECKING:
    from typing import NoReturn

COLLECT_AFTER_OBJECTS = 50_000
"""What a verb loads are so many objects, which stay: to look for cycles among them takes a fifteenth of a small run."""


def main() -> NoReturn:
    """Load the command line and run it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a job in the background may ignore it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.set_threshold(COLLECT_AFTER_OBJECTS)
    from holdfast.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
