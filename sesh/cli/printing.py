"""The output of a command line: results on stdout, notes and errors on stderr."""

from __future__ import annotations

import json
import os
import select
import sys
from binascii import b2a_base64
from collections.abc import Sequence
from contextlib import suppress

from sesh import errors
from sesh.about import PROGRAM
from sesh.cli.verbs import Verb
from sesh.errors import ExitCode, Refused, SeshError, for_host
from sesh.reach.outcome import Failed, exit_code
from sesh.schema.facts import JobResult, RunFacts
from sesh.schema.outcomes import PrintedError, RunResult
from sesh.text import safe
from sesh.text.coding import Coding, own_coding, shown

STDOUT, STDERR = 1, 2
MAX_PIECE = 1 << 16  # bytes; a longer unfinished line is printed in pieces
_C1 = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def write(data: bytes, descriptor: int = STDOUT) -> None:
    """Write all bytes, also to a non-blocking descriptor. Raises BrokenPipeError, Refused for other errors."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
        except BrokenPipeError:
            raise
        except OSError as error:
            raise Refused(f"cannot write output: {error.strerror}") from error


def pieces(line: bytes) -> tuple[list[bytes], bytes]:
    """Return the printable pieces of an unfinished line, and the rest; cut no UTF-8 character."""
    cut: list[bytes] = []
    while len(line) > MAX_PIECE:
        ends = range(MAX_PIECE, MAX_PIECE - 4, -1)
        end = next((end for end in ends if line[end] & 0xC0 != 0x80), MAX_PIECE)
        cut.append(line[:end])
        line = line[end:]
    return cut, line


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def stderr_line(line: str) -> None:
    """Print a line on stderr; it is lost if stderr is closed."""
    with suppress(BrokenPipeError, Refused):
        write(encoded(f"{line}\n"), STDERR)


def note(line: str, host: str | None = None) -> None:
    """Print a note on stderr, unless it is closed; commands in it are for `host`."""
    stderr_line(f"{PROGRAM}: {safe.one_line(for_host(line, host))}")


def start_new_line() -> None:
    """Start a new line after the `^C` that a terminal on stderr has printed."""
    if os.isatty(STDERR):
        write(b"\n", STDERR)


def exit_interrupted() -> int:
    """Start a new line for the shell's prompt; return the exit code for Ctrl-C."""
    start_new_line()
    return ExitCode.INTERRUPTED


def json_line(thing: object) -> bytes:
    """Return a line of JSON: invalid bytes become U+FFFD, controls (C1 too) are escaped."""
    return json.dumps(safe.encodable(thing), ensure_ascii=False).translate(_C1).encode() + b"\n"  # UTF-8 everywhere


def encoded(line: str) -> bytes:
    """Return text as bytes of the locale's coding; file names that are none of its text keep their bytes."""
    try:
        return shown(line, own_coding())
    except UnicodeEncodeError:  # a lone surrogate, from an escape in JSON
        return shown(str(safe.encodable(line)), own_coding())


def on_terminal() -> bool:
    """Return whether stdin and stdout are terminals, so that sesh can ask or attach."""
    return os.isatty(0) and os.isatty(1)


def dumb() -> bool:
    """Return whether TERM names a terminal without cursor movement and colours."""
    return os.environ.get("TERM", "") in ("", "dumb", "unknown")


def coloured() -> bool:
    """Return whether stdout is a terminal with colours, and `NO_COLOR` is not set."""
    return not dumb() and not os.environ.get("NO_COLOR") and os.isatty(STDOUT)


