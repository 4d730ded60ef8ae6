"""`run` gives exactly the command's output and code, in any shell, prompt and width."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from sesh.daemon.shell import run
from tests.support import PROMPT, Home, need, wait_until
from tests.terminal.looking import logs

SHELLS = ("bash", "zsh", "fish", "dash", "busybox")
POSIX = ("bash", "zsh", "dash")


def opened(home: Home, shell: str, *, prompt: str | None = None, rc: str = "") -> None:
    """A session `t` with this shell, interactive."""
    if rc or prompt is not None:
        ps1 = prompt if prompt is not None else "ready> "
        home.write(".bashrc", f"PS1='{ps1}'\nunset HISTFILE PROMPT_COMMAND\n{rc}\n")
        home.write(".zshrc", f"PROMPT='{ps1}'\nunset HISTFILE\n{rc}\n")
        home.env["PS1"] = ps1
    words = {"busybox": ["busybox", "ash"]}.get(shell, [shell])
    assert home.sesh("open", "t", "--", *words).code == 0


def ran(home: Home, *words: str, timeout: float = 20) -> tuple[int, str]:
    """Return exit code and output of one run; sesh itself must print no message."""
    done = home.sesh("run", "t", "--", *words, timeout=timeout)
    assert done.stderr == ""
    return done.code, done.raw.decode("utf-8", "surrogateescape")


@pytest.fixture(params=[*SHELLS[:3], *(pytest.param(shell, marks=pytest.mark.soak) for shell in SHELLS[3:])])
def shell(request: pytest.FixtureRequest, home: Home) -> str:
    """Each shell in turn, opened as `t`."""
    name = str(request.param)
    need(name)
    opened(home, name)
    return name


def test_output_code_and_words_are_exact_until_exit_ends_the_session(home: Home, shell: str) -> None:
    for source, code, output in [
        ("echo hi", 0, "hi\n"),
        ("printf nonl", 0, "nonl"),
        ("false", 1, ""),
        ("sh -c 'exit 137'", 137, ""),
        ("printf 'a\\r\\nb\\rc\\n'", 0, "a\r\nb\rc\n"),
        ("printf '\\303\\244\\377'", 0, "ä\udcff"),
        ("printf '\\033[1mbold\\033[0m\\n'", 0, "bold\n"),
        ("seq 5000", 0, "".join(f"{number}\n" for number in range(1, 5001))),
        ("true", 0, ""),
    ]:
        assert ran(home, source) == (code, output), source
    words = ["a b", "", "it's", "$HOME", "*", "\\", '"', "ä", "-n", "two\nlines", "!!", "`id`", "#x", "~", "a=b", "\t"]
    assert ran(home, "printf", "<%s>", *words) == (0, "".join(f"<{word}>" for word in words))
    if shell == "fish":
        assert ran(home, "for x in 1 2\n  echo $x\nend\n# no more\nfalse") == (1, "1\n2\n")
    else:
        script = "for x in 1 2; do\n  echo $x\ndone\ncat <<'X'\n$y \"'\nX\n# no more\nreturn 7\necho never"
        assert ran(home, script) == (7, "1\n2\n$y \"'\n")
    assert ran(home, "echo bye; exit 3") == (3, "bye\n")
    wait_until(lambda: home.summary("t")["state"] == "exited", "the session t has ended")


def test_the_shell_keeps_what_it_was_given_takes_no_half_line_and_ctrl_c_ends_the_command_alone(
    home: Home, shell: str
) -> None:
    setting = "set -gx A five" if shell == "fish" else "export A=five"
    function = "function f; echo in $A; end" if shell == "fish" else "f() { echo in $A; }"
    for source in ("cd /usr", setting, function):
        assert ran(home, source) == (0, "")
    code, output = ran(home, "echo 'unclosed" if shell != "fish" else "echo (")
    assert code not in (0, 125)
    assert "7373" not in output
    assert ran(home, "pwd; f") == (0, "/usr\nin five\n")
    assert home.sesh("send", "t", "echo half").code == 0
    assert home.sesh("run", "t", "--json", "--", "echo hi").json()["error"]["code"] == "busy"
    assert home.sesh("send", "t", "--key", "C-u").code == 0
    process = home.start("run", "t", "--", "echo begun; sleep 60; echo never")
    wait_until(
        lambda: home.summary("t")["foreground"]["command"][-2:] == ["sleep", "60"], "sleep is in the foreground"
    )  # else the shell gets it
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out.replace(b"^C", b"").strip()) == (130, b"begun")
    assert ran(home, "echo after") == (0, "after\n")


def test_calls_come_one_after_the_other_and_a_time_limit_leaves_one_running(home: Home) -> None:
    opened(home, "bash")
    os.mkfifo(f"{home.path}/go")
    assert home.sesh("run", "t", "--no-wait", "--", "cat go; echo one").code == 0
    behind = home.start("run", "t", "--", "echo two")
    home.write("go", "")
    assert behind.communicate(timeout=30)[0] == b"two\n"
    done = home.sesh("run", "t", "--timeout", "3", "--json", "--", "echo so; cat go; echo far")
    answer = done.json()
    assert (done.code, answer["exit_code"], answer["timed_out"], answer["output"]) == (124, 124, True, "so\n")
    home.write("go", "")
    assert ran(home, "echo next") == (0, "next\n")
    assert [each["n"] for each in home.sesh("history", "t", "--json").json()] == [1, 2, 3, 4]
    assert home.sesh("history", "t", "3").stdout == "so\nfar\n"


@pytest.mark.parametrize("shell", ["bash", "dash"], indirect=True)
def test_an_end_that_the_shell_does_not_report_is_unknown_and_the_next_command_runs(home: Home, shell: str) -> None:
    done = home.sesh("run", "t", "--", "echo begun; kill -INT $$; echo never")
    assert (done.code, done.stdout.split()) == (255, ["begun"]), shell
    assert ran(home, "echo after") == (0, "after\n")
    assert [row["exit_code"] for row in home.sesh("history", "t", "--json").json()] == [None, 0]


def test_another_program_in_front_is_busy_and_what_was_refused_has_no_number(home: Home) -> None:
    opened(home, "bash", prompt="ready> ")
    assert home.sesh("send", "t", "sleep 30", "--enter").code == 0
    wait_until(lambda: in_front(home, "sleep"), "sleep is in the foreground")
    done = home.sesh("run", "t", "--json", "--", "echo", "hi")
    assert (done.code, done.json()["error"]["code"]) == (125, "busy")
    assert "sleep" in done.json()["error"]["message"]
    home.sesh("send", "t", "--key", "C-c")
    assert home.sesh("wait", "t", "--prompt").code == 0
    assert ran(home, "true") == (0, "")
    assert [row["n"] for row in home.sesh("history", "t", "--json").json()] == [1]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "dash"], indirect=True)
def test_watchers_see_the_command_as_if_typed_and_their_twenty_columns_change_nothing(home: Home, shell: str) -> None:
    terminal = home.terminal("t", columns=20, rows=6)
    wait_until(lambda: home.summary("t")["columns"] == 20, "t has 20 columns")
    words = "x" * 70
    assert ran(home, f"echo {words}") == (0, f"{words}\n")
    assert ran(home, "printf", "%s\\n", *"abc") == (0, "a\nb\nc\n")
    terminal.resize(80, 24)
    wait_until(lambda: home.summary("t")["columns"] == 80, "t has 80 columns")
    assert ran(home, "echo one\necho two") == (0, "one\ntwo\n")
    assert ran(home, "echo", "it is") == (0, "it is\n")
    wait_until(lambda: "it is" in logs(home, "t"), "t has printed 'it is'")
    log = home.sesh("logs", "t").stdout
    assert "echo one …\none\ntwo\n" in log
    assert "echo 'it is'\nit is\n" in log
    for scaffold in (".run", ".sesh-run", "7373"):
        assert scaffold not in log
    terminal.close()


@pytest.mark.parametrize("shell_name", POSIX)
def test_aliases_options_and_errors_do_not_leak_into_the_output(home: Home, shell_name: str) -> None:
    opened(home, shell_name)
    ran(home, "alias hi='echo hello'; alias printf='echo no'; alias .=false")
    assert ran(home, "hi") == (0, "hello\n")
    ran(home, "unalias printf .")
    code, output = ran(home, "${nothing:?is missing}")
    assert code not in (0, 125)
    assert "is missing" in output
    assert ran(home, f"echo x > {home.path}/missing/file")[0] in (1, 2)
    assert ran(home, "sleep 0.1 & wait; echo waited")[1].count("waited\n") == 1
    assert ran(home, "set -u") == (0, "")
    assert ran(home, "echo on") == (0, "on\n")
    code, output = ran(home, "echo $NOSUCH")
    assert code != 0
    assert code != 125
    assert "NOSUCH" in output
    assert ran(home, "set +u; set -x")[0] == 0
    code, output = ran(home, "echo traced")
    assert (code, output.splitlines()[-1]) == (0, "traced")
    assert "7373" not in output
    assert len(output.splitlines()) == 2
    ran(home, "set +x")
    assert ran(home, "echo off") == (0, "off\n")
    ran(home, "set -v")
    code, output = ran(home, "echo verbose")
    assert (code, output.splitlines()[-1]) == (0, "verbose")
    assert "7373" not in output
    ran(home, "set +v")
    assert ran(home, "set -e; false")[0] == 1
    wait_until(lambda: home.summary("t")["state"] == "exited", "the session t has ended")


def in_front(home: Home, program: str) -> bool:
    return any(program in word for word in home.summary("t")["foreground"]["command"][:1])


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("dash", "bash --norc"), ("bash", "zsh -f"), ("fish", "bash --norc")],
    ids=["dash", "bash", "fish"],
)
def test_a_shell_that_the_command_starts_takes_the_next_one_and_its_prompt_is_no_output(
    home: Home, outer: str, inner: str
) -> None:
    """The inner shell's prompt is no output, even if both prompts end alike."""
    need(outer)
    need(inner.split(maxsplit=1)[0])
    opened(home, outer, prompt="$ " if outer == "dash" else None)
    assert ran(home, "echo a") == (0, "a\n")
    begun = home.sesh("run", "t", "--ansi", "--", f"echo b; {inner}")
    assert (begun.code, begun.stdout) == (0, "b\n")
    assert ran(home, f"echo ${{{'ZSH_NAME' if 'zsh' in inner else 'BASHPID'}:+inner}}") == (0, "inner\n")
    assert ran(home, "exit 9")[0] == 9
    assert ran(home, "echo back") == (0, "back\n")


