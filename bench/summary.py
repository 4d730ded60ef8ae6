"""Six lines that say what a run has found, losses included: short lines for the top of a document, and full ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isinf

from bench.figures import LINES, OURS, Row, Standing
from bench.tables import figure, times

FLOORS = {"bare": "bare Python", "relay": "a bare relay"}
"""Contenders that are no peers but lower bounds, and their names in the summary."""
Pairs = list[tuple[Row, Standing]]


def six_lines(rows: Iterable[Row]) -> list[str]:
    """A line of Markdown for each subject."""
    return _by_subject(rows, _verdict)


def headlines(rows: Iterable[Row]) -> list[str]:
    """A line of Markdown for each subject: the best and the worst figure beside a peer, and the goals missed."""
    return _by_subject(rows, _ends)


def _by_subject(rows: Iterable[Row], text: Callable[[list[Row]], str]) -> list[str]:
    """A numbered line for each subject, with the text that its rows make."""
    measured = [row for row in rows if OURS in row.medians]
    return [
        f"{number}. **{line}.** {text([row for row in measured if row.line == line])}"
        for number, line in enumerate(LINES, 1)
    ]


def _ends(rows: list[Row]) -> str:
    rows = [row for row in rows if row.short]
    pairs = [(row, standing) for row in rows if (standing := row.beside_best())]
    if not pairs:
        return "Not measured."
    best, worst = max(pairs, key=lambda pair: pair[1].times), min(pairs, key=lambda pair: pair[1].times)
    said = []
    if not best[1].behind:
        relation = f"{times(best[1].factor)} ahead of" if best[1].ahead else "even with"
        said.append(f"Best: {best[0].short} {_own(best[0])}, {relation} {best[1].other}.")
    if worst[1].behind:
        said.append(f"Worst: {worst[0].short} {_own(worst[0])}, {times(worst[1].factor)} behind {worst[1].other}.")
    said.append(f"Goals missed: {sum(row.met() is False for row in rows)}.")
    return " ".join(said)


def _verdict(rows: list[Row]) -> str:
    """Returns a line: its rows compared with the best peers and with the lower bounds, and the missed goals."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.short:
            groups.setdefault(row.short, []).append(row)
    won, even, lost = [], [], []
    for short, group in groups.items():
        pairs = [(row, best) for row in group if (best := row.beside_best())]
        ahead, behind = [pair for pair in pairs if pair[1].ahead], [pair for pair in pairs if pair[1].behind]
        same = [pair for pair in pairs if pair not in ahead and pair not in behind]
        if ahead:
            won.append(f"{short}{_part(ahead, group)} {_by(ahead, 'ahead of')}")
        if same:
            even.append(f"{short}{_part(same, group).rstrip(',')} with {_names(same)}")
        if behind:
            lost.append(f"{short}{_part(behind, group)} {_by(behind, 'behind')}{_but(behind)}")
    parts = (("Won", won), ("Even", even), ("Lost", lost), *_floors(groups), ("Goals missed", _missed(rows)))
    text = " ".join(f"{word}: {'; '.join(entries)}." for word, entries in parts if entries)
    if not parts[-1][1] and any(row.short and row.met() for row in rows):
        text += " All goals are met."
    return text.strip() or "Not measured."


def _part(pairs: Pairs, group: list[Row]) -> str:
    """Returns the figure if the group has one row, else how many of its rows are among these pairs."""
    if len(group) == 1:
        return f" {_own(group[0])},"
    return "" if len(pairs) == len(group) else f" ({len(pairs)} of {len(group)})"


def _own(row: Row) -> str:
    return f"{figure(row.medians[OURS])} {row.unit}".rstrip()


def _range(values: Iterable[float]) -> str:
    """Factors as a range from the least to the greatest, or as one."""
    low, high = min(factors := list(values)), max(factors)
    return times(high) if times(low) == times(high) else f"{times(low).removesuffix(' x')} to {times(high)}"


def _names(pairs: Pairs) -> str:
    return " and ".join(dict.fromkeys(best.other for _, best in pairs))


def _by(pairs: Pairs, relation: str) -> str:
    """Returns the factors and the peers; if every factor is infinite, the figures of both instead."""
    if exact := [best.factor for _, best in pairs if not isinf(best.factor)]:
        return f"{_range(exact)} {relation} {_names(pairs)}"
    figures = (f"{figure(row.medians[OURS])} to {figure(row.medians[best.other])}" for row, best in pairs)
    return f"{' and '.join(dict.fromkeys(figures))} {relation} {_names(pairs)}"


def _but(pairs: Pairs) -> str:
    """Returns the words that sesh is ahead of tmux, if it is in all of these rows; else an empty string."""
    tmux = [(row, standing) for row, _ in pairs if (standing := row.beside("tmux"))]
    return f" ({_by(tmux, 'ahead of')})" if tmux and all(standing.ahead for _, standing in tmux) else ""


def _floors(groups: dict[str, list[Row]]) -> list[tuple[str, list[str]]]:
    """Returns, for each lower bound, the least and greatest of the figures whose goal depends on it, as multiples of
    it."""
    floors = []
    for name, called in FLOORS.items():
        multiples = [
            (1 / standing.times, short)
            for short, group in groups.items()
            for row in group
            if name in row.said and (standing := row.beside(name)) and standing.times
        ]
        ends = (min(multiples), max(multiples)) if multiples else ()
        said = " to ".join(dict.fromkeys(f"{multiple:.1f} ({short})" for multiple, short in ends))
        floors.append((f"Times {called}", [said] if said else []))
    return floors


def _missed(rows: list[Row]) -> list[str]:
    """Returns the rows that miss their goals: single rows by goal, and how many of the rows that share a name."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.short and row.met() is not None:
            groups.setdefault(row.short, []).append(row)
    entries: list[str] = []
    alone: dict[str, list[str]] = {}
    for short, group in groups.items():
        missed = [row for row in group if not row.met()]
        if len(group) > 1 and missed:
            entries.append(f"{short} ({len(missed)} of {len(group)})")
        elif missed:
            alone.setdefault(missed[0].said, []).append(short)
    return [f"{', '.join(shorts)} (goal {said})" for said, shorts in alone.items()] + entries
