"""The entry point of sesh, where an error becomes a line and an exit code."""

import os
import signal
import sys
from typing import NoReturn


def main() -> int:
    """Run sesh on the command line of this process; return the exit code."""
    argv = sys.argv[1:]
    try:
        _fill_standard_streams()
        if "LC_CTYPE" in os.environ:
            from sesh.system import given  # noqa: PLC0415 - needed in few locales

            given.restore_environment()
        if argv[:1] == ["--desk"] and argv[1:]:  # a program waits for it, and its words are those of another
            from sesh.cli.door import run  # noqa: PLC0415

            return run(argv[1:])
        from sesh.cli.main import run_line  # noqa: PLC0415 - Ctrl-C during the import prints no traceback

        code = run_line(argv)
        _flush()
        return code
    except BrokenPipeError:
        return 128 + signal.SIGPIPE  # silent, like any program whose reader has left
    except (Exception, KeyboardInterrupt) as error:
        from sesh.cli import line, printing  # noqa: PLC0415 - only an error needs them

        split = line.split(argv)
        return printing.Output(json=split.json).report(error, split.verb, split.host)


def start() -> None:
    """Run sesh, and exit the process with its exit code."""
    _isolate()
    if signal.getsignal(signal.SIGQUIT) == signal.SIG_DFL:
        signal.signal(signal.SIGQUIT, signal.default_int_handler)  # Ctrl-\ must not dump core
    code = main()
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # Ctrl-\ during shutdown must not dump core
    end(code)


def end(code: int) -> NoReturn:
    """End the process, whose output is flushed and whose descriptors and files are released.

    The interpreter would free all modules and objects one by one, for longer than most verbs take. It does so only
    where threads still run, which it ends.
    """
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        sys.exit(code)
    os._exit(code & 0xFF)


def _flush() -> None:
    """Write what the streams hold: an error at the end is one like any other. Raises BrokenPipeError, Refused."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it was closed when the program began
                stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            from sesh.errors import Refused  # noqa: PLC0415 - only an error needs it

            raise Refused(f"cannot write output: {error.strerror}") from error


def _isolate() -> None:
    """Start again if PYTHONPATH or PYTHONHOME counted: they are for the programs of sessions."""
    # Not in `python -m sesh`, nor with a sesh that PYTHONPATH leads to: who types that means it.
    folders = [os.path.realpath(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    is_installed = os.path.basename(sys.argv[0]) in ("sesh", "sesh-mux")
    is_there = is_installed and os.path.dirname(os.path.dirname(os.path.realpath(__file__))) not in folders
    if is_there and not sys.flags.ignore_environment and (folders or os.environ.get("PYTHONHOME")):
        os.execv(sys.executable, [sys.executable, "-E", *sys.argv])  # -I would lack packages of the user alone


def _fill_standard_streams() -> None:
    """Open /dev/null for closed standard streams, so that no socket gets their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= 2:
        pass
    os.close(descriptor)


if __name__ == "__main__":
    start()