def test_each_shell_nested_in_bash(home: Home) -> None:
    opened(home, "bash")
    for inner in ("zsh", "fish", "dash"):
        need(inner)
        assert home.sesh("send", "t", inner, "--enter").code == 0
        wait_until(partial(in_front, home, inner), f"{inner} is in the foreground")
        assert ran(home, "echo in; sh -c 'exit 4'") == (4, "in\n"), inner
        left = home.sesh("run", "t", "--", "exit 6")
        assert (left.code, left.stdout) == (6 if inner == "fish" else 255, "")  # only fish reports its code
        assert ran(home, "echo out") == (0, "out\n"), inner


@pytest.mark.soak
def test_what_only_looks_like_a_prompt_is_left_first(home: Home) -> None:
    """At a secondary prompt, or in vi command mode, a typed run would do nothing."""
    opened(home, "bash", rc="set -o vi")
    assert ran(home, "true") == (0, "")
    for begun in (b"for x in 1 2; do\r", b"\x1b"):
        terminal = home.terminal("t")
        wait_until(lambda: home.summary("t")["attached"] == 1, "a terminal is attached to t")
        terminal.type(begun)
        terminal.close()
        assert ran(home, "echo hi") == (0, "hi\n")
        assert ran(home, "echo on") == (0, "on\n")


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_prompts_of_any_kind_and_the_first_is_waited_for(home: Home, name: str) -> None:
    two = "$'\\e]133;A\\a\\e[1;32mone\\e[0m\\ntwo\\e]133;B\\a> '"
    rc = f"PS1={two}" if name == "bash" else f"setopt promptsubst; PROMPT={two}; RPROMPT='right %~'"
    rc += "\nPROMPT_COMMAND='true; ls >/dev/null'" if name == "bash" else "\nprecmd() { ls >/dev/null; }"
    opened(home, name, rc=f"{rc}\nsleep 0.6; ls / | cat >/dev/null")
    for number in range(4):
        assert ran(home, f"echo {number}") == (0, f"{number}\n")


