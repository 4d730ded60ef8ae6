"""An error is one line with codes, cause and remedy, in JSON too.

Each kind of error is listed once, with the words (`gist`) that its message must contain, so that the wording may
change. Errors in the command line itself are tested in `unit/cli/test_usage.py`.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support import PROMPT, Home, Sesh, processes, wait_until
from tests.terminal.looking import screen

MAX_ERROR = 240
"""The most characters of an error with its hint."""
FOREIGN = re.compile(
    r"(?i:^error:|usage:|\btry ['\"])|Traceback|\bNone\b|\w(?:Error|Exception)\b|\bobject at\b|\[Errno"
)
"""Words that no person should read: those of Python, and the frame that typer puts around its errors."""
SETTINGS = """
[remotes.bare]
via = "env -i PATH=/usr/bin:/bin HOME=/nonexistent"
[remotes.gone]
via = "/no/program"
"""
ERRORS = {
    (2, "usage"): [
        ("import bytes.json", "bytes.json, not JSON"),
        ("--nope", "--nope, sesh --help"),
        ("exec 'make all'", "no command, sesh exec NAME -- CMD"),
        ("--kil w", "--kil, sesh --help"),
    ],
    (2, "invalid_name"): [("kill .bad", ".bad, not a valid session name, letters")],
    (2, "invalid_host"): [("@-x list", "-x, not a host, [user@]host")],
    (1, "not_found"): [
        ("kill nosuch", "no session nosuch, `sesh`"),
        ("status idel", "no session idel, did you mean idle?"),
        ("wait --label a=b", "no running or exited session, label a=b, list"),
        ("history w 99", "w, no command 99, history w"),
        ("-", "no previous session, `sesh`"),
        ("forget @box", "@box, known"),
        ("send lost x", "lost, daemon died, open lost, kill lost"),
        ("screen lost", "lost, daemon died, open lost"),
    ],
    (1, "exists"): [
        ("new w -d", "w, runs, --join, --kill-old, --new-name"),
        ("new kept -d", "kept, ended, --kill-old"),
        ("new lost -d", "lost, daemon died, --kill-old"),
        ("open kept", "kept, ended, kill kept"),
        ("rename idle w", "w, runs, another name"),
        ("rename idle lost", "lost, daemon died, kill lost"),
    ],
    (1, "refused"): [
        ("kil", "no session kil, sesh kill?, sesh -A kil"),
        ("kil .", "no session kil, sesh kill?, sesh -A kil"),  # DIR may be meant as the verb's NAME
        ("w", "terminal, screen w, send w"),
        ("@gone -", "terminal, sesh @gone open NAME"),
        ("pick", "pick, terminal, list"),
        ("next", "next, terminal, list"),
        ("open new nodir", "no directory nodir, new session, --"),
        ("state waiting", "inside a session, hook"),
        ("send kept x", "kept, ended"),
        ("wait kept --prompt", "kept, ended, 3, condition"),
        ("import nofile", "nofile, read, export"),
        ("SESH_DIR=/etc/passwd list", "/etc/passwd, not a directory, SESH_DIR"),
        ("SESH_DIR=/tmp list", "/tmp, other user, SESH_DIR"),  # of root: "accessible to other users"
        ("SESH_DIR=/proc/nodir open new", "/proc/nodir, create, SESH_DIR"),
    ],
    (1, "unreachable"): [
        ("@127.0.0.1:1 list", "127.0.0.1:1, refused"),
        ("SESH_PERSIST=x @127.0.0.1:1 list", "SESH_PERSIST=x"),
        ("@gone list", "/no/program, via, gone, config.toml"),
        ("SESH_SSH=/no/ssh @box list", "SESH_SSH, /no/ssh"),
        ("SESH_SSH=/etc/passwd @box list", "SESH_SSH, /etc/passwd"),
    ],
    (1, "not_deployed"): [("@bare list", "bare, no sesh, sesh deploy @bare")],
    (125, "not_found"): [
        ("run nosuch -- true", "no session nosuch, sesh exec nosuch -- true"),
        ("run lost -- true", "lost, daemon died, open lost"),
    ],
    (125, "busy"): [
        ("run half -- true", "half, unfinished line, sesh send half --key C-c"),
        ("run python -- true", "python, send"),
    ],
    (125, "exists"): [
        ("exec kept -- true", "kept, ended, kill kept"),
        ("exec lost -- true", "lost, daemon died, kill lost"),
        ("exec w -- true", "w runs, sesh run w -- true"),
    ],
    (125, "refused"): [
        ("run kept -- true", "kept, ended"),
        ("exec -C nodir -- true", "no directory nodir"),
    ],
    (125, "unreachable"): [("@gone exec -- true", "/no/program, via, gone, config.toml")],
    (125, "not_deployed"): [("@bare exec -- true", "bare, sesh deploy @bare")],
    (127, "not_found"): [
        ("exec -- nosuch", "nosuch, not found, PATH"),
        ("open new -- nosuch", "nosuch, not found, PATH"),
        ("new new -d -- 'a|b'", "a|b, not found, sh -c"),
        ("exec -- exit 3", "exit, command not found"),
    ],
    (126, "refused"): [
        ("exec -- /etc/passwd", "/etc/passwd, execute"),
        ("open new -- /etc", "/etc, execute, a directory"),
    ],
    (124, "timeout"): [
        ("wait w --for nomatch --timeout 0.1", "w, no condition, 0.1 s, screen w"),
        ("wait w --exit --timeout 0.1", "w, no condition, 0.1 s, runs on, screen w"),
        ("wait python --prompt --timeout 0.1", "python, no condition, screen python"),
        ("wait w --waiting --timeout 0.1", "w, no condition, screen w"),
        ("wait w --exit --waiting --timeout 0.1", "w, no condition, screen w"),
        ("run reads --timeout 1 -- true", "reads, no shell, did not run"),
    ],
    (124, ""): [
        ("exec --timeout 0.1 -- sleep 9", "timed out, ended"),
        ("run w --timeout 1 -- sleep 3", "timed out, w, goes on, wait w --prompt"),
    ],
}
"""Typed lines (with variables before them) and gists, by exit code and by code in JSON; the latter is "" if the failure
is part of a verb's result."""
BY_LINE = re.compile(r"([A-Z_]+)=(.*)", re.DOTALL)


