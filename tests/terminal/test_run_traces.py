"""`run` leaves nothing of its own behind: no line in the history, no mode, no message of the shell's."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.support import Home, need, wait_until
from tests.terminal.looking import screen

PROMPT = "ready> "
RC = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}
FIRST = {
    "bash": f"PS1='{PROMPT}'\nHISTFILE=~/kept\n",
    "zsh": f"PROMPT='{PROMPT}'\nHISTFILE=~/kept\nHISTSIZE=100\nSAVEHIST=100\n",
    "fish": f"set -g fish_greeting\nfunction fish_prompt; echo -n '{PROMPT}'; end\n",
}
FILE = {"bash": "kept", "zsh": "kept", "fish": ".local/share/fish/fish_history"}


def opened(home: Home, shell: str, rc: str = "") -> None:
    """A session `t` with this shell, at its prompt, with `echo mine` in its history."""
    home.write(RC[need(shell).rpartition("/")[2]], f"{FIRST[shell]}{rc}\n")
    assert home.sesh("open", "t", "--", shell).code == 0
    assert home.sesh("wait", "t", "--prompt").code == 0
    assert home.sesh("send", "t", "echo mine", "--enter").code == 0
    wait_until(lambda: "mine" in screen(home, "t").splitlines(), "t has printed 'mine'")
    assert home.sesh("wait", "t", "--prompt").code == 0


def ran(home: Home, *words: str) -> tuple[int, str]:
    done = home.sesh("run", "t", "--", *words)
    assert done.stderr == ""
    return done.code, done.stdout


def pressed(home: Home, key: str, shown: str) -> None:
    """Press a key, which makes the last row end so."""
    assert home.sesh("send", "t", "--key", key).code == 0
    wait_until(lambda: last(home).endswith(shown), f"the last row ends with {shown}, not {last(home)}")


def last(home: Home) -> str:
    return screen(home, "t").rstrip().rpartition("\n")[2]


@pytest.mark.parametrize(
    ("shell", "rc"),
    [
        ("bash", ""),
        pytest.param("bash", "HISTCONTROL=ignorespace", marks=pytest.mark.soak),
        ("bash", "shopt -s histappend; PROMPT_COMMAND='history -a'"),
        pytest.param("bash", "set -o vi; PROMPT_COMMAND='history -a; history -c; history -r'", marks=pytest.mark.soak),
        ("zsh", ""),
        pytest.param("zsh", "setopt hist_ignore_space", marks=pytest.mark.soak),
        ("zsh", "setopt share_history"),
        pytest.param("zsh", "setopt inc_append_history hist_ignore_all_dups; bindkey -v", marks=pytest.mark.soak),
        pytest.param("zsh", "bindkey -v; zshaddhistory() { return 0; }", marks=pytest.mark.soak),
        ("fish", ""),
        pytest.param("fish", "fish_vi_key_bindings", marks=pytest.mark.soak),
    ],
)
def test_up_brings_the_line_that_was_typed_last_and_no_file_has_one_of_ours(home: Home, shell: str, rc: str) -> None:
    """The first call counts: zsh writes a line to its file before it executes it."""
    opened(home, shell, rc)
    for word in ("one", "two"):
        assert ran(home, f"echo {word}") == (0, f"{word}\n")
        pressed(home, "Up", f"{PROMPT}echo mine")
        assert home.sesh("send", "t", "--key", "C-c").code == 0
        assert home.sesh("wait", "t", "--prompt").code == 0
    assert home.sesh("send", "t", "exit 3", "--enter").code == 0
    wait_until(lambda: home.summary("t")["state"] == "exited", "the session t has ended")
    kept = Path(home.path, FILE[shell]).read_text(encoding="utf-8")
    assert "mine" in kept
    assert ".run" not in kept


@pytest.mark.parametrize(
    ("shell", "rc"), [("bash", "set -o vi"), ("zsh", "bindkey -v"), ("fish", "fish_vi_key_bindings")]
)
def test_the_command_mode_of_vi_is_left_for_the_command_and_entered_again(home: Home, shell: str, rc: str) -> None:
    """In it, letters of our line were commands: they recalled a line, or ran another one."""
    opened(home, shell, rc)
    assert home.sesh("send", "t", "--key", "Escape").code == 0
    for word in ("one", "two"):
        assert ran(home, f"echo {word}") == (0, f"{word}\n")
    assert home.sesh("wait", "t", "--prompt").code == 0
    pressed(home, "k", "echo mine")
    lines = [line.replace("[I] ", "").replace("[N] ", "") for line in screen(home, "t").rstrip().splitlines()]
    typed = [PROMPT + line for line in ("echo mine", "echo one", "echo two", "echo mine")]
    assert lines == [typed[0], "mine", typed[1], "one", typed[2], "two", typed[3]]


def test_the_command_mode_of_vi_is_left_though_no_escape_was_typed(home: Home) -> None:
    """A hook, or a key of the person's choice, leads to it, too: what the mode left of our line was run."""
    opened(home, "zsh", "bindkey -v; zle-line-init() { zle -K ${mode:-main}; }; zle -N zle-line-init")
    for word in ("one", "two"):
        assert ran(home, f"mode=vicmd; echo {word}") == (0, f"{word}\n")
    assert home.sesh("wait", "t", "--prompt").code == 0
    pressed(home, "k", "echo mine")