def test_the_history_of_bash_holds_nothing_of_ours(home: Home) -> None:
    opened(home, "bash")
    assert home.sesh("send", "t", "echo mine", "--enter").code == 0
    wait_until(lambda: "mine" in logs(home, "t"), "t has printed 'mine'")
    ran(home, "echo one")
    ran(home, "echo two")
    code, output = ran(home, "history")
    assert code == 0
    assert [line.split(None, 1)[1] for line in output.splitlines()] == ["echo mine"]


def test_the_history_of_zsh_holds_nothing_of_ours(home: Home) -> None:
    opened(home, "zsh", rc="HISTSIZE=100")
    assert home.sesh("send", "t", "echo mine", "--enter").code == 0
    wait_until(lambda: "mine" in logs(home, "t"), "t has printed 'mine'")
    for word in ("one", "two", "three"):
        ran(home, f"echo {word}")
    lines = [line.split(None, 1)[1] for line in ran(home, "fc -l 1")[1].splitlines()]
    assert lines == ["echo mine"]


def test_the_history_shows_the_first_of_several_lines_and_json_all(home: Home) -> None:
    """Lines joined into one would be another command; an empty history prints a hint."""
    home.sesh("open", "work")
    empty = home.sesh("history", "work")
    assert (empty.code, empty.stdout) == (0, "")
    assert "sesh shell-init bash" in empty.stderr
    command = "for i in 1 2\ndo echo $i\ndone"
    home.sesh("run", "work", "--", command)
    assert home.sesh("history", "work").stdout.endswith("s  for i in 1 2 …\n")
    assert home.sesh("history", "work", "--json").json()[0]["command"] == [command]


