"""`python -m bench.run_matrix [SHELL…]` prints which features of `sesh --run` work in which shell.

A case gets a session with a live shell, in its own home directory, and raises AssertionError if it does not work.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable

from tests.support import Home, processes, wait_until

SHELLS = {
    "bash": ["bash"],
    "zsh": ["zsh", "-o", "histignorespace"],
    "fish": ["fish"],
    "dash": ["dash"],
    "ash": ["busybox", "ash"],
}
CASES: dict[str, Case] = {}
Case = Callable[["Live"], None]
_QUOTES = ["a b", "", "it's", "$HOME", "*", "\\", '"', "ä", "-n", "two\nlines", "!!", "`id`", "#x", "~", "a=b", "\t"]
_PROMPTS = {
    "two": {
        "bash": "PS1=$'\\e[1;32mone\\e[0m\\ntwo> '",
        "zsh": "PROMPT=$'%F{green}one%f\\ntwo> '",
        "fish": "function fish_prompt; set_color green; echo one; set_color normal; echo -n 'two> '; end",
        "sh": "PS1='one\ntwo> '",
    },
    "right": {
        "zsh": "PROMPT='> '; RPROMPT='%F{red}%~ %T%f'",
        "fish": "function fish_right_prompt; set_color red; pwd; set_color normal; end",
    },
    "starship": {
        "bash": "PROMPT_COMMAND='s=$?; sleep 0.05; PS1=\"\\[\\e[1;34m\\]~/x \\[\\e[0m\\]on \\[\\e[35m\\]main "
        "\\[\\e[0m\\][$s] \\n❯ \"'",
        "zsh": "setopt promptsubst; precmd() { sleep 0.05; }; PROMPT=$'\\n%F{blue}~/x%f on %F{magenta}main%f\\n❯ '; "
        "RPROMPT='took 1s'",
        "fish": "function fish_prompt; sleep 0.05; echo; echo -s (set_color blue) '~/x' (set_color normal) ' on main'; "
        "echo -n '❯ '; end",
        "sh": "PS1='$(sleep 0.05; echo x) ❯ '",
    },
    "marks": {
        "bash": "PS1='\\[\\e]133;A\\a\\]> \\[\\e]133;B\\a\\]'; PS0='\\e]133;C\\a'; "
        "PROMPT_COMMAND='printf \"\\e]133;D;$?\\a\"'",
        "zsh": "precmd() { print -n \"\\e]133;D;$?\\a\\e]133;A\\a\"; }; preexec() { print -n '\\e]133;C\\a'; }; "
        "PROMPT=$'> %{\\e]133;B\\a%}'",
        "fish": "function fish_prompt; printf '\\e]133;A\\a> \\e]133;B\\a'; end; "
        "function pre --on-event fish_preexec; printf '\\e]133;C\\a'; end",
    },
}


class Live:
    """One session `t` with a live shell."""

    def __init__(self, home: Home, shell: str) -> None:
        self.home, self.shell = home, shell
        self.fish = shell == "fish"

    def open(self, rc: str = "") -> None:
        """The session, its shell set up by some lines of its own."""
        for name in (".bashrc", ".zshrc", ".config/fish/config.fish", ".shrc"):
            path = os.path.join(self.home.path, name)
            before = ""
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    before = file.read()
            self.home.write(name, f"{before}{rc}\n")
        self.home.env["ENV"] = os.path.join(self.home.path, ".shrc")
        done = self.home.sesh("--open", "t", "--", *SHELLS[self.shell])
        assert done.code == 0, done.stderr

    def run(self, *words: str, options: tuple[str, ...] = ()) -> tuple[int, bytes]:
        """Exit code and output of one run."""
        done = self.home.sesh("--run", "t", *options, "--", *words, timeout=60)
        assert not done.stderr, done.stderr
        return done.code, done.raw

    def is_(self, source: str, code: int, output: bytes | str) -> None:
        """Asserts what a run gives."""
        expected = (code, output.encode() if isinstance(output, str) else output)
        got = self.run(source)
        assert got == expected, f"{source!r}: {got!r:.200}"


def front(t: Live) -> str:
    """The program in the foreground."""
    foreground = t.home.sesh("--status", "t", "--json").json()["foreground"] or {}
    return str((foreground.get("command") or [""])[0])


def case(name: str) -> Callable[[Case], Case]:
    """Puts a case into the table."""

    def put(doer: Case) -> Case:
        CASES[name] = doer
        return doer

    return put


@case("output byte for byte: UTF-8, CR, no final newline")
def _bytes(t: Live) -> None:
    t.open()
    for text in ("hi\n", "no newline", "ä€😀\n", "a\r\nb\rc\n", "\t\b\x7f\n", "\n\n\n", ""):
        t.home.write("text", text)
        t.is_("cat text", 0, text)


@case("64 KiB of random bytes without NUL (`--ansi`)")
def _binary(t: Live) -> None:
    t.open()
    data = bytes(byte or 1 for byte in random.Random(7).randbytes(1 << 16))
    t.home.write("data", data)
    assert t.run("cat data", options=("--ansi",)) == (0, data)


@case("10 MB")
def _large(t: Live) -> None:
    t.open()
    data = b"".join(b"line %d of many, and then some more\n" % number for number in range(280_000))
    t.home.write("data", data)
    code, got = t.run("cat data")
    assert (code, hashlib.sha256(got).digest()) == (0, hashlib.sha256(data).digest())


@case("colours only with `--ansi`")
def _colours(t: Live) -> None:
    t.open()
    t.is_("printf '\\033[1;31mred\\033[0m\\n'", 0, "red\n")
    assert t.run("printf '\\033[1;31mred\\033[0m\\n'", options=("--ansi",)) == (0, b"\x1b[1;31mred\x1b[0m\n")


@case("exit codes: 0, 1, 7, 126, 127, 137")
def _codes(t: Live) -> None:
    t.open()
    for code in (0, 1, 7, 126, 127, 137):
        t.is_(f"sh -c 'exit {code}'", code, "")


@case("words with quotes of all kinds")
def _words(t: Live) -> None:
    t.open()
    assert t.run("printf", "<%s>", *_QUOTES) == (0, "".join(f"<{word}>" for word in _QUOTES).encode())


@case("scripts of several lines, here-documents")
def _scripts(t: Live) -> None:
    t.open()
    if t.fish:
        t.is_("for x in a 'b c'\n  echo \"<$x>\"\nend\nif true\n  echo 'it''s'\nend", 0, "<a>\n<b c>\nits\n")
        return
    t.is_(
        "for x in a 'b c'; do\n  echo \"<$x>\"\ndone\ncat <<'END'\n$no `x` \"q\"\nEND\n", 0, '<a>\n<b c>\n$no `x` "q"\n'
    )


@case("a syntax error is reported, and nothing hangs")
def _syntax(t: Live) -> None:
    t.open()
    code, _ = t.run("echo (" if t.fish else "echo 'unclosed")
    assert code not in (0, 125), code
    t.is_("echo on", 0, "on\n")


@case("cd, export, functions persist")
def _persists(t: Live) -> None:
    t.open()
    t.is_("cd /usr", 0, "")
    t.is_("set -gx A five" if t.fish else "export A=five", 0, "")
    t.is_("function f; echo in $A; end" if t.fish else "f() { echo in $A; }", 0, "")
    t.is_("pwd; f; sh -c 'echo $A'", 0, "/usr\nin five\nfive\n")


@case("an activated venv persists")
def _venv(t: Live) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", f"{t.home.path}/v"], check=True)
    t.open()
    t.is_("source v/bin/activate.fish" if t.fish else ". v/bin/activate", 0, "")
    t.is_("command -v python", 0, f"{t.home.path}/v/bin/python\n")


@case("`exit 3` ends the session and returns 3")
def _exit(t: Live) -> None:
    t.open()
    t.is_("echo bye; exit 3", 3, "bye\n")
    wait_until(lambda: t.home.names() == [])


@case("a prompt of two lines")
def _two(t: Live) -> None:
    _prompted(t, "two")


@case("a right-hand prompt")
def _right(t: Live) -> None:
    _prompted(t, "right")


@case("a slow, coloured prompt like starship's")
def _starship(t: Live) -> None:
    _prompted(t, "starship")


@case("a prompt with shell integration marks (OSC 133)")
def _marks(t: Live) -> None:
    _prompted(t, "marks")


@case("sesh's own integration (`--shell-init`)")
def _integrated(t: Live) -> None:
    if t.shell not in ("bash", "zsh", "fish"):
        raise NoSuchThing
    script = t.home.sesh("--shell-init", t.shell).stdout
    assert "133" in script
    t.open(script)
    for number in range(4):
        t.is_(f"printf {number}", 0, str(number))
    t.is_("sh -c 'exit 5'", 5, "")
    assert t.home.sesh("--send", "t", "echo typed", "--enter").code == 0
    assert t.home.sesh("--wait", "t", "--for", "^typed", "--timeout", "10").code == 0
    t.is_("echo on", 0, "on\n")
    commands = [" ".join(each["command"]) for each in t.home.sesh("--history", "t", "--json").json()]
    assert commands[-3:] == ["sh -c 'exit 5'", "echo typed", "echo on"], commands


def _prompted(t: Live, kind: str) -> None:
    kinds = _PROMPTS[kind]
    rc = kinds.get(t.shell) or kinds.get("sh")
    if rc is None:
        raise NoSuchThing
    t.open(rc)
    for number in range(4):
        t.is_(f"printf {number}", 0, str(number))
    t.is_("sh -c 'exit 5'", 5, "")


class NoSuchThing(Exception):
    """The shell has nothing of the kind."""


@case("20 columns")
def _narrow(t: Live) -> None:
    t.open()
    terminal = t.home.terminal("t", columns=20, rows=6)
    wait_until(lambda: t.home.sesh("--status", "t", "--json").json()["columns"] == 20)
    t.is_(f"echo {'x' * 70}", 0, f"{'x' * 70}\n")
    terminal.close()


@case("`set -x`: traces the command, and nothing of sesh")
def _trace(t: Live) -> None:
    t.open()
    if t.fish:
        t.is_("set -g fish_trace 1", 0, "")
        code, output = t.run("echo traced")
        assert (code, b"traced\n" in output, b"7373" in output, b".run" in output) == (0, True, False, False), output
        return
    t.run("set -x")
    code, output = t.run("echo traced")
    lines = output.decode().splitlines()
    assert (code, lines[-1], len(lines)) == (0, "traced", 2), output
    t.run("set +x")
    t.is_("echo off", 0, "off\n")


@case("`set -e`: the shell ends, and its code is returned")
def _errexit(t: Live) -> None:
    if t.fish:
        raise NoSuchThing
    t.open()
    t.is_("set -e; echo one; sh -c 'exit 4'; echo two", 4, "one\n")
    wait_until(lambda: t.home.names() == [])


@case("`set -u`, `${x:?}`: an error, and the shell goes on")
def _nounset(t: Live) -> None:
    if t.fish:
        raise NoSuchThing
    t.open()
    code, output = t.run("${nothing:?is missing}")
    assert (code not in (0, 125), b"is missing" in output) == (True, True), (code, output)
    t.run("set -u")
    code, _ = t.run("echo $NOSUCH")
    assert code not in (0, 125), code
    t.run("set +u")
    t.is_("echo on", 0, "on\n")


@case("aliases, also of commands that sesh itself uses")
def _aliases(t: Live) -> None:
    t.open()
    t.run("alias hi='echo hello'; alias printf='echo no'" + ("" if t.fish else "; alias .=false"))
    t.is_("hi", 0, "hello\n")


@case("an EXIT trap runs when the shell ends, not before")
def _exit_trap(t: Live) -> None:
    t.open()
    trap = "trap 'echo bye >trapped' EXIT"
    t.is_(trap, 0, "")
    t.is_("echo one", 0, "one\n")
    assert not os.path.exists(f"{t.home.path}/trapped")
    assert t.run("exit 2")[0] == 2
    wait_until(lambda: os.path.exists(f"{t.home.path}/trapped"))


@case("an ERR trap runs once for a failing command")
def _err_trap(t: Live) -> None:
    if t.shell not in ("bash", "zsh"):
        raise NoSuchThing
    t.open()
    t.is_("trap 'echo failed' ERR", 0, "")
    t.is_("false", 1, "failed\n")


@case("a DEBUG trap sees the command, and nothing of sesh")
def _debug_trap(t: Live) -> None:
    if t.shell not in ("bash", "zsh"):
        raise NoSuchThing
    t.open()
    t.run("trap 'echo debug >&2' DEBUG")
    code, output = t.run("echo one")
    assert (code, output.count(b"debug"), output.endswith(b"one\n")) == (0, 1, True), output


@case("a command that reads input gets it from `--send`")
def _reads(t: Live) -> None:
    t.open()
    running = t.home.start("--run", "t", "--", "sh -c 'read line; echo got $line'")
    wait_until(
        lambda: (t.home.sesh("--status", "t", "--json").json()["foreground"] or {}).get("command", [""])[0] == "sh"
    )
    assert t.home.sesh("--send", "t", "this", "--enter").code == 0
    out, _ = running.communicate(timeout=20)
    assert (running.returncode, out) == (0, b"this\ngot this\n"), out


@case("the shell's history contains nothing of sesh")
def _history(t: Live) -> None:
    t.open("set -g fish_history matrix" if t.fish else "HISTSIZE=100")
    assert t.home.sesh("--send", "t", "echo mine", "--enter").code == 0
    assert t.home.sesh("--wait", "t", "--for", "^mine", "--timeout", "10").code == 0
    for number in range(5):
        t.is_(f"echo {number}", 0, f"{number}\n")
    lists = {"fish": "history search", "zsh": "fc -l 1", "dash": "fc -l 1 2>/dev/null"}
    _, output = t.run(lists.get(t.shell, "history"))
    assert b".run" not in output, output
    assert t.shell == "dash" or b"echo mine" in output, output


@case("calls run in order")
def _order(t: Live) -> None:
    t.open()
    t.is_("true", 0, "")
    daemon = t.home.sesh("--status", "t", "--json").json()["daemon_pid"]
    t.home.write("first", "while [ ! -e go ]; do sleep 0.02; done\n")
    calls = []
    for number in range(4):
        calls.append(t.home.start("--run", "t", "--", f"sh first; echo {number} >>order"))
        wait_until(lambda: processes.connections(daemon) == len(calls), what="the call is there")
    t.home.write("go", "")
    assert [call.wait(20) for call in calls] == [0] * 4
    t.is_("cat order", 0, "0\n1\n2\n3\n")


@case("`busy` names the program in the foreground")
def _busy(t: Live) -> None:
    t.open()
    assert t.home.sesh("--send", "t", "sleep 30", "--enter").code == 0
    wait_until(lambda: front(t) == "sleep")
    done = t.home.sesh("--run", "t", "--json", "--", "echo")
    error = done.json()["error"]
    assert (done.code, error["code"], "sleep" in error["message"]) == (125, "busy", True), error


@case("Ctrl-C in the caller: 130, and the shell goes on")
def _interrupt(t: Live) -> None:
    t.open()
    call = t.home.start("--run", "t", "--", "sleep 60; echo never")
    wait_until(lambda: front(t) == "sleep")
    call.send_signal(signal.SIGINT)
    out, _ = call.communicate(timeout=15)
    assert (call.returncode, b"never" in out) == (130, False), (call.returncode, out)
    t.is_("echo on", 0, "on\n")


@case("`--timeout`: 124, it goes on; `--wait --prompt`; the next call")
def _timeout(t: Live) -> None:
    t.open()
    done = t.home.sesh("--run", "t", "--timeout", "0.4", "--json", "--", "echo so; sleep 1; echo far")
    answer = done.json()
    assert (done.code, answer["timed_out"], answer["output"]) == (124, True, "so\n"), answer
    assert t.home.sesh("--wait", "t", "--prompt", "--timeout", "10").code == 0
    assert t.home.sesh("--history", "t", "1").stdout == "so\nfar\n"
    t.is_("echo next", 0, "next\n")


@case("attached clients see the command as if typed")
def _watched(t: Live) -> None:
    t.open()
    t.is_("echo one", 0, "one\n")
    wait_until(lambda: "\none\n" in t.home.sesh("--logs", "t").stdout)
    log = t.home.sesh("--logs", "t").stdout
    assert "echo one\none\n" in log, log
    assert not any(ours in log for ours in (".run", ".sesh-run", "7373")), log


@case("inside each of the other shells")
def _nested(t: Live) -> None:
    t.open()
    for inner, words in SHELLS.items():
        if inner == t.shell or shutil.which(words[0]) is None:
            continue
        assert t.home.sesh("--send", "t", " ".join(words), "--enter").code == 0
        wait_until(
            lambda word=words[0]: word in t.home.sesh("--status", "t", "--json").json()["foreground"]["command"][0]  # type: ignore[misc]
        )
        t.is_("echo in; sh -c 'exit 4'", 4, "in\n")
        assert t.home.sesh("--run", "t", "--", "exit 6", timeout=60).code == (6 if inner == "fish" else 255)
        t.is_("echo out", 0, "out\n")


def held(doer: Case, shell: str) -> tuple[str, str]:
    """`yes`, `no` or `-` for one case, and why not."""
    home = Home()
    home.strict = False
    try:
        doer(Live(home, shell))
    except NoSuchThing:
        return "-", ""
    except (AssertionError, subprocess.SubprocessError, json.JSONDecodeError, KeyError) as error:
        return "no", " ".join(str(error).split())[:300]
    finally:
        home.close()
    return "yes", ""


def main(wanted: list[str]) -> int:
    """Prints the table, then what does not hold; the number of these."""
    shells = [shell for shell in SHELLS if (not wanted or shell in wanted) and shutil.which(SHELLS[shell][0])]
    print("| | " + " | ".join(shells) + " |\n|---|" + "---|" * len(shells), flush=True)
    wrong = []
    for name, doer in CASES.items():
        row = []
        for shell in shells:
            verdict, why = held(doer, shell)
            row.append(verdict)
            wrong += [f"{shell}, {name}: {why}"] if why else []
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    print("\n".join(["", *wrong]))
    return len(wrong)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