def test_keys_that_insert_the_end_of_a_pair_do_not_change_our_line(home: Home) -> None:
    """As in zsh-autopair: blanks within brackets came in pairs, too, so our line had two ends of one bracket."""
    opened(
        home,
        "zsh",
        """
        open() { LBUFFER+='['; RBUFFER="]$RBUFFER"; }; zle -N open; bindkey '[' open
        close() { if [[ $RBUFFER[1] == ']' ]]; then (( CURSOR++ )); else LBUFFER+=']'; fi; }; zle -N close
        blank() { [[ $LBUFFER[-1]$RBUFFER[1] != '[]' ]] || RBUFFER=" $RBUFFER"; LBUFFER+=' '; }; zle -N blank
        bindkey ']' close; bindkey ' ' blank
        """,
    )
    for word in ("one", "two"):
        assert ran(home, f"echo {word}") == (0, f"{word}\n")
    assert home.sesh("wait", "t", "--prompt").code == 0
    pressed(home, "Up", "echo mine")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_an_escape_of_emacs_keys_changes_neither_the_line_nor_the_history(home: Home, shell: str) -> None:
    opened(home, shell)
    assert home.sesh("send", "t", "--key", "Escape").code == 0
    assert ran(home, "echo one") == (0, "one\n")


def test_zsh_adds_no_report_to_the_output_and_keeps_its_settings(home: Home) -> None:
    """REPORTTIME's line stood in the output of each command that used a second of the processor."""
    opened(home, "zsh", "REPORTTIME=0 REPORTMEMORY=0")
    busy = f"{shlex.quote(sys.executable)} -c 'sum(range(10**6))'"
    assert ran(home, f"{busy}; echo over") == (0, "over\n")
    assert home.sesh("send", "t", "echo $REPORTTIME $REPORTMEMORY; setopt | grep -c nocheckjobs", "--enter").code == 0
    wait_until(lambda: screen(home, "t").count("\n0 0\n0\n") == 1, "both have their values, and check_jobs is on")
    assert ran(home, "REPORTTIME=5; setopt no_check_jobs") == (0, "")
    assert home.sesh("send", "t", "echo $REPORTTIME; typeset + | grep -c kept_", "--enter").code == 0
    wait_until(lambda: "\n5\n0\n" in screen(home, "t"), "what the command set is set, and no variable is left")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_exit_ends_the_session_though_jobs_run_in_the_background(home: Home, shell: str) -> None:
    """zsh and fish refused the first `exit`: the session went on, and zsh with the rest of the command."""
    opened(home, shell)
    os.mkfifo(f"{home.path}/go")
    assert ran(home, "sh -c 'trap \"\" HUP; read line <go' &")[0] == 0  # lives on until then
    done = home.sesh("run", "t", "--", "exit 3; echo never")
    assert done.code == 3
    assert "never" not in done.stdout
    wait_until(lambda: home.summary("t")["state"] == "exited", "the session t has ended")
    home.write("go", "")


