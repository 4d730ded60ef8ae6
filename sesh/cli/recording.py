"""`--record`: a session recorded into a file until it ends, or until Ctrl-C."""

from __future__ import annotations

import os
import signal

from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.errors import Exists, Refused
from sesh.names import printable_path
from sesh.ops.recording import Cast, Recording
from sesh.reach import find

_STDOUT = "-"
"""The FILE that means stdout."""


def record(cli: Invocation, name: str, file: str, *, since_start: bool = False, force: bool = False) -> int:
    """`--record NAME FILE`: record until the session ends, or Ctrl-C. FILE `-` is stdout."""
    find.checked(name, "--record")
    target = cli.target
    with target.open_stream(name) as stream, Recording(target, stream) as recording:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)  # each ends the recording in good order
        begun: list[object] = []
        cast = Cast(begun.append)
        recording.begin(cast, since_start=since_start)  # if it fails, a file that was there stays as it was
        descriptor = printing.STDOUT if file == _STDOUT else _open(file, force=force)
        cast.write = lambda value: printing.write(printing.json_line(value), descriptor)
        try:
            for value in begun:
                cast.write(value)
            if os.isatty(printing.STDERR) and not cli.json:
                cli.note(f"recording {name} into {file}; Ctrl-C stops")
            recording.follow(cast)
        except KeyboardInterrupt:
            printing.fresh_line()
        except BrokenPipeError:
            pass  # all output until now is a recording
        if stream.skipped:
            cli.note(f"{stream.skipped} bytes were skipped: they came faster than they could be read")
        if file == _STDOUT:
            return 0
        facts = {"name": name, "host": cli.host, "file": file, "duration": cast.seconds, "events": cast.events}
        return cli.done(**facts, exit_code=recording.code)


def _open(file: str, *, force: bool) -> int:
    """Open the file with mode 0600 and return its descriptor; another file is only overwritten with `force`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_TRUNC if force else os.O_EXCL)
    try:
        descriptor = os.open(file, flags, 0o600)
        if force:
            os.fchmod(descriptor, 0o600)
    except FileExistsError:
        raise Exists(f"{printable_path(file)} exists; use --force to overwrite it, or choose another name") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Refused(f"cannot write {printable_path(file)}: {reason}; choose another file") from error
    return descriptor
