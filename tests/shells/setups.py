"""The table's set-ups: an rc file in the folder `rc`, and what it needs.

Programs of others are installed by packages.sh. What is no program's name is a stand-in, which does what one mechanism
of prompt frameworks does. `# middle` in an rc file is the place of sesh's line that is neither the first nor the last.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

_HERE = os.path.dirname(os.path.abspath(__file__))
_RC = os.path.join(_HERE, "rc")
_MIDDLE = "# middle\n"
MODULES = os.path.join(_HERE, "node_modules")
OWN = os.path.join(os.path.dirname(os.path.dirname(_HERE)), ".venv/shells/bin")
"""Where packages.sh puts programs that this system's own packages lack."""


class Whole(Enum):
    """What the line, as the last one of the rc file, has of the commands; of all else it says why it is missing."""

    ALL = "each command, its code and its output"
    NO_OUTPUT = "each command and its code; the shell or a hook prints within the output"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Setup:
    """A set-up: `above` and `below` are the rc file; sesh's line stands above, between or below the two."""

    name: str
    shell: str
    above: str
    below: str
    needs: tuple[str, ...] = ()  # programs or files
    files: Mapping[str, str] = field(default_factory=dict)
    asks: tuple[str, ...] = ()  # lines of sh, whose output at the end is compared
    whole: Whole = Whole.ALL
    traces: bool = False  # `set -x` is typed first: what the shell prints of a command is output of it
    quiet: float = 0.0  # seconds without output after which its prompt is complete

    def missing(self) -> list[str]:
        """Return what is not installed here."""
        path = f"{os.environ['PATH']}:{OWN}"
        tools = (self.shell, *self.needs)
        return [tool for tool in tools if not (os.path.exists(tool) if "/" in tool else shutil.which(tool, path=path))]


def _read(file: str) -> Setup:
    with open(os.path.join(_RC, file), encoding="utf-8") as opened:
        above, middle, below = opened.read().partition(_MIDDLE)
    assert middle, f"{file} says where its middle is"
    name, _, shell = file.rpartition(".")
    return Setup(f"{name}-{shell}", shell, above, below)


SETUPS = {setup.name: setup for setup in map(_read, sorted(os.listdir(_RC)))}


def _of(*names: str, **facts: object) -> None:
    """Note facts about set-ups."""
    for name in names:
        SETUPS[name] = replace(SETUPS[name], **facts)  # type: ignore[arg-type]


# -- what others have written

_LIQUID = "".join(f"LP_ENABLE_{each}=0\n" for each in ("LOAD", "BATT", "TEMP"))
_LIQUID += "LP_ENABLE_TITLE=1\nLP_ENABLE_RUNTIME=1\nLP_RUNTIME_THRESHOLD=3\n"
_SUGGESTIONS = "/usr/share/zsh-autosuggestions/zsh-autosuggestions.zsh"
_HIGHLIGHTING = "/usr/share/zsh-syntax-highlighting/zsh-syntax-highlighting.zsh"
_STARSHIP = 'add_newline = true\nformat = "$directory$status$character"\n[status]\ndisabled = false\n'

_of(
    *("liquidprompt-bash", "liquidprompt-zsh"),
    needs=("/usr/share/liquidprompt/liquidprompt",),
    files={".config/liquidpromptrc": _LIQUID},
)
_of("powerline-bash", "powerline-zsh", needs=("powerline-render", "/usr/share/powerline/bindings"))
_of("pure-zsh", needs=(f"{MODULES}/pure-prompt",), quiet=0.4)
_of("pure-suggestions-zsh", needs=(f"{MODULES}/pure-prompt", _SUGGESTIONS, _HIGHLIGHTING), quiet=0.4)
_of("spaceship-zsh", needs=(f"{MODULES}/spaceship-prompt",), quiet=0.4)
_of("suggestions-zsh", needs=(_SUGGESTIONS, _HIGHLIGHTING), quiet=0.1)
_of("fzf-bash", "fzf-zsh", "fzf-fish", needs=("fzf", "/usr/share/doc/fzf/examples"))
_of("direnv-bash", "direnv-zsh", "direnv-fish", needs=("direnv",))
_of("zoxide-bash", "zoxide-zsh", "zoxide-fish", needs=("zoxide",), asks=("zoxide query -l",))
_of(
    *("starship-bash", "starship-zsh", "starship-fish"),
    needs=("starship",),
    files={".config/starship.toml": _STARSHIP},
)
_of(
    "starship-direnv-zoxide-bash",
    needs=("starship", "direnv", "zoxide"),
    files={".config/starship.toml": _STARSHIP},
    asks=("zoxide query -l",),
)
_of(
    *("atuin-bash", "atuin-zsh", "atuin-fish"),
    needs=("atuin",),
    files={".config/atuin/config.toml": "auto_sync = false\nupdate_check = false\n"},
    asks=("atuin history list --format '{command}'",),
)

# -- stand-ins

_of(
    *("no-history-bash", "readonly-prompt-command-bash", "readonly-ps0-bash", "readonly-ps1-bash"),
    *("no-promptvars-bash", "promptvars-off-later-bash", "takes-over-bash", "private-fish"),
    whole=Whole.NOTHING,
)
_of(
    *("hooks-print-zsh", "hooks-print-fish", "print-exit-value-zsh"),
    *("events-fish", "second-marks-fish", "starship-fish", "atuin-fish"),  # a handler of theirs stands before ours
    # What a DEBUG trap prints cannot be told from what the command prints.
    *("preexec-bash", "late-preexec-bash", "debug-timer-bash", "debug-functrace-bash", "atuin-bash"),
    "liquidprompt-bash",
    whole=Whole.NO_OUTPUT,
)
_of("trace-bash", "trace-zsh", whole=Whole.NO_OUTPUT, traces=True)
_of(
    "vi-bash",
    files={".inputrc": "set show-mode-in-prompt on\nset vi-ins-mode-string +\nset vi-cmd-mode-string :\n"},
)