def test_ctrl_c_leaves_the_jobs_of_fish_alone(home: Home) -> None:
    opened(home, "fish")
    assert ran(home, "sleep 60 &")[0] == 0
    interrupted = home.start("run", "t", "--", "cat; echo never")
    wait_until(lambda: in_front(home, "cat"), "cat is in the foreground")
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.communicate(timeout=60)[0].replace(b"^C", b"").strip() == b""
    assert ran(home, "count (jobs -p)") == (0, "1\n")
    assert ran(home, "kill %1")[0] == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_is_no_shell_source_is_an_error_and_the_shell_lives(home: Home, shell: str) -> None:
    """bash 5.2 writes outside its memory for a sourced file with an unfinished substitution."""
    opened(home, shell)
    assert ran(home, "set -g x 1" if shell == "fish" else "x=1") == (0, "")
    for text in ("echo $(x", "echo '", 'echo "', "echo )", "for f in $(ls; do", "`", "echo $(echo 'a"):
        code, output = ran(home, text)
        assert code not in (0, 125, 255), (text, code, output)
        assert not [trace for trace in ("7373", ".run", "builtin") if trace in output], output
    if shell != "fish":
        code, output = ran(home, "cat <<X\na $x")
        assert (code, output.splitlines()[-1]) == (0, "a 1")
    assert ran(home, "echo $x") == (0, "1\n")


def test_a_command_in_bash_sees_what_a_typed_one_would(home: Home) -> None:
    opened(home, "bash")
    script = "alias x='echo of an alias'\nx\necho $LINENO $1\ndeclare y=2\nreturn 3\necho never"
    assert ran(home, script) == (3, "of an alias\n3\n")
    assert ran(home, "echo $y; nosuch")[1].splitlines() == ["2", "bash: nosuch: command not found"]
    code, output = ran(home, 'echo "<$_>"')
    assert (code, output[:1], "7373" in output) == (0, "<", False)
    assert ran(home, "echo )")[1].splitlines()[1:] == ["bash: eval: line 1: `echo )'"]
    assert "7373" not in screen(home, "t")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_neither_aliases_nor_functions_nor_options_of_a_person_change_a_call(home: Home, shell: str) -> None:
    if shell == "fish":
        rc = "function cat; echo mine; end; function printf; echo mine; end; function test; false; end"
    else:
        rc = "alias cat='echo mine' builtin='echo mine' eval='echo mine'; IFS=/x.; set -o noclobber; set -u\n"
        rc += "".join(f"{name}() {{ echo mine; }}\n" for name in ("printf", "history", "cat", "command", "eval"))
        rc += "function [ { false; }\nfunction . { false; }\n"
    opened(home, shell, rc)
    assert ran(home, "echo one") == (0, "one\n")
    assert ran(home, "sh -c 'exit 7'") == (7, "")
    pressed(home, "Up", "echo mine")


@pytest.mark.parametrize(
    "rc",
    [
        "set -o posix; set -e",
        pytest.param("shopt -u expand_aliases", marks=pytest.mark.soak),
        pytest.param("set +o history", marks=pytest.mark.soak),
    ],
)
def test_each_mode_of_bash_gives_the_same(home: Home, rc: str) -> None:
    opened(home, "bash", rc)
    assert ran(home, "echo one\necho two") == (0, "one\ntwo\n")
    assert ran(home, "true; (exit 7) || echo seven") == (0, "seven\n")
    if "history" not in rc:
        pressed(home, "Up", "echo mine")


