"""Compares plays of a set-up: what a session, or sesh's line in it, has changed, and where `sesh history` is wrong.

Pure: two plays in, findings out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tests.shells.play import WITH_LINE, Place, Played
from tests.shells.setups import Whole
from tests.shells.steps import Step


@dataclass(frozen=True)
class Finding:
    """A difference that should not be: in what, what it was in the plain shell, and what with sesh."""

    what: str
    plain: str
    sesh: str

    def __str__(self) -> str:
        return f"{self.what}: plain {self.plain}, sesh {self.sesh}"


def compare(reference: Played, played: Played) -> list[Finding]:
    """Return all findings about a play, beside the one in the plain shell."""
    return [*_screens(reference, played), *_told(reference, played), *_history(reference, played), *_watched(played)]


# -- the screen


def _screens(reference: Played, played: Played) -> Iterable[Finding]:
    """Yield the first step after which the screens differ: all later ones may differ for its reason."""
    for name, plain in reference.screens.items():
        own = played.screens[name]
        if own != plain:
            yield Finding(f"the screen after “{name}”", *_first_difference(plain, own))
            return


def _first_difference(plain: dict[str, Any], own: dict[str, Any]) -> tuple[str, str]:
    rows = [["".join(cell[0] for cell in row).rstrip() for row in each["screen"]] for each in (plain, own)]
    for number, (one, other) in enumerate(zip(*rows, strict=True)):
        if one != other:
            return f"row {number} {one!r}", repr(other)
    for key, value in plain.items():
        if value != own[key]:
            return ("pens", "others") if key in {"screen", "lines"} else (f"{key} {value!r}", repr(own[key]))
    return "?", "?"


# -- what the shell tells of itself

_SETS = re.compile(r"^(?:declare|typeset|export)(?: -\S+)* (\w+)|^\$(\w+)")
_OURS = re.compile(r"__sesh|sesh-(?:pick|next)\b|^SESH_")
_MAY_DIFFER = re.compile(
    r"""
    # They differ from run to run.
    (?: BASHPID | PPID | S?RANDOM | SECONDS | EPOCH\w+ | TTYIDLE | LINENO | COLUMNS | LINES | PIPESTATUS | _
      | BASH_ARG[VC] | BASH_LINENO | BASH_SOURCE | FUNCNAME | CMD_DURATION | TEST_RUN
    # Tables of zsh, and what is told elsewhere.
      | history\w* | job\w+ | commands | functions\w* | \w*aliases | options | parameters | modules | \w+dirs
      | dirstack | sysparams | psvar
      | precmd_functions | preexec_functions | PROMPT_COMMAND
    # liquidprompt leaves it behind where PROMPT_COMMAND is not empty.
      | i
    # They have sesh's marks.
      | PS0 | PS1 | PROMPT | prompt | PROMPT_EOL_MARK )$
    # A framework's word for the terminal, a time or a process.
    | ATUIN_ | DIRENV_ | STARSHIP_(?: DURATION | SESSION_KEY )
    | .* (?i: time | tty | terminal_device | seconds | async | worker | pid )
    """,
    re.VERBOSE,
)
"""Variables with values that may differ."""
_NOISE = re.compile(r"(?<=-)s[\d.]+-r\d+-|\[sesh-(?:pick|next)\]=\d+ ")
"""Random names of zsh-syntax-highlighting, and what zsh-autosuggestions counts of our widgets."""
_ELEMENTS = re.compile(r"if [^\n]*?__sesh[^\n]*?; fi(?: >\S+ 2>&1)?|\(__sesh[^;\n]*")
"""What sesh adds to PROMPT_COMMAND."""


def _told(reference: Played, played: Played) -> Iterable[Finding]:
    for name in sorted({*reference.told, *played.told} - {"recorded"}):
        texts = [_NOISE.sub("", each.told.get(name, "")) for each in (reference, played)]
        plain, own = _variables(*texts) if name == "variables" else (_lines(name, text) for text in texts)
        if plain != own:
            lost, added = list((plain - own).elements()), list((own - plain).elements())
            yield Finding(name, _some(lost), _some(added))


def _variables(*texts: str) -> list[Counter[str]]:
    """Return the variables that plays have told, without those that may differ."""
    all_entries = [re.split(r"\n(?=declare |typeset |export |\$\w)", text) for text in texts]
    # A framework that keeps the prompt and the hooks that it has found keeps ours, too.
    keeping = {
        _variable(entry) for entries in all_entries for entry in entries if "]133;" in entry or "__sesh" in entry
    }
    out = []
    for entries in all_entries:
        pairs = [(_variable(entry), entry.rstrip("\n")) for entry in entries]
        out.append(Counter(entry for name, entry in pairs if name not in keeping and not _may_differ(name)))
    return out


def _variable(entry: str) -> str:
    match = _SETS.match(entry)
    return (match[1] or match[2]) if match else ""


def _may_differ(variable: str) -> bool:
    return not variable or bool(_OURS.search(variable) or _MAY_DIFFER.match(variable))


def _lines(name: str, text: str) -> Counter[str]:
    """Return the lines of another story, without what sesh adds."""
    lines = [line for line in text.splitlines() if line.strip() and (name.startswith("~/") or not _OURS.search(line))]
    if name.endswith("fish_history"):  # what is repeated stands there once after some while
        return Counter({line for line in lines if not line.startswith("  when: ")})
    if name == "hooks":
        text = _ELEMENTS.sub("", text)
        return Counter(each.strip() for each in re.split(r"[;\n]", text) if each.strip() and not _OURS.search(each))
    return Counter(lines)


def _some(lines: list[str]) -> str:
    shown = "; ".join(line.strip() for line in lines[:3])
    return repr(shown[:160]) + (f" and {len(lines) - 3} more" if len(lines) > 3 else "")


# -- what sesh says


def _watched(played: Played) -> Iterable[Finding]:
    if played.place is Place.PLAIN:
        return
    if played.activity.get("state") != "idle":
        activity = {key: played.activity.get(key) for key in ("state", "why", "question")}
        yield Finding("status at the prompt", "idle", f"{activity}")
    runs: bool | None = None  # the first events may be gone
    for event in played.events:
        kind = event.get("event")
        if kind in ("command_started", "command_ended"):
            if runs is (kind == "command_started"):
                command = event.get("command")
                yield Finding("events", "started and ended in turn", f"a second {kind} {command}")
                break
            runs = kind == "command_started"
    if played.waited:
        yield Finding("wait --prompt", "0", str(played.waited))


def _history(reference: Played, played: Played) -> Iterable[Finding]:
    """Yield what `history` has and should not have, and what it lacks without a word."""
    expected = _recorded(reference)
    found: list[Step] = []
    codes: list[str] = []
    outputs: list[str] = []
    place = 0
    for row in played.history:
        text = " ".join(row["command"])
        step = next((each for each in expected[place:] if each.text == text), None)
        if step is None:
            yield Finding("history’s text", "no such command there", repr(text))
            continue
        place = expected.index(step, place) + 1
        found.append(step)
        if row["exit_code"] not in (None, step.code):
            codes.append(f"{text!r} {row['exit_code']}, not {step.code}")
        known = step.output if not played.setup.traces else None
        if known is not None and row["output"] not in (None, known):
            outputs.append(f"{text!r} {row['output'][-60:]!r}, not {known[-60:]!r}")
    if codes:
        yield Finding(f"history’s codes, {len(codes)} of them", "others", codes[0])
    if outputs:
        yield Finding(f"history’s outputs, {len(outputs)} of them", "others", outputs[0])
    if played.place in WITH_LINE:
        yield from _lacking(expected, found, played)


def _recorded(reference: Played) -> list[Step]:
    """Return the steps with a command that the plain shell has in its own history, with the text that it has there."""
    text = reference.told.get("recorded", "")
    lines = {line.strip() for line in text.splitlines()}
    run = "".join(text.replace("\\n", "").split())  # shells show a command of several lines in different ways
    out = []
    for step in reference.steps:
        reduced = " ".join(step.text.split())  # as an option of zsh does it
        if step.text.strip() in lines or ("\n" in step.text and "".join(step.text.split()) in run):
            out.append(step)
        elif reduced in lines:
            out.append(replace(step, text=reduced))
    return [step for step in out if step.text]


def _lacking(expected: list[Step], found: list[Step], played: Played) -> Iterable[Finding]:
    """Yield what is lacking: with the line last what there could be; elsewhere only if `status` says no reason."""
    texts = {step.text for step in found}  # of a repetition one is enough, and what begins with a blank may lack
    lacking = [step.text for step in expected if step.text not in texts and not step.text.startswith(" ")]
    uncoded = [row["command"] for row in played.history if row["exit_code"] is None]
    silent = [row["command"] for row in played.history if row["output"] is None]
    whole = played.setup.whole if played.place is Place.LAST else Whole.NOTHING
    status = bool((played.integration or {}).get("missing"))
    for what, which, may, said in (
        ("commands", lacking, whole is Whole.NOTHING, status),
        ("codes", uncoded, whole is Whole.NOTHING, status),
        ("outputs", silent, whole is not Whole.ALL, bool(played.why)),
    ):
        if which and not may:
            yield Finding(f"history lacks {what}, {len(which)} of them", "there", f"{which[0]!r}")
        elif which and not said:
            yield Finding(f"history lacks {what}, and nothing says why", "there", f"{which[0]!r}")
