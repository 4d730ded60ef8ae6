"""The cells that fail today, by the kind of fault; one that is mended leaves this file."""

from __future__ import annotations

FAULTS: dict[str, list[str]] = {
    "bash: with functrace a DEBUG trap sees what runs in subshells, too": [
        "debug-functrace-bash-first",
        "debug-functrace-bash-middle",
        "debug-functrace-bash-last",
    ],
    "bash: nothing says why, where something below takes over the line editor": [
        "takes-over-bash-first",
        "takes-over-bash-middle",
    ],
    "bash: what others prepend below costs the element behind ours the code no more, as it does without the line": [
        "starship-direnv-zoxide-bash-middle",
    ],
    "bash: at the first prompt `jobs` counts the subshell that has just ended": ["powerline-bash-last"],
}
"""Cells that fail each time, by the kind of fault."""

FAULTS_IN_SHORT: dict[str, list[str]] = {}
"""Cells that fail each time with few steps, too."""