@pytest.fixture(scope="module")
def stage() -> Iterator[Home]:
    """Sessions at the prompt, with half a line, in a program, kept, and lost."""
    home = Home()
    home.write(".config/sesh/config.toml", SETTINGS)
    home.write("bytes.json", b"\xff")
    home.sesh("open", "lost", "--", "sleep", "600")
    for name in ("w", "half", "reads"):
        home.sesh("open", name)
    home.sesh("open", "idle", "--", "sleep", "600")
    home.sesh("open", "python", "--", "cat")
    home.sesh("exec", "kept", "--keep", "--", "sh", "-c", "exit 3")
    os.kill(home.summary("lost")["daemon_pid"], 9)
    wait_until(lambda: home.summary("lost")["state"] == "lost", "the session lost counts as lost")
    home.sesh("run", "w", "--", "true")
    home.sesh("run", "half", "--", "true")
    home.sesh("run", "reads", "--", "true")
    home.sesh("send", "reads", "read x", "--enter")
    wait_until(lambda: home.summary("reads")["activity"]["why"] == "tty-read", "the program reads the terminal")
    home.sesh("send", "half", "echo")
    wait_until(lambda: "echo" in screen(home, "half"), "half shows 'echo'")
    before = home.names()
    yield home
    assert home.names() == before, "bad input has changed no session"
    home.close()


def parts(line: str) -> tuple[list[str], dict[str, str]]:
    """Split a line into its words and the variables before them."""
    words = shlex.split(line)
    variables: dict[str, str] = {}
    while words and (match := BY_LINE.fullmatch(words[0])):
        variables[match[1]] = match[2]
        del words[0]
    return words, variables


def complaints(text: str, gist: str) -> list[str]:
    """What is wrong with an error."""
    wrong = [f"more than one line: {text!r}"] if "\n" in text else []
    wrong += [f"{len(text)} characters"] if len(text) > MAX_ERROR else []
    wrong += [f"{match[0]!r} is not for people"] if (match := FOREIGN.search(text)) else []
    return wrong + [f"{part!r} is missing" for part in gist.split(", ") if part.lower() not in text.lower()]


@pytest.mark.long
def test_an_error_says_what_happened_and_what_to_do(stage: Home) -> None:
    wrong = []
    for (code, error), lines in ERRORS.items():
        for line, gist in lines:
            words, variables = parts(line)
            done = stage.sesh(*words, env=variables)
            said = (done.code, done.raw, done.stderr[:6])
            wrong += [f"{line}: {done.code} {done.stderr}"] if said != (code, b"", "sesh: ") else []
            wrong += [f"{line}: {each}" for each in complaints(done.stderr[6:].removesuffix("\n"), gist)]
        if error:  # of the last line, in JSON
            told = stage.sesh(*words, env={**variables, "SESH_JSON": "1"}).json()["error"]
            wrong += [f"{line}: {told}"] if told["code"] != error or complaints(told["message"], gist) else []
    assert not wrong, "\n".join(wrong)


