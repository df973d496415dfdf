"""Entry point of `holdfast`: finds the verb, runs it, and turns errors into one line and an exit status."""

from __future__ import annotations

import atexit
import errno
import importlib
import os
import select
import signal
import sys
from contextlib import suppress
from typing import NoReturn

import click

from holdfast import __version__
from holdfast.errors import ExitStatus, HoldfastError

# Each verb is imported only when it is asked for: `holdfast --help` must stay under 0.15 s of CPU.
VERBS: dict[str, tuple[str, str]] = {
    "repo": ("repo", "Create, measure and rebuild repositories; manage their keys."),
    "backup": ("backup", "Store files and folders as one snapshot."),
    "snapshots": ("snapshots", "List the snapshots."),
    "ls": ("ls", "List what a snapshot holds."),
    "find": ("find", "Find files in all snapshots by name."),
    "diff": ("diff", "Compare two snapshots, or a platform with what is deployed."),
    "stats": ("stats", "Tell who uses how much, and what sharing saves."),
    "restore": ("restore", "Write a snapshot back."),
    "dump": ("dump", "Write one file of a snapshot to standard output."),
    "mount": ("mount", "Show the snapshots as folders, where there is FUSE."),
    "verify": ("verify", "Check that every snapshot can be restored."),
    "repair": ("repair", "Heal what is damaged, from a replica or the source."),
    "forget": ("forget", "Drop the snapshots no retention rule keeps."),
    "prune": ("prune", "Reclaim what no snapshot refers to."),
    "platforms": ("platforms", "List the platforms."),
    "init": ("init", "Write a commented settings file."),
    "settings": ("settings", "Show the settings, or their JSON Schema."),
    "promises": ("promises", "Show each promise, its evidence, met or not."),
    "synth": ("synth", "Write CloudFormation templates and a cloud assembly."),
    "check": ("check", "Look for mistakes in CloudFormation templates."),
    "deploy": ("deploy", "Bring a platform's stacks to what the settings say."),
    "outputs": ("outputs", "Show what the deployed stacks tell."),
    "destroy": ("destroy", "Delete a platform's stacks."),
    "rehearse": ("rehearse", "Deploy, back up, break, restore and measure on this machine."),
    "vault": ("vault", "Operate a deployed vault: replay its dead letters."),
    "cutover": ("cutover", "Switch a payment platform between blue and green."),
    "drill": ("drill", "Restore, lose a region or fail over on purpose, and measure."),
    "report": ("report", "Draw a rehearsal's report again, or open it."),
}

CANNOT_PRINT = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
LACKING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
STDOUT, STDERR = 1, 2
OUTPUT_CLOSED = 128 + signal.SIGPIPE
"""What a shell shows of a process that SIGPIPE ended."""

EXIT_STATUS_HELP = (
    "Exit status: 0 done; 1 the answer is no; 2 bad usage or settings; 3 AWS, network or disk failed; "
    "4 not found; 5 wrong key or password; 6 busy; 130 interrupted."
)


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported on first use."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the options before the verb; of one that stands only after it, say so."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if any(word in VERBS for word in args):
                ctx.fail(f"No such option {error.option_name!r} before the verb: options come after it")
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of a user's day, not of the alphabet."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command; None for an unknown verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"holdfast.cli.{VERBS[cmd_name][0]}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; for an unknown one, say which it may have been."""
        if args[0] not in VERBS:
            from holdfast.cli.meant import meant_by

            if near := meant_by(args[0], VERBS):
                ctx.fail(f"No such command {args[0]!r}; did you mean {' or '.join(near)}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table, so that help imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(cls=LazyGroup, epilog=EXIT_STATUS_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="holdfast")
def cli() -> None:
    """Resilient data platforms on AWS: declared, checked, rehearsed on one machine, and run."""


def main() -> NoReturn:
    """Run the command line and exit with a status of `docs/exit-status.md`."""
    statuses: list[int] = []
    atexit.register(_end, statuses)  # the first to be registered is the last to be called
    for one in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(one) is signal.SIG_DFL:  # nohup has SIGHUP ignored
            signal.signal(one, _as_interrupt)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # while the command line was loaded
        signal.signal(signal.SIGINT, signal.default_int_handler)
    status = run(sys.argv[1:])
    if status == OUTPUT_CLOSED:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)  # as `ls` ends when `head` has seen enough
    statuses.append(status)
    sys.exit(status)


def _end(statuses: list[int]) -> None:
    """End the process at once, if its status is known: Python would take apart what the system takes back whole."""
    if statuses:
        with suppress(OSError, ValueError):  # full or closed: the status tells of what had to be printed
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
        os._exit(statuses[0])


def run(arguments: list[str]) -> int:
    """Run one command line; every failure meant for the user is one line on stderr."""
    try:
        outcome = cli.main(args=arguments, prog_name="holdfast", standalone_mode=False)
        if sys.stdout:  # None if it was closed before we began
            sys.stdout.flush()
        return outcome if isinstance(outcome, int) else ExitStatus.DONE
    except HoldfastError as error:
        return _fail(str(error), error.exit_status)
    except click.exceptions.NoArgsIsHelpError as help_text:
        help_text.show()
        return ExitStatus.BAD_USAGE
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "holdfast"
        return _fail(f"{error.format_message().rstrip('.')}; see `{where} --help`", ExitStatus.BAD_USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), ExitStatus.BAD_USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", ExitStatus.INTERRUPTED)
    except (BrokenPipeError, SystemExit):  # click makes the second of the first
        if not _is_output_closed():
            raise
        return OUTPUT_CLOSED
    except MemoryError as error:
        text = f"memory ran out{': ' if str(error) else ''}{error}; give it more, or fewer --jobs"
        return _fail(text, ExitStatus.ENVIRONMENT_FAILED)
    except OSError as error:
        if (told := _told(error)) is None:
            raise
        return _fail(told, ExitStatus.ENVIRONMENT_FAILED)


def _told(error: OSError) -> str | None:
    """Return what to say of an error that no verb foresees; None if nobody does, which is a mistake of ours."""
    reason = os.strerror(error.errno or 0).lower()
    if error.errno in LACKING:
        return f"the system gives no more: {reason}; raise its limits (ulimit -a)"
    if error.filename is None and error.errno in CANNOT_PRINT:  # of files we open, errors have a name or are ours
        return f"the result cannot be written to standard output: {reason}"
    return None


def _as_interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _is_output_closed() -> bool:
    """Tell whether nobody reads what goes to standard output or standard error any more."""
    poll = select.poll()
    for descriptor in (STDOUT, STDERR):
        poll.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _fail(message: str, status: ExitStatus) -> int:
    with suppress(OSError):  # nobody listens, or the terminal is gone; the status still tells
        click.echo(f"holdfast: {message}", err=True)
    return status
