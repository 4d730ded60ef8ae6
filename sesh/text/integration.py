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
    NO_NUMBER = "no-number"  # the mark of a prompt does not say which command comes next


class Explanation(NamedTuple):
    """A lack in words; `remedy` is what a person can do."""

    cost: str
    remedy: str


_LAST_LINE = "make sesh's line the last one of the shell's startup file"
_EXPLANATIONS: Mapping[str, Explanation] = {
    Lack.OLD_SHELL.value: Explanation(
        "the shell is too old (bash before 4.4, zsh before 5): what is typed is not recorded", "run a newer one"
    ),
    Lack.READONLY.value: Explanation(
        "a variable that holds its marks is readonly (PROMPT_COMMAND, PS0, PS1): commands have no output, or are not "
        "recorded",
        "leave readonly out of the file that sets it, such as one of /etc/profile.d",
    ),
    Lack.PROMPTVARS.value: Explanation(
        "the shell option promptvars is off: what is typed is not recorded",
        "put above sesh's line: shopt -s promptvars (liquidprompt switches it off)",
    ),
    Lack.RESTRICTED.value: Explanation(
        "the shell is restricted, and cannot write marks: what is typed is not recorded",
        "run one that is not restricted",
    ),
    Lack.NOT_FIRST.value: Explanation(
        "another hook runs first (PROMPT_COMMAND, precmd, fish_postexec): commands have no output, or no exit code",
        f"{_LAST_LINE}, in fish the first one; with ble.sh, or in zsh with prompt_sp off and a precmd, it stays so",
    ),
    Lack.REPLACED.value: Explanation(
        "its hooks (PROMPT_COMMAND, PS0, precmd_functions) were set anew below its line: commands have no output, "
        "or are not recorded",
        _LAST_LINE,
    ),
    Lack.NO_NUMBER.value: Explanation(
        "PS1 was set anew below its line, and a hook below changes the history (history -a): what is typed is not "
        "recorded",
        _LAST_LINE,
    ),
}


def explained(word: str) -> Explanation:
    """Return what a word of `Integration.missing` means; a newer version may have others."""
    return _EXPLANATIONS.get(word) or Explanation(f"the integration is not whole ({one_line(word)})", _LAST_LINE)


def in_words(shell: str | None, missing: Sequence[str]) -> str:
    """Return an integration in one line."""
    costs = "; ".join(explained(word).cost for word in missing)
    return f"{one_line(shell or 'a shell')}, {f'not whole: {costs}' if costs else 'whole'}"