def test_traps_of_bash_see_the_command_alone(home: Home) -> None:
    opened(home, "bash")
    ran(home, "trap 'echo debug' DEBUG; trap 'echo err' ERR")
    code, output = ran(home, "false")
    assert code == 1
    assert "7373" not in output
    ran(home, "trap - DEBUG ERR; trap 'echo bye' EXIT")
    assert ran(home, "exit 4") == (4, "bye\n")


def test_json_tells_all_of_it_colours_stay_with_ansi_and_nothing_on_disk(home: Home) -> None:
    opened(home, "bash")
    answer = home.sesh("run", "t", "--json", "--", "printf", "a\\377").json()
    assert answer["output_base64"] == "Yf8="
    assert (answer["session"], answer["host"], answer["command"]) == ("t", None, ["printf", "a\\377"])
    assert (answer["exit_code"], answer["output"], answer["timed_out"], answer["truncated"]) == (
        0,
        "a\ufffd",
        False,
        False,
    )
    assert answer["duration"] >= 0
    done = home.sesh("run", "t", "--ansi", "--", "printf '\\033[31mred\\033]0;t\\007\\033[0m'")
    assert done.raw == b"\x1b[31mred\x1b]0;t\x07\x1b[0m"
    assert [name for name in os.listdir(home.directory) if name.endswith((".run", ".sesh-run"))] == []


