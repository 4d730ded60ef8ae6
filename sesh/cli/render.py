"""Print what a verb did for each of several names: sessions, or hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sesh.cli.printing import Output, error_facts
from sesh.errors import ErrorFacts, ExitCode, SeshError, rebuild
from sesh.schema.outcomes import PrintedError
from sesh.text import safe


class Failure(NamedTuple):
    """Why a verb failed for a name. `shared`: the error is of the machine, so it does not have the name."""

    error: SeshError
    shared: bool = False

    @property
    def line(self) -> str:
        """The error as one line, with commands for the host."""
        return safe.one_line(self.error.line())

    @property
    def facts(self) -> PrintedError:
        """The error as JSON shows it."""
        return error_facts(self.error)


def failures_of(refused: Mapping[str, ErrorFacts], host: str | None) -> dict[str, Failure]:
    """Return by name the errors with which an op on a machine has refused some names."""
    return {name: Failure(rebuild(facts).told_by(host)) for name, facts in refused.items()}


def failed_facts(failed: Mapping[str, Failure]) -> dict[str, PrintedError]:
    """Return the errors by name, as the key `failed` has them."""
    return {name: failure.facts for name, failure in failed.items()}


def lines_of(failed: Mapping[str, Failure]) -> list[str]:
    """Return a line for each error; a shared one stands once, behind its names."""
    names: dict[str, list[str]] = {}
    for name, failure in failed.items():
        names.setdefault(failure.line, []).extend([name] if failure.shared else [])
    return [f"{', '.join(sharers)}: {line}" if sharers else line for line, sharers in names.items()]


def show_each(
    out: Output,
    key: str,
    done: Sequence[str],
    failed: Mapping[str, Failure],
    *,
    describe: Callable[[str], str] | None = None,
    facts: Mapping[str, object] = MappingProxyType({}),
) -> int:
    """Print the names for which a verb is done, and the error of each other name; return the exit code.

    `key`: of the names that are done, in JSON, which has `facts` too. `describe`: the line for such a name on stderr;
    it is printed only beside errors.
    """
    if not failed:
        return out.done(**{key: list(done)}, **facts)
    lines = lines_of(failed)
    if out.json:
        error: PrintedError = {"code": next(iter(failed.values())).error.code, "message": "; ".join(lines)}
        out.value({"ok": False, key: list(done), **facts, "error": error, "failed": failed_facts(failed)})
    else:
        for line in [*(map(describe, done) if describe is not None else ()), *lines]:
            out.note(line)
    return ExitCode.FAILED
