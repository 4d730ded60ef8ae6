"""What became of a call: a value, or an error with its fate; and the exit code that a verb has for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar, Union

from sesh import errors
from sesh.errors import ExitCode, Fate, SeshError

Value = TypeVar("Value")
RUNNING = ("exec", "run")
"""The verbs that exit with the code of a command, so that 1 may be the command's own."""


@dataclass(frozen=True)
class Answered(Generic[Value]):
    """The call has returned a value."""

    value: Value


@dataclass(frozen=True)
class Failed:
    """The call has raised an error."""

    error: SeshError

    @classmethod
    def by(cls, cause: BaseException) -> Failed:
        """Return the outcome of a call that raised any exception."""
        return cls(errors.own(cause))

    @property
    def fate(self) -> Fate:
        """What became of the act."""
        return self.error.fate


Outcome = Union[Answered[Value], Failed]


def exit_code(verb: str, outcome: Outcome[int]) -> int:
    """Return the exit code of a verb: its value, or the code for its error.

    For `exec` and `run` it is 125 if nothing began, and 255 if the command has run, or may have. An error with an exit
    code of its own, such as 124, keeps it.
    """
    if isinstance(outcome, Answered):
        return outcome.value
    code = int(outcome.error.exit_code)
    if verb not in RUNNING:
        return ExitCode.FAILED if code == ExitCode.UNKNOWN else code
    if code != ExitCode.FAILED:
        return code
    return ExitCode.UNKNOWN if outcome.fate in (Fate.UNKNOWN, Fate.GOES_ON) else ExitCode.SESH_FAILED


@contextmanager
def exiting_as(verb: str) -> Iterator[None]:
    """Give the block's errors the exit code that the verb has for them, for callers that are no command line."""
    try:
        yield
    except SeshError as error:
        code = exit_code(verb, Failed(error))
        if code == error.exit_code:
            raise
        raise error.but(exit_code=code) from error
