"""Every error Holdfast raises on purpose, named by what the caller can do about it.

Each class carries the exit status that the command line ends with; `cli.main` maps them in one place.
"""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a Holdfast process ends with; the contract is the table in `docs/exit-status.md`."""

    DONE = 0
    ANSWER_IS_NO = 1
    BAD_USAGE = 2
    ENVIRONMENT_FAILED = 3
    NOT_FOUND = 4
    WRONG_KEY = 5
    BUSY = 6
    INTERRUPTED = 130


class HoldfastError(Exception):
    """Base of the tree. Its text is one line for the user: what is wrong, the value, what is allowed, what to do."""

    exit_status = ExitStatus.ENVIRONMENT_FAILED
    retryable = False


class InvalidRequest(HoldfastError):
    """The caller asked for something that can never work; ask differently. Never retryable."""

    exit_status = ExitStatus.BAD_USAGE


class NotFound(HoldfastError):
    """The repository, snapshot, object or stack named does not exist."""

    exit_status = ExitStatus.NOT_FOUND


class Conflict(HoldfastError):
    """Someone else holds it or changed it first; look again, then try again."""

    exit_status = ExitStatus.BUSY
    retryable = True


class LeaseLost(Conflict):
    """This session's lease ended before its commit: others may have collected what it meant to refer to."""


class WrongKey(HoldfastError):
    """No key at hand opens this repository."""

    exit_status = ExitStatus.WRONG_KEY


class StoreDenied(HoldfastError):
    """The store refuses these credentials or this role; retrying cannot help."""


class StoreUnavailable(HoldfastError):
    """The store did not answer, is full or throttles; the same call may work later."""

    retryable = True


class DeadlineReached(HoldfastError):
    """The time given ran out before the work was done; what was done stays, so calling again goes on from there."""

    retryable = True


class Interrupted(DeadlineReached):
    """The user asked to stop; what was done stays, so calling again goes on from there."""

    exit_status = ExitStatus.INTERRUPTED


class SourceUnreadable(HoldfastError):
    """The source vanished or cannot be read."""


class IntegrityError(HoldfastError):
    """Stored bytes are not what was written. Stop and verify; nothing was changed."""

    exit_status = ExitStatus.ANSWER_IS_NO


class Refused(HoldfastError):
    """A gate says no: what was asked for would do harm now. The line names every reason."""

    exit_status = ExitStatus.ANSWER_IS_NO


class PromiseNotMet(HoldfastError):
    """A check, drill or rehearsal ended with a verdict of no."""

    exit_status = ExitStatus.ANSWER_IS_NO
