"""The output of a command line: results on stdout, notes and errors on stderr, all results as JSON if wanted."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Sequence

from sesh import errors, log, wording
from sesh.cli import printing
from sesh.cli.verbs import Verb
from sesh.errors import ExitCode, Refused, SeshError, remedy
from sesh.outcomes import PrintedError

_SYSTEM_FAULTS = (errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT)


class Output:
    """The output of a command line; `json`: results and errors are JSON. `several`: it is that of one of many hosts."""

    several = False

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def write(self, data: bytes) -> None:
        """Print bytes. Raises BrokenPipeError, Refused."""
        printing.write(data)

    def text(self, line: str) -> int:
        """Print one line, or several; return the exit code 0."""
        self.write(printing.encoded(line) + b"\n")
        return ExitCode.OK

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows of cells in aligned columns, without what a terminal should not get."""
        for line in printing.aligned(rows):
            self.text(wording.plain(line))

    def lines(self, texts: Sequence[str]) -> None:
        """Print lines of a session."""
        self.write("".join(f"{text}\n" for text in texts).encode("utf-8", "replace"))

    def value(self, thing: object) -> int:
        """Print a JSON value in one line; return the exit code 0."""
        self.write(self.json_line(thing))
        return ExitCode.OK

    def show(self, thing: object, text: str) -> int:
        """Print a JSON value if JSON is wanted, else its text; return the exit code 0."""
        return self.value(thing) if self.json else self.text(text)

    def json_line(self, thing: object) -> bytes:
        """Return the line that `value` prints."""
        return printing.json_line(thing)

    def done(self, **facts: object) -> int:
        """Print `{"ok": true, …}` if JSON is wanted, else nothing; return the exit code 0."""
        return self.value({"ok": True, **facts}) if self.json else ExitCode.OK

    def note(self, line: str, host: str | None = None) -> None:
        """Print a note on stderr, its commands rewritten for `host`."""
        printing.note(line, host)

    def report(self, cause: BaseException, verb: Verb, host: str | None = None) -> int:
        """Print the error of a verb; return the exit code. With SESH_DEBUG, log it and print its traceback."""
        error = sesh_error(cause, verb)
        if log.wanted():
            log.write_error(f"command {verb.dashed}".rstrip(), cause)
            traceback.print_exception(type(cause), cause, cause.__traceback__)
        try:
            if isinstance(error, errors.Interrupted) and error.echoed:
                printing.fresh_line()
            if self.json:
                self.value({"error": error_facts(error, host)})
            else:
                self.note(error.line(host))
        except (BrokenPipeError, Refused):
            self.note(str(error))  # stdout is closed or full; stderr may not be
        return int(error.exit_code)


def sesh_error(cause: BaseException, verb: Verb | None = None) -> SeshError:
    """Return an exception as an error of sesh.

    `--exec` and `--run` exit with the code of a command. So their own code is 125 if the command did not run, and 255
    if it may have run.
    """
    runs_command = verb is not None and verb.name in ("exec", "run")
    if isinstance(cause, SeshError):
        return cause
    if isinstance(cause, KeyboardInterrupt):
        return errors.Interrupted(str(cause))
    if isinstance(cause, OSError) and cause.errno in _SYSTEM_FAULTS:
        file = f"{cause.filename}: " if isinstance(cause.filename, str) else ""
        hint = remedy(cause) or "try again when the system has recovered"
        return Refused(f"{file}{cause.strerror}", hint=hint, exit_code=ExitCode.SESH_FAILED if runs_command else None)
    described = str(cause) if isinstance(cause, OSError) else f"{type(cause).__name__}: {cause}"
    hint = "set SESH_DEBUG=1 to see more"
    code = ExitCode.UNKNOWN if runs_command else ExitCode.FAILED
    return errors.InternalError(f"internal error: {described}", hint=hint, exit_code=code)


def error_row(error: SeshError, host: str | None, **more: object) -> dict[str, object]:
    """Return the row for an error in a list of JSON; `more`: what the row is about."""
    return {**more, "host": host, "error": error_facts(error, host), "exit_code": int(error.exit_code)}


def error_facts(error: SeshError, host: str | None = None) -> PrintedError:
    """Return an error as JSON shows it."""
    facts: PrintedError = {"code": error.code, "message": wording.one_line(error.line(host))}
    return {**facts, "typed": True} if error.typed else facts
