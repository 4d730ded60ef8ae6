"""The shims are found first in PATH, whatever the startup files of a shell do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sesh.desktop.variables import ONCE
from tests.support import PROMPT, Home, need
from tests.support.tools import ROOT

RESET = "PATH=/usr/bin:/bin\n"
FORMS = {
    "": ("", None),
    'PROMPT_COMMAND="$PROMPT_COMMAND; echo hook $?"': ("hook 0", "echo hook 0"),
    'PROMPT_COMMAND="echo hook $?; $PROMPT_COMMAND"': ("hook 0", "echo hook 0; :"),
    "PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND$'\\n'}'echo hook $?'": ("hook 3", "echo hook $?"),
    'PROMPT_COMMAND="echo a; ${PROMPT_COMMAND:-:}; echo b"': ("a\nb", "echo a; :; echo b"),
    "PROMPT_COMMAND+=('echo hook $?')": ("hook 3", ""),
}
"""What a startup file does with PROMPT_COMMAND; what is then printed after `(exit 3)`, and what is left of it."""


def bash(home: Path, rc: str, commands: str) -> list[str]:
    """Return what a bash login shell prints after its startup file, in a session."""
    shims = home / "s/bin"
    shims.mkdir(parents=True)
    (shims / ".sesh").touch()
    (home / ".bash_profile").write_text(f"{RESET}PS1= PS2=\n{rc}\n")
    variables = {"HOME": str(home), "SESH_ENV_FILE": f"{home}/s/.env.0", "PROMPT_COMMAND": ONCE, "PATH": "/bin"}
    done = subprocess.run(
        [need("bash"), "--login", "-i"],
        input=commands,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout.replace(str(home), "~").splitlines()


@pytest.mark.parametrize("rc", FORMS)
def test_a_login_shell_of_bash_puts_them_back_once(tmp_path: Path, rc: str) -> None:
    printed, left = FORMS[rc]
    said = bash(
        tmp_path,
        rc,
        'echo "<$PATH"\n(exit 3)\necho "<"; echo "<${PROMPT_COMMAND-none}"; set | sed -n s/^__sesh/\\</p\n',
    )
    shown = "\n".join(said).partition("<~/s/bin:/usr/bin:/bin")[2].partition("\n<\n")[0]
    assert shown.endswith(printed)
    assert f"<{'none' if left is None else left}" in said
    assert not [row for row in said if row.startswith("<_")]


def test_a_variable_of_the_startup_file_s_own_stays(tmp_path: Path) -> None:
    said = bash(tmp_path, "PROMPT_COMMAND='echo hook'", 'echo "<$PROMPT_COMMAND"\n')
    assert said[:2] == ["hook", "<echo hook"]


@pytest.mark.parametrize("rc", FORMS)
def test_the_integration_of_bash_does_it_at_once(tmp_path: Path, rc: str) -> None:
    init = f'eval "$(cat {ROOT}/completions/init.bash)"'
    said = bash(tmp_path, f'{rc}\n{init}\necho "<$PATH"; echo "<${{PROMPT_COMMAND[*]}}"', "")
    assert "<~/s/bin:/usr/bin:/bin" in said
    assert not [row for row in said if "sesh-begin" in row]
    assert rc == "" or [row for row in said if "echo" in row]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_integration_puts_them_first(tmp_path: Path, shell: str) -> None:
    shims = tmp_path / "bin"
    shims.mkdir()
    source = f"{RESET}source {ROOT}/completions/init.zsh\n"
    if shell == "fish":
        source = f"set -gx PATH /usr/bin /bin\nsource {ROOT}/completions/init.fish\n"
    show = "string join : $PATH" if shell == "fish" else "print $PATH"
    words = [need(shell), *(["-f"] if shell == "zsh" else ["--no-config"]), "-i", "-c", f"{source}{show}"]
    if shell == "zsh":
        source = source.replace("source", "unset ZSH_EXECUTION_STRING; source")
        words[-1] = f"{source}{show}"
    variables = {"HOME": str(tmp_path), "SESH_ENV_FILE": f"{tmp_path}/.env.0", "PATH": "/bin", "TERM": "dumb"}

    def path() -> str:
        done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.strip().splitlines()[-1].replace(str(tmp_path), "~")

    assert path() == "/usr/bin:/bin", "there are none"
    (shims / ".sesh").touch()
    assert path() == "~/bin:/usr/bin:/bin"


def test_where_they_are_lost_the_first_paste_key_says_the_line_to_add(home: Home) -> None:
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    terminal.type("clear; PATH=/usr/bin:/bin sh -c 'echo lo\"\"st; read line'\r")
    terminal.wait_for("lost")
    terminal.type("\x16")
    terminal.wait_for('no clipboard in sh; end ~/.bashrc with: eval "$(sesh shell-init bash)"')
