"""Judges a terminal by its lines: each numbered one once, in order; those that are left out are said.

Pure: text in, a verdict out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

SAID = re.compile(rb"([\d,]+) lines? (?:was|were) left out; sesh (?:@\S+ )?logs \S+ has ([\d,]+) of them")
"""The line of sesh's own that says how many lines a terminal lacks, and how many of them `sesh logs` has."""
_LEFT_OUT, _BEFORE, _BEHIND = re.compile(b"left out; "), 40, 200  # bytes around these words
NUMBERED = "line {:08d}"
_NUMBERED = re.compile(r"line (\d{8})")
_CUT = re.compile(r"l?i?n?e? ?\d{0,8}(?:GONE)?|GONE \d{8}")
_IN_BYTES = re.compile(rb"line \d{8}")
_EXPECTED = re.compile(r"READY|THE END|GONE|pong .*|\[detached from .*|sesh: connecting to \S+; Ctrl-C stops|")
"""What else a terminal may hold: the markers of the program and of the shell around, and sesh's lines at leaving, and
before it has connected."""
_BORDER = 1  # lines at each place where some are left out: one that is cut there may count either way


@dataclass(frozen=True)
class Said:
    """The numbers of a line that says what was left out: lines, and how many of them `logs` has."""

    lines: int
    in_logs: int


@dataclass(frozen=True)
class Verdict:
    """What a terminal holds, and the faults: none if all is well."""

    missing: int
    repeated: int
    said: tuple[Said, ...]
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.faults


def said_in(raw: bytes | bytearray) -> tuple[Said, ...]:
    """Return what was said in these bytes. A line that is drawn again is one line."""
    out: list[Said] = []
    for place in _LEFT_OUT.finditer(raw):  # these words first: megabytes of numbers are many beginnings
        match = SAID.search(raw, max(0, place.start() - _BEFORE), place.end() + _BEHIND)
        if match is None:
            continue
        said = Said(*(int(number.replace(b",", b"")) for number in match.groups()))
        if out[-1:] != [said]:
            out.append(said)
    return tuple(out)


def lacking(raw: bytes | bytearray, count: int) -> int:
    """Return how many of `count` numbered lines these bytes do not contain, and do not say that they were left out."""
    lines = count - len(set(_IN_BYTES.findall(raw)))
    return max(0, lines - sum(said.lines + _BORDER for said in said_in(raw)))


def numbers(lines: Iterable[str]) -> list[int]:
    """Return the numbers of the numbered lines."""
    return [int(match[1]) for line in lines if (match := _NUMBERED.fullmatch(line))]


def judge(
    lines: Sequence[str],
    count: int,
    said: Sequence[Said] = (),
    *,
    logged: Collection[int] = (),
    may_leave_out: bool = False,
    joined: bool = False,
    left: bool = False,
) -> Verdict:
    """Judge all lines of a terminal (scrollback and screen) to which `count` numbered lines were printed.

    `logged`: the numbers that `sesh logs` has in the end: it had these when something was said. `may_leave_out`: lines
    may be missing if it was said how many, once at each place. `joined`: the terminal came later, and needs none of the
    lines before the first that it holds. `left`: it left once, maybe within a line, which came again when it returned.
    """
    found, others = list[int](), list[str]()
    for line in lines:
        if match := _NUMBERED.fullmatch(line):
            found.append(int(match[1]))
        elif not _EXPECTED.fullmatch(line):
            others.append(line)
    first = min(found, default=1) if joined else 1
    lacks = set(range(first, count + 1)).difference(found)
    missing = len(lacks)
    repeated = len(found) - len(set(found))
    others = _without_cut_lines(others, int(left) + (max(1, len(said)) if missing and may_leave_out else 0))
    faults = [
        *_unsaid(missing, said, may_leave_out=may_leave_out),
        *_wrong_of_logs(len(lacks.intersection(logged)), said),
        *([f"{repeated:,} lines came twice"] if repeated > int(left) else []),
        *(["lines came out of order"] if _disordered(found) else []),
        *([f"{len(others)} lines are none of the program's: {others[:3]}"] if others else []),
    ]
    return Verdict(missing, repeated, tuple(said), tuple(faults))


def _unsaid(missing: int, said: Sequence[Said], *, may_leave_out: bool) -> Iterable[str]:
    if missing and not may_leave_out:
        yield f"{missing:,} lines are missing, where none may be left out"
    elif missing and not said:
        yield f"{missing:,} lines are missing, unsaid"
    elif said and abs(sum(each.lines for each in said) - missing) > _BORDER * len(said):
        yield f"{missing:,} lines are missing, and said were {', '.join(f'{each.lines:,}' for each in said)}"


def _wrong_of_logs(logged: int, said: Sequence[Said]) -> Iterable[str]:
    """Yield what is wrong about the lines that logs has; in the end it has `logged` of those that are missing."""
    in_logs = sum(each.in_logs for each in said)
    if any(each.in_logs > each.lines for each in said):
        yield f"logs cannot have {in_logs:,}: more than was left out"
    elif said and in_logs + _BORDER * len(said) < logged:
        yield f"logs has {logged:,} of the missing lines, and said were {in_logs:,}"


def _disordered(found: Sequence[int]) -> bool:
    """Tell whether a line stands below a later one. Of a line that came twice, the first counts."""
    once = list(dict.fromkeys(found))
    return once != sorted(once)


def _without_cut_lines(lines: Sequence[str], most: int) -> list[str]:
    """Return the lines without those, `most` at most, that are the beginning of a numbered one.

    A client that leaves a terminal that takes nothing cannot end the line, so the shell's own text may stand behind it,
    or over it.
    """
    out: list[str] = []
    for line in lines:
        if most and _CUT.fullmatch(line):
            most -= 1
        else:
            out.append(line)
    return out
