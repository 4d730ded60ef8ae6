"""Six lines that say what a run has found, losses included, for the top of a document."""

from __future__ import annotations

from collections.abc import Iterable
from math import isinf

from bench.figures import LINES, OURS, Row, Standing
from bench.tables import figure, times

FLOORS = {"bare": "bare Python", "relay": "a bare relay"}
"""No rivals, but what the figures rest on: by their names as contenders, how they are called."""
Found = list[tuple[Row, Standing]]


def six_lines(rows: Iterable[Row]) -> list[str]:
    """A line of Markdown for each subject."""
    rows = list(rows)
    return [
        f"{number}. **{line}.** {_told([row for row in rows if row.line == line and OURS in row.medians])}"
        for number, line in enumerate(LINES, 1)
    ]


def _told(rows: list[Row]) -> str:
    """What the rows of a line come to: beside the best peers, what is lost, beside the floors, and the goals."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.short:
            groups.setdefault(row.short, []).append(row)
    won, even, lost = [], [], []
    for short, group in groups.items():
        found = [(row, best) for row in group if (best := row.beside_best())]
        ahead, behind = [each for each in found if each[1].ahead], [each for each in found if each[1].behind]
        same = [each for each in found if each not in ahead and each not in behind]
        if ahead:
            won.append(f"{short}{_part(ahead, group)} {_by(ahead, 'ahead of')}")
        if same:
            even.append(f"{short}{_part(same, group).rstrip(',')} with {_names(same)}")
        if behind:
            lost.append(f"{short}{_part(behind, group)} {_by(behind, 'behind')}{_but(behind)}")
    parts = (("Won", won), ("Even", even), ("Lost", lost), *_floors(groups), ("Goals missed", _missed(rows)))
    told = " ".join(f"{word}: {'; '.join(each)}." for word, each in parts if each)
    if not parts[-1][1] and any(row.short and row.met() for row in rows):
        told += " All goals are met."
    return told.strip() or "Not measured."


def _part(found: Found, group: list[Row]) -> str:
    """Of one row the figure, of several how many they are."""
    if len(group) == 1:
        return f" {_own(group[0])},"
    return "" if len(found) == len(group) else f" ({len(found)} of {len(group)})"


def _own(row: Row) -> str:
    return f"{figure(row.medians[OURS])} {row.unit}".rstrip()


def _range(values: Iterable[float]) -> str:
    """Factors as one, or from the least to the greatest."""
    low, high = min(found := list(values)), max(found)
    return times(high) if times(low) == times(high) else f"{times(low).removesuffix(' x')} to {times(high)}"


def _names(found: Found) -> str:
    return " and ".join(dict.fromkeys(best.other for _, best in found))


def _by(found: Found, how: str) -> str:
    """By how much, and of whom; beside nothing at all only the figures can be said."""
    if exact := [best.factor for _, best in found if not isinf(best.factor)]:
        return f"{_range(exact)} {how} {_names(found)}"
    pairs = (f"{figure(row.medians[OURS])} to {figure(row.medians[best.other])}" for row, best in found)
    return f"{' and '.join(dict.fromkeys(pairs))} {how} {_names(found)}"


def _but(found: Found) -> str:
    """That sesh is ahead of tmux in each of the rows in which it is behind another."""
    tmux = [(row, standing) for row, _ in found if (standing := row.beside("tmux"))]
    return f" ({_by(tmux, 'ahead of')})" if tmux and all(standing.ahead for _, standing in tmux) else ""


def _floors(groups: dict[str, list[Row]]) -> list[tuple[str, list[str]]]:
    """For each floor, what multiples of it the figures are whose goal is one."""
    told = []
    for name, called in FLOORS.items():
        found = []
        for short, group in groups.items():
            shares = [
                1 / standing.times
                for row in group
                if name in row.said and (standing := row.beside(name)) and standing.times
            ]
            if shares and not isinf(max(shares)):
                low, high = f"{min(shares):.1f}", f"{max(shares):.1f}"
                found.append(f"{short} {high if low == high else f'{low} to {high}'}")
        told.append((f"Times {called}", found))
    return told


def _missed(rows: list[Row]) -> list[str]:
    """What misses its goal; of rows with one name how many, of a lone one the goal."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.short and row.met() is not None:
            groups.setdefault(row.short, []).append(row)
    told = []
    for short, group in groups.items():
        missed = [row for row in group if not row.met()]
        if len(group) > 1 and missed:
            told.append(f"{short} ({len(missed)} of {len(group)})")
        elif missed:
            told.append(f"{short} (goal {missed[0].said})")
    return told
