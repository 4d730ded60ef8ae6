"""`sesh` and `python -m sesh`. Here alone an error becomes a line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.errors import SeshError

_SIGPIPE = 128 + 13


def main() -> int:
    """Carry out the command line of this process; return the exit code."""
    argv = sys.argv[1:]
    try:
        _fill_standard_streams()
        from sesh.cli.main import run

        return run(argv)
    except BrokenPipeError:
        return _SIGPIPE  # as silent as any program that nobody reads from
    except (Exception, KeyboardInterrupt) as error:
        return _report(error, argv)


def start() -> None:
    """Run the program, and end the process with its exit code."""
    try:
        from sesh.lean import signal
        from sesh.quitkey import quit_key

        with quit_key:
            code = main()
            signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # there is nothing left to quit
            _exit(code)
    except OSError as error:  # the modules that word errors cannot be loaded either
        called = "sesh-mux" if sys.argv[0].rpartition("/")[2] == "sesh-mux" else "sesh"  # as `about` has it
        sys.exit(f"{called}: cannot load {error.filename or 'a module'}: {error.strerror}; try again")


def _exit(code: int) -> None:
    """End the process, without the interpreter's shutdown if no thread is left: the kernel frees everything."""
    if "threading" not in sys.modules:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, OSError, ValueError):
                continue  # closed, or nobody reads it: a lost result was reported before, if it could be
        os._exit(code)
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


def _report(cause: BaseException, argv: list[str]) -> int:
    from sesh.cli import parser, printing
    from sesh.errors import Interrupted, Refused, SeshError

    words, _ = parser.divided(argv)
    if isinstance(cause, SeshError):
        error = cause
    elif isinstance(cause, KeyboardInterrupt):
        error = Interrupted(str(cause) or "interrupted")
    else:
        error = _unforeseen(cause, waits=not {"--exec", "-e", "--run"}.isdisjoint(words))
    if os.environ.get("SESH_LOG"):
        from sesh import log
        from sesh.cli.verbs import BY_NAME

        verbs = [word for word in words if word[:2] == "--" and word in BY_NAME]
        log.write_error(" ".join(["command", *verbs[:1]]), cause)
    if os.environ.get("SESH_DEBUG", "") not in ("", "0"):
        import traceback

        traceback.print_exception(type(cause), cause, cause.__traceback__)
    try:
        if isinstance(error, Interrupted) and error.typed:
            printing.fresh_line()
        printing.failure(error, json=parser.wants_json(argv))
    except (BrokenPipeError, Refused):
        printing.note(str(error))  # stdout is closed or full; stderr may not be
    return int(error.exit_code)


def _unforeseen(cause: BaseException, *, waits: bool) -> SeshError:
    """Return the error for an exception that no verb expects.

    `waits`: True for --exec and --run, whose exit code is that of their command: 125 if it did not run, 255 if it may
    have.
    """
    from sesh.errors import ExitCode, InternalError, Refused

    code = ExitCode.SESH_FAILED if waits else ExitCode.FAILED
    number = cause.errno if isinstance(cause, OSError) else None
    if number in (errno.EMFILE, errno.ENFILE):
        owner = "this machine" if number == errno.ENFILE else "this process"
        return Refused(f"{owner} has too many files open", hint="raise the limit: ulimit -n 1024", exit_code=code)
    if isinstance(cause, OSError) and number in (errno.EIO, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT):
        file = f"{cause.filename}: " if isinstance(cause.filename, str) else ""
        return Refused(f"{file}{cause.strerror}; try again when the system has recovered", exit_code=code)
    text = str(cause) if isinstance(cause, OSError) else f"{type(cause).__name__}: {cause}"
    code = ExitCode.UNKNOWN if waits else code
    return InternalError(f"internal error: {text}; set SESH_DEBUG=1 to see more", exit_code=code)


if __name__ == "__main__":
    start()