def test_whole_lines_come_while_the_command_runs_without_its_trace_and_prompts(home: Home) -> None:
    """A person must see the output of a long build before its end."""
    opened(home, "bash", prompt="first\nsecond> ")
    os.mkfifo(f"{home.path}/go")
    process = home.start("run", "t", "--", "echo one; printf part; cat go; echo two; sh -c 'exit 4'")
    assert process.stdout is not None
    assert process.stdout.readline() == b"one\n"
    home.write("go", "")
    assert process.communicate(timeout=30) == (b"parttwo\n", b"")
    assert process.returncode == 4
    ran(home, "set -x")
    process = home.start("run", "t", "--", "echo one; cat go; echo two; cat go; ${nothing:?gone}")
    assert process.stdout is not None
    lines = list[bytes]()
    for word in (b"one\n", b"two\n"):
        while word not in lines:
            lines.append(process.stdout.readline())
        home.write("go", "")
    lines += process.communicate(timeout=30)[0].splitlines()
    assert process.returncode not in (0, 125)
    assert b".run" not in b"".join(lines)
    lines = [line for line in lines if line[:1] != b"+"]
    assert (lines[:2], len(lines), b"gone" in lines[2]) == ([b"one\n", b"two\n"], 3, True), lines


@pytest.mark.needs_fork("smaller bounds of an output")
def test_more_than_is_kept_comes_whole_to_who_reads(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("MAX_OUTPUT", "MAX_UNREAD"):  # 1/128 of the real bounds
        monkeypatch.setattr(run, bound, getattr(run, bound) >> 7)
    opened(home, "bash")
    lines = "for x in 1 2 3 4; do seq -f %0900g 100; sleep 0.1; done"  # the reader never falls far behind
    done = home.sesh("run", "t", "--", f"{lines}; printf '\\033[1mend\\033]0;'; printf 'title\\007'", timeout=60)
    assert (done.code, done.stderr) == (0, "")
    assert done.raw.endswith(b"0000099\n%0900d\nend" % 100)
    assert (done.raw.count(b"\n"), len(done.raw)) == (400, 400 * 901 + 3)
    answer = home.sesh("run", "t", "--json", "--", lines, timeout=60).json()
    assert (answer["truncated"], answer["output"].endswith(f"\n{100:0900}\n")) == (True, True)


def test_a_command_that_ends_its_session_is_said_to_have_done_so_and_one_that_is_killed_not(home: Home) -> None:
    """Without this message, the user learns only from the next `run` that the session ended."""
    home.sesh("open", "t")
    ended = home.sesh("run", "t", "--json", "--", "exec sh -c 'echo last; exit 5'").json()
    assert (ended["session_ended"], ended["exit_code"], ended["output"]) == (True, 5, "last\n")
    home.sesh("open", "t")
    assert "session_ended" not in home.sesh("run", "t", "--json", "--", "(exit 7)").json()
    person = home.terminal("run", "t", "--", "exit 7")
    assert person.exit_code() == 7
    person.wait_for("t has ended, and the command with it")
    home.sesh("open", "t")
    person = home.terminal("run", "t", "--", "sleep 1000")
    wait_until(lambda: in_front(home, "sleep"), "sleep is in the foreground")
    home.sesh("kill", "t")
    assert person.exit_code() == 129
    person.wait_for("t was killed, and the command with it")


def test_who_waits_for_a_command_hears_that_it_asks_something_and_those_behind_too(home: Home) -> None:
    """A waiting `run` must show the new question, not nothing or an old one."""
    home.sesh("open", "work")
    home.sesh("run", "work", "--", r"printf '\033]9;old news\a'")
    wait_until(lambda: home.summary("work")["activity"]["question"] == "old news", "work asks 'old news'")
    waiting = home.terminal("run", "work", "--", 'echo Your; printf "Name? "; read name; echo "hi $name"')
    waiting.wait_for("work waits: Name?; answer it in another terminal: sesh work")
    assert "old news" not in waiting.text()
    behind = home.terminal("run", "work", "--", 'echo "$name"')
    behind.wait_for("work waits: Name?; answer it in another terminal: sesh work")
    home.sesh("send", "work", "Ada", "--enter")
    waiting.wait_for("hi Ada")
    behind.wait_for("\nAda\n")
    assert (waiting.exit_code(), behind.exit_code()) == (0, 0)


def test_what_is_typed_ahead_beside_a_command_goes_to_the_shell_and_an_answer_to_nobody(home: Home) -> None:
    """`run` must not report an old notification, or drop what was typed ahead."""
    home.sesh("open", "work")
    home.sesh("run", "work", "--", r"printf '\033]9;old news\a'")
    wait_until(lambda: home.summary("work")["activity"]["question"] == "old news", "work asks 'old news'")
    shell = home.terminal("outer")
    shell.wait_for(PROMPT)
    shell.type("sesh run work -- 'until [ -e go ]; do sleep 0.05; done'; echo ended=$?\r")
    wait_until(lambda: home.summary("work")["activity"]["state"] == "working", "work works")
    shell.type("echo typed-a''head\r")
    home.write("go", "")
    shell.wait_for("typed-ahead")
    assert "work waits" not in shell.text()
    # A password typed while the command asks must not be run by this shell, or enter its history.
    shell.type("clear; sesh run work -- 'read name; true'; echo asked=$?\r")
    shell.wait_for("work waits")
    shell.type("echo mis''typed\r")
    home.sesh("send", "work", "Ada", "--enter")
    shell.wait_for("asked=0")
    shell.type("echo la''st\r")
    shell.wait_for("\nlast")
    assert "mistyped" not in shell.text()
    assert "what was typed here meanwhile was dropped: the command did not get it" in shell.text()


def test_tcsh_is_idle_at_its_prompt_and_a_run_there_is_refused_with_the_shells_that_it_works_in(home: Home) -> None:
    """tcsh at its prompt must not count as asking, or lose its name's first letter."""
    assert home.sesh("open", "t", "--", need("tcsh"), "-f").code == 0
    wait_until(lambda: home.summary("t")["activity"]["why"] == "prompt", "t is at its prompt")
    (row,) = home.sesh("list", "--json").json()
    assert row["activity"]["state"] == "idle"
    assert row["foreground"]["command"][0].endswith("tcsh")
    done = home.sesh("run", "t", "--", "true")
    assert (done.code, "bash, zsh, fish, dash and ash, and the shell in t is tcsh" in done.stderr) == (125, True), done


def test_the_prompt_that_is_waited_for_stands_behind_the_end_of_a_run(home: Home) -> None:
    """Input after the prompt must not count as part of the run that Ctrl-C ended."""
    opened(home, "bash", prompt="ready> ")
    assert home.sesh("run", "t", "--no-wait", "--", "sleep 50").code == 0
    wait_until(lambda: in_front(home, "sleep"), "sleep is in the foreground")
    assert home.sesh("send", "t", "--key", "C-c").code == 0
    assert home.sesh("wait", "t", "--prompt", "--timeout", "30", timeout=30).code == 0
    assert [row["exit_code"] for row in json.loads(home.sesh("history", "t", "--json").stdout)] == [130]


def test_a_command_that_runs_in_the_session_cannot_have_it_run_another(home: Home) -> None:
    """Such a `run` would wait for itself, and block every later one."""
    home.sesh("open", "work")
    inner = home.sesh("run", "work", "--timeout", "30", "--", "sesh run work -- echo inner; echo code=$?")
    assert "work runs this very command; write it there without sesh run" in inner.stdout
    assert inner.stdout.endswith("code=125\n")
    later = home.sesh("run", "work", "--", "sesh run work -- echo behind >said & echo begun")
    assert later.stdout.endswith("begun\n")
    said = Path(home.path, "said")
    wait_until(lambda: said.read_text(encoding="utf-8") == "behind\n", "the line behind has run")
