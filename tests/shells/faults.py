"""The cells that fail today, by the kind of fault; one that is mended leaves this file."""

from __future__ import annotations

FAULTS: dict[str, list[str]] = {}
"""Cells that fail each time, by the kind of fault."""

FAULTS_IN_SHORT: dict[str, list[str]] = {
    "bash: a command of the line's own behind the last PROMPT_COMMAND is seen by DEBUG traps": ["preexec-bash-last"],
    "bash: PS0 reports commands whose end nothing reports any more": ["assigned-bash-middle"],
    "bash: an assignment to what is readonly says so in the terminal": ["readonly-prompt-command-bash-last"],
    "zsh: what a hook keeps out of the history is kept": ["zshaddhistory-zsh-last"],
}
"""Cells that fail each time with few steps, too."""
