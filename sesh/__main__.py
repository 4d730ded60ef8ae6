"""`sesh` and `python -m sesh`: the one place where an error becomes a line on stderr and an exit code."""

from __future__ import annotations

import errno
import sys

from sesh.about import CALLED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.errors import SeshError

_SIGPIPE = 128 + 13


def main() -> int:
    """Carries out the command line of this process; the exit code."""
    argv = sys.argv[1:]
    try:
        _fill_standard_streams()
        from sesh.cli.main import run

        return run(argv)
    except BrokenPipeError:
        return _SIGPIPE  # as silent as any program that nobody reads from
    except KeyboardInterrupt as interrupt:
        from sesh.errors import Interrupted

        return _report(Interrupted(str(interrupt) or "interrupted"), interrupt, argv)
    except Exception as error:
        from sesh.errors import SeshError

        return _report(error if isinstance(error, SeshError) else _internal(error, argv), error, argv)


def start() -> None:
    """The program's whole life. Skips the interpreter's shutdown if no thread is left: the kernel frees everything."""
    try:
        from sesh.lean import signal
        from sesh.quitkey import quit_key

        with quit_key:
            code = main()
            signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # there is nothing left to quit
            _exit(code)
    except OSError as error:  # what words errors cannot be loaded either
        sys.exit(f"{CALLED}: cannot load {error.filename or 'a module'}: {error.strerror}; try again")


def _exit(code: int) -> None:
    if "threading" not in sys.modules:
        import os

        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, OSError, ValueError):
                continue  # closed, or nobody reads it: what is lost with it was reported where it could be
        os._exit(code)
    sys.exit(code)


def _fill_standard_streams() -> None:
    """Opens /dev/null if stdin, stdout or stderr is closed, so that no socket of ours takes its number.

    Reading gives the end of input; writing fails, as it does on what is closed.
    """
    import os

    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # the lowest free number is this one


def _internal(error: Exception, argv: list[str]) -> SeshError:
    """The error for what nobody foresaw: 1; if a job's code could be mistaken for that 125, or 255 if it may run."""
    from sesh.errors import ExitCode, InternalError, Refused

    what = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    waits = any(word in ("--exec", "-e", "--run") for word in argv[: argv.index("--") if "--" in argv else None])
    code = ExitCode.SESH_FAILED if waits else ExitCode.FAILED
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        of = "this machine" if error.errno == errno.ENFILE else "this process"
        return Refused(f"{of} has too many files open", hint="raise the limit: ulimit -n 1024", exit_code=code)
    if isinstance(error, OSError) and error.errno in (errno.EIO, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT):
        place = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return Refused(f"{place}{error.strerror}; try again when the system has recovered", exit_code=code)
    code = ExitCode.UNKNOWN if waits else code
    return InternalError(f"internal error: {what}; set SESH_DEBUG=1 to see more", exit_code=code)


def _report(error: SeshError, cause: BaseException, argv: list[str]) -> int:
    """Prints what went wrong, once; the exit code."""
    import os

    from sesh.cli import parser, printing
    from sesh.errors import Refused

    if os.environ.get("SESH_LOG"):
        from sesh import log
        from sesh.cli.verbs import VERBS

        verbs = [word for word in argv if word[:2] == "--" and any(verb.name == word for verb in VERBS)]
        log.write_error(" ".join(["command", *verbs[:1]]), cause)
    if os.environ.get("SESH_DEBUG", "") not in ("", "0"):
        import traceback

        traceback.print_exception(type(cause), cause, cause.__traceback__)
    try:
        if getattr(error, "typed", False):
            printing.fresh_line()
        printing.failure(error, json=parser.wants_json(argv))
    except (BrokenPipeError, Refused):
        printing.note(str(error))  # stdout is closed or full; stderr may not be
    return int(error.exit_code)


if __name__ == "__main__":
    start()
