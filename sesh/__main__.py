"""`sesh` and `python -m sesh`. An error becomes a line on stderr and an exit code here."""

import os
import signal
import sys

from sesh.quitkey import quit_key

_SIGPIPE = 128 + 13


def main() -> int:
    """Carry out the command line of this process; return the exit code."""
    argv = sys.argv[1:]
    try:
        _fill_standard_streams()
        from sesh.cli.main import run  # within the try: Ctrl-C while modules load would print a traceback

        return run(argv)
    except BrokenPipeError:
        return _SIGPIPE  # as silent as any program that nobody reads from
    except (Exception, KeyboardInterrupt) as error:
        from sesh.cli import line, printing

        return printing.report(error, line.split(argv))


def start() -> None:
    """Run the program, and end the process with its exit code."""
    with quit_key:
        code = main()
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # there is nothing left to quit
    sys.exit(code)


def _fill_standard_streams() -> None:
    """Open /dev/null for a closed stdin, stdout or stderr, so that no socket of ours gets its number.

    Reading gives the end of input; writing fails, as it does on a closed descriptor.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # the lowest free number is this one


if __name__ == "__main__":
    start()
