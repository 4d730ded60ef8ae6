"""Tab in the real shells."""

from __future__ import annotations

import os
import re

import pytest

from tests.support import PROMPT, Home, Terminal

SHELLS = [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in ("bash", "zsh", "fish")]
_LOADED = {
    "bash": 'eval "$(sesh completions bash)"',
    "zsh": 'autoload -U compinit; compinit -u -D; eval "$(sesh completions zsh)"',
    "fish": "set -g fish_autosuggestion_enabled 0; sesh completions fish | source",
}
OWN = [
    ("sesh list --label no", r"sesh list --label note=a\ \$\(b\)"),
    ("sesh new onl", r"sesh new only\*/"),
    ("sesh @me@gp", "sesh @me@gp"),
    ("~/bin/sesh kill wo", "~/bin/sesh kill work"),
    ("$HOME/bin/sesh kill wo", "$HOME/bin/sesh kill work"),
    ("sesh @far.example.com list --label=te", "sesh @far.example.com list --label=team=web"),
]
"""Typed lines and their completions, where each shell's script handles words, quotes and files itself."""
ASKED = [
    ("wo", "work"),
    ("rename wo", "work"),
    ("--json ren", "rename"),
    ("exec --tim", "--timeout"),
    ("screen work --format j", "json"),
    ("send work --key PageU", "PageUp"),
    ("@gp", "@gpubox"),
    ("@box", "@boxed"),
    ("@gpubox --ren", "--rename"),
    ("kill -y @gp", "@gpubox"),
    ("deploy --force @gp", "@gpubox"),
    ("wait --for @gp", ""),
    ("wait --for --for @gp", "@gpubox"),
    ("grep @gp", ""),
]
"""Words before Tab, and the last word completed, empty if nothing is offered; each shell asks sesh for these alike."""


def shell_of(home: Home, name: str) -> Terminal:
    """A shell with the completion loaded, at its prompt."""
    opened = home.terminal(command=[name], answers=name == "fish")
    opened.wait_for(PROMPT)
    opened.type(f"{_LOADED[name]}; echo load''ed\r")
    opened.wait_for(re.compile(rf"\nloaded\n{PROMPT}", re.DOTALL))
    return opened


def tab(opened: Terminal, typed: str, becomes: str) -> None:
    """Type a line, check its completion by Tab, and erase the line."""
    opened.type(f"{typed}\t")
    opened.wait_until(lambda: opened.screen()[opened.cursor[0]] == f"{PROMPT} {becomes}".rstrip(), becomes)
    opened.type("\x15")
    opened.wait_until(lambda: opened.screen()[opened.cursor[0]] == PROMPT, "an empty line")


@pytest.mark.long
@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes_what_may_stand_there(home: Home, shell: str) -> None:
    for name, *label in (("work", "--label", "team=web"), ("play", "--label", "note=a $(b)"), ("plan",)):
        home.sesh("open", name, *label, "--", "sleep", "600")
    os.makedirs(os.path.join(home.path, "only*"))
    home.write(".ssh/config", "Host gpubox other*\nHost=far.example.com\nInclude more/*\n")
    home.write(".ssh/more/1", "Host boxed !not\n")
    opened = shell_of(home, shell)
    for typed, becomes in OWN:
        tab(opened, typed, becomes)
    opened.type("sesh kill pla\t\t")
    opened.wait_until(lambda: {*re.findall(r"\b(pla[ny])\b", opened.text())} == {"play", "plan"}, "both")
    opened.type("\x03\x15")
    if shell == "fish":
        for words, becomes in ASKED:
            asks = {
                "_SESH_COMPLETE": "complete_fish",
                "_TYPER_COMPLETE_FISH_ACTION": "get-args",
                "_TYPER_COMPLETE_ARGS": f"sesh {words}",
            }
            offered = home.sesh(env=asks).stdout.splitlines()
            assert [line.partition("\t")[0].strip() for line in offered if line] == ([becomes] if becomes else []), (
                words
            )