@pytest.mark.parametrize("name", ["mksh", "nu"])
def test_a_shell_that_run_does_not_know_is_refused_with_that_reason(home: Home, name: str) -> None:
    """A stand-in has its name. `wait for it to end` was a wait for ever."""
    os.symlink(need("cat"), Path(home.path, name))
    assert home.sesh("open", "t", "--", f"{home.path}/{name}").code == 0
    done = home.sesh("run", "t", "--json", "--", "echo", "hi")
    assert (done.code, done.json()["error"]["code"]) == (125, "refused")
    reason = f"sesh run works in bash, zsh, fish, dash and ash, and the shell in t is {name}"
    assert done.json()["error"]["message"].startswith(reason)


@pytest.mark.parametrize(
    ("shell", "rc"),
    [("bash", "PROMPT_COMMAND='sleep 0.6'"), pytest.param("zsh", "precmd() { sleep 0.6 }", marks=pytest.mark.soak)],
)
def test_a_run_waits_for_the_programs_that_make_the_prompt_behind_the_one_before(
    home: Home, shell: str, rc: str
) -> None:
    """They were taken for another program: the second of two calls was refused after 0.3 s."""
    opened(home, shell, rc)
    assert [ran(home, f"echo {number}") for number in range(3)] == [(0, f"{number}\n") for number in range(3)]


def test_nobody_is_told_to_wait_for_a_program_with_which_the_session_ends(home: Home) -> None:
    """It may be a shell whose name sesh does not know. A script of a shell may end in a shell."""
    assert home.sesh("open", "t", "--", need("cat")).code == 0
    assert home.sesh("open", "s", "--", "sh", "-c", "cat; exec bash").code == 0
    program, script = (home.sesh("run", name, "--json", "--", "true").json()["error"] for name in ("t", "s"))
    assert (program["code"], script["code"]) == ("busy", "busy")
    assert "bash, zsh, fish, dash and ash, and t runs cat" in program["message"]
    assert "wait for it to end" in script["message"]


def in_front(home: Home, program: str) -> bool:
    return bool(home.summary("t")["foreground"]["command"][:1] == [program])


def test_callers_that_are_killed_at_any_moment_hold_nobody_up(home: Home) -> None:
    opened(home, "bash")
    os.mkfifo(f"{home.path}/go")
    running = home.start("run", "t", "--", "echo begun; cat go; echo so >far")
    wait_until(partial(in_front, home, "cat"), "cat is in the foreground")
    waiting = [home.start("run", "t", "--", f"echo {number} >>never") for number in range(2)]
    behind = home.start("run", "t", "--", "echo behind")
    for process in (*waiting, running):
        process.kill()
        process.wait()
    home.write("go", "")
    assert behind.communicate(timeout=60)[0] == b"behind\n"
    assert Path(home.path, "far").read_text(encoding="utf-8") == "so\n"


@pytest.mark.parametrize(
    "rc",
    [
        pytest.param("bindkey -r '^X*'", marks=pytest.mark.soak),
        pytest.param("bindkey -r '^X*'; bindkey -r '^G'", marks=pytest.mark.soak),
        "setopt no_bare_glob_qual",
    ],
)
def test_zsh_whose_keys_expand_nothing_runs_the_command_all_the_same(home: Home, rc: str) -> None:
    """The word that keeps our lines out of the history was not expanded, and must not stay in the line."""
    opened(home, "zsh", rc)
    given_up = home.sesh("run", "t", "--timeout", "0.1", "--", "echo never")
    assert given_up.code in (0, 124)
    assert home.sesh("wait", "t", "--prompt").code == 0
    assert ran(home, "echo one") == (0, "one\n")
    assert ran(home, "echo two") == (0, "two\n")
    assert "hook.run" not in screen(home, "t")
