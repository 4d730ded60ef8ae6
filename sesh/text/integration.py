"""What a shell's integration lacks, in words: what that costs, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from sesh.text.safe import one_line


class Lack(str, Enum):
    """Why the integration of a shell is not whole. The shell announces the first four; its marks show the others."""

    OLD_SHELL = "old-shell"  # bash before 4.4
    READONLY = "readonly"  # PS0, PS1 or PROMPT_COMMAND
    PROMPTVARS = "promptvars"  # bash's option is off
    RESTRICTED = "restricted"  # rbash
    NOT_FIRST = "not-first"  # something runs between a command and the mark of its end
    REPLACED = "replaced"  # that mark does not come


class Explanation(NamedTuple):
    """A lack in words; `remedy` is what a person can do."""

    cost: str
    remedy: str


_LAST_LINE = "make sesh's line the last one of the shell's startup file"
_EXPLANATIONS: Mapping[str, Explanation] = {
    Lack.OLD_SHELL.value: Explanation(
        "this bash is older than 4.4: what is typed is not recorded", "run bash 4.4 or a newer one in the session"
    ),
    Lack.READONLY.value: Explanation(
        "PS0, PS1 or PROMPT_COMMAND is readonly: what is typed is recorded without codes and outputs, or not at all",
        "leave readonly out of the file that sets it, such as one of /etc/profile.d",
    ),
    Lack.PROMPTVARS.value: Explanation(
        "the shell option promptvars is off: what is typed is not recorded",
        "put above sesh's line: shopt -s promptvars (liquidprompt switches it off)",
    ),
    Lack.RESTRICTED.value: Explanation(
        "a restricted shell cannot write marks: what is typed is not recorded",
        "use sesh run, which records its commands",
    ),
    Lack.NOT_FIRST.value: Explanation(
        "another command of PROMPT_COMMAND runs first: outputs are not recorded, nor are some exit codes", _LAST_LINE
    ),
    Lack.REPLACED.value: Explanation(
        "PROMPT_COMMAND was set after sesh's line: outputs are not recorded, nor are some exit codes", _LAST_LINE
    ),
}


def explained(word: str) -> Explanation:
    """Return what a word of `Integration.missing` means; a newer version may have others."""
    return _EXPLANATIONS.get(word) or Explanation(f"the integration is not whole ({one_line(word)})", _LAST_LINE)


def in_words(shell: str | None, missing: Sequence[str]) -> str:
    """Return an integration in one line."""
    costs = "; ".join(explained(word).cost for word in missing)
    return f"{one_line(shell or 'a shell')}, {f'not whole: {costs}' if costs else 'whole'}"
