"""`sesh` and `python -m sesh`. An error becomes a line on stderr and an exit code here."""

import os
import sys

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
        from sesh.cli import parser, printing

        return printing.report(error, parser.divided(argv)[0], json=parser.wants_json(argv))


def start() -> None:
    """Run the program, and end the process with its exit code."""
    try:
        launched_slowly = "re" in sys.modules
        from sesh import loading

        loading.hasten()
        from sesh.lean import signal
        from sesh.quitkey import quit_key

        with quit_key:
            code = main()
            if launched_slowly:
                from sesh import old_launcher

                old_launcher.exchange()
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


if __name__ == "__main__":
    start()