def width() -> int:
    """Return the columns of the terminal; COLUMNS overrides them."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(STDOUT).columns or 80
    except (OSError, ValueError):
        return 80


# -- the output of a command line


class Output:
    """The output of a command line. `several`: one of several hosts prints it."""

    several = False

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self._line_open = False  # the last line that was printed has no end yet
        self._coding = Coding.named(own_coding())  # of the text of `output`, which comes in pieces; None for UTF-8

    def write(self, data: bytes) -> None:
        """Print bytes. Raises BrokenPipeError, Refused."""
        write(data)
        if data:
            self._line_open = data[-1:] != b"\n"

    def output(self, data: bytes) -> None:
        """Print what a session's program has printed, in the coding of this process's locale."""
        self.write(data if self._coding is None else self._coding.to_show(data))

    def text(self, line: str) -> int:
        """Print one line, or several; return the exit code 0."""
        self.write(encoded(line) + b"\n")
        return ExitCode.OK

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows of cells in aligned columns, without control characters."""
        for line in aligned(rows):
            self.text(safe.plain(line))

    def lines(self, texts: Sequence[str]) -> None:
        """Print lines of a session."""
        self.drawn("".join(f"{text}\n" for text in texts))

    def drawn(self, text: str) -> None:
        """Print text of a session's screen, in which no byte stands for itself."""
        self.write(shown(text.encode("utf-8", "replace").decode(), own_coding()))

    def value(self, thing: object) -> int:
        """Print a JSON value in one line; return the exit code 0."""
        self.write(self.json_line(thing))
        return ExitCode.OK

    def show(self, thing: object, text: str) -> int:
        """Print a JSON value if wanted, else its text; return the exit code 0."""
        return self.value(thing) if self.json else self.text(text)

    def json_line(self, thing: object) -> bytes:
        """Return the line that `value` prints."""
        return json_line(thing)

    def done(self, **facts: object) -> int:
        """Print `{"ok": true, …}` if JSON is wanted, else nothing; return the exit code 0."""
        return self.value({"ok": True, **facts}) if self.json else ExitCode.OK

    def nothing_found(self) -> int:
        """Return the exit code of a search without a result, which is no failure of one of several hosts."""
        return ExitCode.FAILED

    def note(self, line: str, host: str | None = None) -> None:
        """Print a note on stderr, its commands for `host`, below an unfinished line."""
        if self._line_open and os.isatty(STDOUT):
            self.write(b"\n")
        note(line, host)

    def report(self, cause: BaseException, verb: Verb, host: str | None = None) -> int:
        """Print the error of a verb, with SESH_DEBUG its traceback; return the exit code."""
        from sesh.config import debug_log  # noqa: PLC0415 - loads logging, which only an error needs

        failed = Failed.by(cause)
        error = failed.error
        if debug_log.wanted():
            debug_log.write_error(f"command {verb.word}".rstrip(), cause)
            sys.__excepthook__(type(cause), cause, cause.__traceback__)
        try:
            if isinstance(error, errors.Interrupted):
                start_new_line()
            if self.json:
                self.value({"error": error_facts(error, host)})
            else:
                self.note(error.line(host))
        except (BrokenPipeError, Refused):
            self.note(error.line(host))  # stdout is closed or full; stderr may not be
        return exit_code(verb.name, failed)


def error_row(error: SeshError, host: str | None, **more: object) -> dict[str, object]:
    """Return an error as a row of a JSON list, by a verb that runs no command; `more`: further keys."""
    return {**more, "host": host, "error": error_facts(error, host), "exit_code": int(exit_code("", Failed(error)))}


def error_facts(error: SeshError, host: str | None = None) -> PrintedError:
    """Return an error as JSON shows it."""
    facts: PrintedError = {"code": error.code, "message": safe.one_line(error.line(host))}
    return {**facts, "typed": True} if error.typed else facts


def command_json(
    session: str, host: str | None, command: list[str] | None, facts: JobResult | RunFacts, output: bytes
) -> RunResult:
    """Return the JSON of `run` and `exec` for an ended command."""
    decoded = output.decode("utf-8", "replace")
    result: RunResult = {
        "session": session,
        "host": host,
        "command": command,
        "exit_code": facts.get("exit_code"),
        "output": decoded,
        "duration": facts.get("duration"),
        "timed_out": bool(facts.get("timed_out")),
        "truncated": bool(facts.get("truncated")),
    }
    if decoded.encode() != output:
        result["output_base64"] = b2a_base64(output, newline=False).decode()
    if facts.get("session_ended"):
        result["session_ended"], result["reason"] = True, facts.get("reason")
    return result