def test_r01_a_bad_name_is_refused_by_every_verb_alike(sesh: Sesh, home: Home) -> None:
    before, name = os.listdir(home.directory), "../x"
    lines = [[verb, "--", name] for verb in ("kill", "detach", "screen", "logs", "status")]
    lines += [["send", "--", name, "x"], ["label", "--", name, "a=b"], ["rename", "--", "good", name]]
    lines += [[name], ["open", name], ["new", name, "-d"], ["attach", name], ["exec", name, "--", "true"]]
    for line in lines:
        done = sesh("--json", *line)
        assert (done.code, done.json()["error"]["code"]) == (2, "invalid_name"), line
    for bad in (name, "a\x1b[2J", "x" * 65):
        plain = sesh("kill", "--", bad).stderr
        assert (plain[:6], plain.count("\n"), plain[:-1].isprintable()) == ("sesh: ", 1, True)
    assert sorted(os.listdir(home.directory)) == sorted(before)


def test_what_was_typed_stays_as_it_was_in_an_error(sesh: Sesh) -> None:
    """Text of the user that looks like a placeholder must not be replaced."""
    for typed in ("$sesh", "$there x", "a@{0}", "{}"):
        done = sesh("status", typed)
        assert (done.code, typed in done.stderr) == (2, True)
    assert sesh("open", "web", "--label", "note=$sesh $there x").code == 0
    assert "note=$sesh $there x" in sesh("status", "web").stdout


def test_a_traceback_is_shown_only_where_it_is_asked_for(sesh: Sesh) -> None:
    assert "Traceback" not in sesh("kill", "nobody").stderr
    assert "Traceback" in sesh("kill", "nobody", env={"SESH_DEBUG": "1"}).stderr


def test_a_terminal_of_absurd_width_is_listed_for_all_the_same(sesh: Sesh) -> None:
    sesh("open", "work", "--", "sleep", "60")
    assert "work" in sesh("list", env={"COLUMNS": "9" * 5000}).stdout


@pytest.mark.soak
def test_a_command_whose_output_cannot_be_stored_ends_as_one_whose_code_is_not_known(home: Home) -> None:
    """`exec --print` must not exit with 1, which could be the job's own code."""
    home.sesh("open", "web")
    space = "sesh: cannot write output: No space left on device"
    for words, code, look in (
        ([], 1, ""),
        (["kill", "--help"], 1, ""),
        (["exec", "job", "--print", "--", "sh", "-c", "seq 3; exit 7"], 255, "wait job --exit"),
        (["exec", "next", "-f", "--", "sh", "-c", "seq 3; exit 7"], 255, "wait next --exit"),
        (["exec", "last", "-d", "--", "true"], 255, "wait last --exit"),
        (["run", "web", "--", "seq 3"], 255, "history web"),
    ):
        line = [f"{home.path}/bin/sesh", *words]
        with open("/dev/full", "wb") as full:
            done = subprocess.run(line, env=home.env, stdout=full, stderr=subprocess.PIPE, timeout=20, check=False)
        assert (done.returncode, done.stderr.decode().strip()) == (
            code,
            f"{space}; its exit code: sesh {look}" if look else space,
        )
    assert [home.sesh("wait", name, "--exit").code for name in ("job", "next", "last")] == [7, 7, 0]
    unread = home.start("list", "--json", held=True)
    assert unread.stdout is not None
    unread.stdout.close()
    wait_until(lambda: processes.stopped(unread.pid), "the command is stopped")
    os.kill(unread.pid, signal.SIGCONT)
    assert unread.wait(30) == 141


def test_a_mistake_in_the_settings_is_one_line_with_its_place_and_no_failure_to_attach(home: Home) -> None:
    home.write(".config/sesh/config.toml", "persist = true\n[groups]\n  web = 'x'\n")
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    # The first screen covers the lines printed before it, and this notice disappears after seconds.
    terminal.wait_for_raw(b" config.toml has errors; `sesh doctor` shows them")
    terminal.type("echo here $((1+1))\r")
    terminal.wait_for("here 2")
    assert terminal.raw.count(b"config.toml: groups.web is not a list") == 1
    terminal.type("exit\r")
    assert terminal.exit_code() == 0


def test_a_mistake_in_the_settings_is_said_once_by_each_verb_that_reads_them(sesh: Sesh, home: Home) -> None:
    remotes = "".join(f'[remotes.{name}]\nvia = "false"\n' for name in ("one", "two"))
    home.write(".config/sesh/config.toml", f'relay = 5\n[groups]\nall = ["one", "two"]\n{remotes}')
    for line, code in (
        ("list", 0),
        ("open work -- cat", 0),
        ("exec --print --json -- true", 0),
        ("@all run work -- true", 1),
    ):
        done = sesh(*line.split())
        assert (done.code, done.stderr.count("config.toml: unknown key relay")) == (code, 1), done.stderr
        assert "config.toml" not in done.stdout
