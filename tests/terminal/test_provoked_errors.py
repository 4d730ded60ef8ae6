"""Some 200 provoked errors: each is one line with the right codes that says what happened and what to do.

What is said is compared by a few words (`gist`), in any order, so that sentences may be bettered.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support import Home, wait_until

LONGEST = 240
"""Characters of an error, with its hint."""
FOREIGN = re.compile(
    r"(?i:no such option|missing argument|requires an argument|unexpected extra|got an unexpected|invalid value for"
    r"|possible options|^error:|usage:|\btry ['\"])|Traceback|\bNone\b|\w(?:Error|Exception)\b|\bobject at\b|\[Errno"
)
"""What no person should read: the words of the library that takes command lines apart, and those of Python."""
SETTINGS = """
[groups]
web = ["a1", "a2"]
[remotes.a1]
via = "false"
[remotes.a2]
via = "false"
[remotes.bare]
via = "env -i PATH=/usr/bin:/bin HOME=/nonexistent"
[remotes.gone]
via = "/no/program"
"""
LONG = "n" * 65
BY_LINE = re.compile(r"([A-Z_]+)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """One command line, as it is typed, with variables before it (INPUT: its stdin); and what comes of it.

    `error`: the code in JSON, empty if the failure stands within the result of a verb.
    """

    line: str
    code: int
    error: str
    gist: str


def rows(code: int, error: str, *pairs: tuple[str, str]) -> list[Row]:
    return [Row(line, code, error, gist) for line, gist in pairs]


USAGE = rows(
    2,
    "usage",
    # unknown options
    ("--nope", "--nope, no verb or option, sesh --help"),
    ("--nonsense w", "--nonsense, sesh --help"),
    ("-q w", "-q, sesh --help"),
    ("--kil w", "did you mean sesh --kill w?"),
    ("--lst", "did you mean sesh --list?"),
    ("-ls", "-ls, did you mean sesh --list?"),
    ("-dmS w", "did you mean sesh --open w?"),
    ("w --format svg", "--format, option of --screen"),
    ("--attach w --bad", "--attach, --bad, --help"),
    ("--open w --bad", "--open, --bad, --help"),
    ("--new w --bad", "--new, --bad, --help"),
    ("--list --bad", "--list, --bad, --help"),
    ("--watch --bad", "--watch, --bad, --help"),
    ("--pick --bad", "--pick, --bad, --help"),
    ("--next --bad", "--next, --bad, --help"),
    ("--here --bad", "--here, --bad, --help"),
    ("--detach --bad", "--detach, --bad, --help"),
    ("--kill --bad", "--kill, --bad, --help"),
    ("--kill-all --bad", "--kill-all, --bad, --help"),
    ("--rename --bad", "--rename, --bad, --help"),
    ("--exec --bad -- true", "--exec, --bad, --help"),
    ("--exec --foll -- true", "did you mean --follow?"),
    ("--exec --timeou 5 -- true", "did you mean --timeout?"),
    ("--exec --print=1 -- true", "--print, no value"),
    ("--status w --json=1", "--json, no value"),
    ("--run w --bad -- true", "--run, --bad, --help"),
    ("--send w --bad", "--send, --bad, after --, -- TEXT"),
    ("--message w --bad", "--message, --bad, -- TEXT"),
    ("--wait w --bad", "--wait, --bad, --help"),
    ("--events w --bad", "--events, --bad, --help"),
    ("--screen w --bad", "--screen, --bad, --help"),
    ("--logs w --bad", "--logs, --bad, --help"),
    ("--logs w -3", "--logs, -3, write: sesh --logs w 3"),
    ("--grep x --bad", "--grep, --bad, --help"),
    ("--history w --bad", "--history, --bad, --help"),
    ("--status --bad", "--status, --bad, --help"),
    ("--label w --bad", "--label, --bad, --help"),
    ("--restore --bad", "--restore, --bad, --help"),
    ("--record w f --bad", "--record, --bad, --help"),
    ("--export --bad", "--export, --bad, --help"),
    ("--import --bad", "--import, --bad, --help"),
    ("--sweep --bad", "--sweep, --bad, --help"),
    ("--doctor --bad", "--doctor, --bad, --help"),
    ("--deploy --bad", "--deploy, --bad, --help"),
    ("--reload --bad", "--reload, --bad, --help"),
    ("w -C /tmp", "-C, --exec, NAME DIR"),
    ("--new -d -C /tmp", "-C, --exec, --new NAME DIR"),
    # missing words and values
    ("--attach", "missing NAME, sesh --attach NAME"),
    ("--open", "missing NAME, sesh --open NAME"),
    ("--rename", "missing NEW, --rename [OLD] NEW"),
    ("--rename w", "no new name, --rename w NEW"),
    ("--rename nobody", "no session given, --rename OLD nobody"),
    ("--run", "missing NAME, --run NAME -- CMD"),
    ("--run w", "after --, --run w -- CMD"),
    ("--run w ls -l", "after --, sesh --run w -- ls -l"),
    ("--exec", "after --, sesh --exec -- CMD"),
    ("--exec a", "sesh --exec a -- CMD"),
    ("--send", "missing NAME, --send NAME"),
    ("--send w", "nothing to send, TEXT --enter"),
    ("--grep", "missing REGEX, --grep REGEX"),
    ("--message", "missing NAME, --message NAME TEXT"),
    ("--message w", "missing TEXT, --message w TEXT"),
    ("--message w ''", "empty, TEXT"),
    ("--label", "missing NAME, --label NAME K=V"),
    ("--label w", "no label, --label w KEY=VALUE, --status w"),
    ("--state", "missing STATE, --state STATE"),
    ("--record", "missing NAME, --record NAME FILE"),
    ("--record w", "missing FILE, --record w FILE"),
    ("--resume-with w", "no command, --resume-with NAME -- CMD"),
    ("--shell-init", "bash, zsh, fish, --shell-init bash"),
    ("--completions", "bash, zsh, fish"),
    ("--integrate", "claude, codex, gemini"),
    ("--wait", "no session, --wait NAME"),
    ("--deploy", "no host, --deploy @HOST"),
    ("--forget", "no host, --forget @HOST"),
    ("--undeploy", "no host, --undeploy @HOST"),
    ("--exec --timeout -- true", "--timeout, value"),
    ("--send w --key", "--key, value, KEY"),
    ("--wait w --for", "--for, value, REGEX"),
    ("--wait w --idle", "--idle, value"),
    ("-- make", "no NAME, sesh NAME"),
    ("w --label a=b --env C", "C, not a variable, --env NAME=VALUE"),
    ("--new x --env", "--env, value, K=V"),
    # too many words
    ("web a b", "sesh web -- a b"),
    ("--attach w x", "x, too many, --attach NAME"),
    ("--open w /tmp x", "after --, sesh --open w /tmp -- x"),
    ("--new a b c", "after --, sesh --new a -- b c"),
    ("--list foo", "no name, sesh --status foo"),
    ("--watch foo", "no name, sesh --status foo"),
    ("--pick foo", "no name, sesh --attach foo"),
    ("--next foo", "no name, sesh --attach foo"),
    ("--here a b", "b, too many, --here [DIR]"),
    ("--detach w x", "x, too many, --detach [NAME]"),
    ("--kill-all w", "no name, sesh --kill w"),
    ("--rename a b c", "c, too many, --rename [OLD] NEW"),
    ("--exec a b -- true", "too many, -C b"),
    ("--events w x", "x, too many, --events [NAME]"),
    ("--screen w x", "x, too many, --screen [NAME]"),
    ("--logs w 1 2", "2, too many, --logs"),
    ("--history w 1 2", "2, too many, --history"),
    ("--status w x", "x, too many, --status [NAME]"),
    ("--record w f g", "g, too many, --record NAME FILE"),
    ("--export f", "sesh --export > f"),
    ("--import f g", "g, too many, --import [FILE]"),
    ("--sweep w", "no name, sesh --kill w"),
    ("--doctor box", "sesh @box --doctor"),
    ("--shell-init bash x", "x, too many"),
    ("--upgrade box", "sesh --deploy @box"),
    ("--mcp x", "--mcp, no words"),
    ("--skill x", "--skill, no words"),
    ("--schema a b", "b, too many, --schema [VERB]"),
    ("--version x", "--version, no words"),
    # bad values
    ("--open new --label x", "x, not a label, KEY=VALUE"),
    ("--list --label a", "a, not a label, KEY=VALUE"),
    ("--label w =x", "=x, not a label, KEY=VALUE"),
    ("--wait --label a", "a, not a label"),
    ("--open new --env x", "x, --env NAME=VALUE"),
    ("--open new --size 10", "10, size, COLUMNSxROWS"),
    ("--exec --size 9999999x1 -- true", "size, COLUMNSxROWS"),
    ("--exec --timeout x -- true", "x, not a time, --timeout"),
    ("--run w --timeout -1 -- true", "-1, not a time, --timeout"),
    ("--wait w --timeout 0", "--timeout, above 0"),
    ("--wait w --idle x", "x, not a time, --idle"),
    ("--sweep --older 3x", "3x, not a time, --older"),
    ("--wait w --for '('", "(, not a regular expression"),
    ("--grep '(' w", "(, not a regular expression"),
    ("--grep x -C y", "y, number of lines, -C 2"),
    ("--logs w x", "x, number of lines, --logs w 100"),
    ("--logs w 0", "0, number of lines, --logs w 100"),
    ("--history w x", "x, number of a command, --history w"),
    ("--events w --since x", "x, event number, --since"),
    ("--events --since 3", "each session, --events NAME --since"),
    ("--wait w --from x", "x, position, --send --json"),
    ("--wait w o --from 3", "position, one session"),
    ("--wait w --from 3 --since-start", "--from, --since-start"),
    ("--screen w --format pdf", "pdf, text, ansi, json, svg, html"),
    ("--send w --key Foo", "Foo, not a key, Enter"),
    ("--send w --if-waiting foo x", "foo, TEXT, REGEX, --if-waiting=REGEX"),
    ("--attach w --predict x", "--predict, adaptive, always, never"),
    ("--attach w --join --replace", "--join, --replace"),
    ("--new w --replace --new-name", "--replace, --new-name"),
    ("--exec --print --follow -- true", "--print, --follow"),
    ("--exec -d --stdin -- true", "-d, --stdin"),
    ("--state foo", "foo, working, waiting, idle, done, failed"),
    ("--integrate foo", "foo, claude, codex, gemini"),
    ("--shell-init tcsh", "tcsh, bash, zsh, fish"),
    ("--completions tcsh", "tcsh, bash, zsh, fish"),
    ("--schema foo", "no verb foo, sesh --help"),
    ("--deploy box", "sesh --deploy @box"),
    ("--upgrade @box", "sesh --deploy @box"),
    ("--kill", "inside a session, --kill NAME"),
    ("--screen", "inside a session, --screen NAME"),
    ("--detach", "inside a session, --detach NAME"),
    ("--logs w --pager", "terminal, less"),
    # slips
    ("w --kill", "sesh --kill w"),
    ("run w true", "sesh --run w -- true"),
    ("run w ls -l", "sesh --run w -- ls -l"),
    ("exec make all", "sesh --exec -- make all"),
    ("send w hello", "sesh --send w hello"),
    ("attach", "missing NAME, sesh --attach"),
    ("w@gpu", "sesh @gpu w, sesh @w@gpu"),
    ("w @gpu", "sesh @gpu w"),
    ("--kill w @gpu", "sesh @gpu --kill w"),
    ("- /tmp", "last session, DIR"),
    # hosts
    ("@web --label w a=b", "--label, one host, several, --kill"),
    ("@web w", "one host, several, --list"),
    ("@a1 --state idle", "inside a session, --state STATE"),
    ("@a1 --status", "no session, sesh @a1 --status NAME"),
    # layouts
    ("INPUT= --import", "stdin, not JSON, --export"),
    ("INPUT={ --import", "stdin:1:2, not JSON, --export, nothing was created"),
    ("--import bad.json", "bad.json:2:2, not JSON, --export, nothing was created"),
    ("--import bytes.json", "bytes.json:1:1, UTF-8"),
    ("INPUT=3 --import", "sessions, list, nothing was created"),
    ("INPUT={} --import", "sessions, missing"),
    ('INPUT=\'{"version":9,"sessions":[]}\' --import', "version 1, 9"),
    ('INPUT=\'[{"name":".x"}]\' --import', "sessions[0].name, .x, nothing was created"),
    ('INPUT=\'[{"name":"x","command":"ls"}]\' --import', "sessions[0].command, list of words"),
    ('INPUT=\'[{"name":"x","direcotry":"/"}]\' --import', "sessions[0], direcotry, directory, nothing was created"),
    ('INPUT=\'[{"name":"x"},{"name":"x"}]\' --import', "sessions[1], x, already, sessions[0]"),
)
NAMES = rows(
    2,
    "invalid_name",
    *((f"{verb} .bad", ".bad, not a valid session name, letters") for verb in ("--attach", "--kill", "--logs")),
    *((f"{verb} a/b x", "a/b, not a valid session name, letters") for verb in ("--send", "--open", "--rename")),
    ("--status café", "café, letters"),
    ("--new '' -d", "empty, letters"),
    ("--rename w a:b", "a:b, letters"),
    ("--rename w a@b", "a@b, letters"),
    (f"--open {LONG}", "at most 64, 65"),
) + rows(
    2,
    "invalid_host",
    ("@ --list", "host, [user@]host"),
    ("@-x --list", "-x, not a host, [user@]host"),
    ("@'a b' --list", "a b, not a host"),
    ("@box:99999 --list", "99999, not a port, 65535"),
    ("@box:ssh --list", "box:ssh, not a host"),
)
ABSENT = rows(
    1,
    "not_found",
    *(
        (f"{verb} nosuch{words}", "no session nosuch, `sesh`")
        for verb, words in {
            "--attach": "", "--detach": "", "--kill": "", "--rename": " x", "--send": " x", "--wait": "",
            "--events": "", "--screen": "", "--logs": "", "--history": "", "--status": "", "--message": " x",
            "--label": " a=b", "--resume-with": " -- true", "--record": " f.cast", "--reload": "",
        }.items()
    ),
    ("--grep x nosuch", "no session nosuch"),
    ("--restore nosuch", "no session nosuch"),
    ("--status idel", "no session idel, did you mean idle?"),
    ("--wait --label a=b", "no session, label a=b, --list"),
    ("--history w 99", "w, no command 99, --history w"),
    ("-", "no previous session, `sesh`"),
    ("last", "no session last, no previous session"),
    ("--forget @box", "@box, known"),
    ("--send lost x", "lost, daemon died, --open lost, --kill lost"),
    ("--label lost a=b", "lost, daemon died, --open lost"),
    ("--reload lost", "lost, daemon died, --open lost"),
)  # fmt: skip
TAKEN = rows(
    1,
    "exists",
    ("--new w -d", "w, runs, --join, --replace, --new-name"),
    ("--new kept -d", "kept, ended, --replace"),
    ("--new lost -d", "lost, daemon died, --replace"),
    ("--open kept", "kept, ended, --kill kept"),
    ("--rename idle w", "w, runs, another name"),
    ("--rename idle kept", "kept, ended, --kill kept"),
    ("--rename idle lost", "lost, daemon died, --kill lost"),
    ("--record w taken.cast", "taken.cast, exists, --force"),
)
REFUSED = rows(
    1,
    "refused",
    ("w", "terminal, --screen w, --send w"),
    ("--attach w", "terminal, --screen w"),
    ("--pick", "--pick, terminal, --list"),
    ("--next", "--next, terminal, --list"),
    ("exec -- true", "did you mean sesh --exec -- true?"),
    ("attach w", "no directory w, did you mean sesh --attach w?"),
    ("kill w", "did you mean sesh --kill w?"),
    ("logs w", "did you mean sesh --logs w?"),
    ("ls foo", "did you mean sesh --list?"),
    ("build nodir", "no directory nodir, sesh build -- nodir"),
    ("--open new nodir", "no directory nodir"),
    ("--here nodir", "no directory nodir"),
    ("--state waiting", "inside a session, hook"),
    ("--send kept x", "kept, ended"),
    ("--wait kept --prompt", "kept, ended, 3, condition"),
    ("--send w x --if-waiting", "w, asks nothing, nothing was typed"),
    ("--record w /nodir/x", "/nodir/x, write, another file"),
    ("--import nofile", "nofile, read, --export"),
    ("--import .", "directory, --export"),
    ("SESH_DIR=/etc/passwd --list", "/etc/passwd, not a directory, SESH_DIR"),
    ("SESH_DIR=/etc/passwd/x --list", "/etc/passwd/x, SESH_DIR"),
    ("SESH_DIR=/tmp --list", "/tmp, other user, SESH_DIR"),  # of root: "accessible to other users"
    ("SESH_DIR=/proc/nodir --open new", "/proc/nodir, create, SESH_DIR"),
    ("SESH_PERSIST=x @127.0.0.1:1 --list", "SESH_PERSIST, x, 8h"),
    ("SESH_KEEPALIVE=x @127.0.0.1:1 --list", "SESH_KEEPALIVE, x, seconds"),
)
HOSTS = rows(
    1,
    "unreachable",
    ("@127.0.0.1:1 --list", "127.0.0.1:1, refused"),
    ("@127.0.0.1:1 --kill w", "127.0.0.1:1, refused"),
    ("@127.0.0.1:1 --export", "127.0.0.1:1, refused"),
    ("@gone --list", "/no/program, via, gone, config.toml"),
    ("SESH_SSH=/no/ssh @box --list", "SESH_SSH, no program /no/ssh, unset"),
    ("SESH_SSH=/etc/passwd @box --list", "SESH_SSH, /etc/passwd, unset"),
    ("SESH_SSH=/no/autossh @127.0.0.1:1 --list", "SESH_SSH, no program /no/autossh, unset"),
) + rows(
    1,
    "not_deployed",
    ("@bare --list", "bare, no sesh, sesh --deploy @bare"),
    ("@bare --status w", "bare, no sesh, sesh --deploy @bare"),
    ("@bare w", "bare, no sesh, sesh --deploy @bare"),
)
COMMANDS = [
    *rows(
        125,
        "not_found",
        ("--run nosuch -- true", "no session nosuch, `sesh`"),
        ("--run lost -- true", "lost, daemon died, --open lost"),
    ),
    *rows(
        125,
        "busy",
        ("--run half -- true", "half, unfinished line, sesh --send half --key C-c"),
        ("--run python -- true", "python, --send"),
    ),
    *rows(125, "exists", ("--exec kept -- true", "kept, ended, --kill kept")),
    *rows(125, "exists", ("--exec lost -- true", "lost, daemon died, --kill lost")),
    *rows(125, "exists", ("--exec w -- true", "w, runs, another name")),
    *rows(
        125,
        "refused",
        ("--run kept -- true", "kept, ended"),
        ("--exec -C nodir -- true", "no directory nodir"),
    ),
    *rows(125, "unreachable", ("@127.0.0.1:1 --run w -- true", "127.0.0.1:1, refused")),
    *rows(125, "unreachable", ("@127.0.0.1:1 --exec -- true", "127.0.0.1:1, refused")),
    *rows(125, "not_deployed", ("@bare --exec -- true", "bare, --deploy @bare")),
    *rows(
        127,
        "not_found",
        ("--exec -- nosuch", "nosuch, not found, PATH"),
        ("--open new -- nosuch", "nosuch, not found, PATH"),
        ("--new new -d -- 'a|b'", "a|b, not found, sh -c"),
    ),
    *rows(
        126,
        "refused",
        ("--exec -- /etc/passwd", "/etc/passwd, execute"),
        ("--open new -- /etc/passwd", "/etc/passwd, execute"),
    ),
    *rows(
        124,
        "timeout",
        ("--wait w --for nomatch --timeout 0.1", "w, no match, 0.1 s, --screen w"),
        ("--wait w --exit --timeout 0.1", "w, no end, 0.1 s, runs on, --screen w"),
        ("--wait python --prompt --timeout 0.1", "python, no prompt, --screen python"),
        ("--wait w --waiting --timeout 0.1", "w, not waiting, --screen w"),
        ("--wait w --exit --waiting --timeout 0.1", "w, no condition, --screen w"),
        ("--run python --timeout 0.1 -- true", "python, busy, did not run"),
    ),
    *rows(
        124,
        "",
        ("--exec --timeout 0.1 -- sleep 9", "timed out, ended"),
        ("--run w --timeout 0.1 -- sleep 0.3", "w, goes on, --wait w --prompt"),
    ),
    *rows(1, "", ("--deploy @127.0.0.1:1", "127.0.0.1:1, failed, refused")),
]
ROWS = [*USAGE, *NAMES, *ABSENT, *TAKEN, *REFUSED, *HOSTS, *COMMANDS]


@pytest.fixture(scope="module")
def stage() -> Iterator[Home]:
    """A home with sessions of each kind: at the prompt, with half a line, in a program, kept with code 3, and lost."""
    home = Home()
    home.write(".config/sesh/config.toml", SETTINGS)
    home.write("bad.json", "[\n{]")
    home.write("bytes.json", b"\xff")
    home.write("taken.cast", "")
    home.sesh("--open", "lost", "--", "sleep", "600")
    for name in ("w", "half"):
        home.sesh("--open", name)
    home.sesh("--open", "idle", "--", "sleep", "600")
    home.sesh("--open", "python", "--", "cat")
    home.sesh("--exec", "kept", "--keep", "--", "sh", "-c", "exit 3")
    os.kill(home.summary("lost")["daemon_pid"], 9)
    wait_until(lambda: home.summary("lost")["state"] == "lost")
    home.sesh("--run", "w", "--", "true")
    home.sesh("--run", "half", "--", "true")
    home.sesh("--send", "half", "echo")
    wait_until(lambda: "echo" in home.sesh("--screen", "half").stdout)
    yield home
    home.close()


def parts(line: str) -> tuple[list[str], dict[str, str], str | None]:
    """The words of a line, the variables before it, and its stdin."""
    words = shlex.split(line)
    variables: dict[str, str] = {}
    while words and (match := BY_LINE.fullmatch(words[0])):
        variables[match[1]] = match[2]
        del words[0]
    given = variables.pop("INPUT", None)
    return words, variables, given


def complaints(text: str, gist: str) -> list[str]:
    """What is wrong with an error."""
    wrong = [f"more than one line: {text!r}"] if "\n" in text else []
    wrong += [f"{len(text)} characters"] if len(text) > LONGEST else []
    wrong += [f"{match[0]!r} is not for people"] if (match := FOREIGN.search(text)) else []
    return wrong + [f"{part!r} is missing" for part in gist.split(", ") if part.lower() not in text.lower()]


def test_there_are_enough_rows_and_none_stands_twice() -> None:
    lines = [row.line for row in ROWS]
    assert len(set(lines)) == len(lines) >= 150


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.line[:60])
def test_an_error_says_what_happened_and_what_to_do(stage: Home, row: Row) -> None:
    words, variables, given = parts(row.line)
    done = stage.sesh(*words, env=variables, input=given)
    assert done.code == row.code, done.stderr
    assert done.raw == b""
    assert done.stderr.startswith("sesh: ")
    text = done.stderr.removeprefix("sesh: ").removesuffix("\n")
    assert complaints(text, row.gist) == [], text
    if row.error:
        told: dict[str, Any] = stage.sesh(*words, env={**variables, "SESH_JSON": "1"}, input=given).json()["error"]
        assert (told["code"], complaints(told["message"], row.gist)) == (row.error, []), told


@pytest.mark.parametrize(
    ("line", "code", "gist"),
    [
        ("sesh idle -r", 1, "detach first, --read-only"),
        ("sesh nosuchdir nodir", 1, "no directory nodir"),
        ("sesh idle", 1, "no attached client, another terminal"),
        ("sesh --rename idle", 1, "idle, runs, another name"),
        ("sesh --rename .x", 2, ".x, not a valid session name"),
        ("sesh --state foo", 2, "foo, working, waiting"),
        ("sesh --history 99", 1, "no session 99"),
        ("sesh --exec -- nosuch", 127, "nosuch, not found"),
        ("sesh -", 1, "no previous session"),
        ("sesh --list extra", 2, "no name, sesh --status extra"),
        ("sesh --list --json | true; echo sesh: ${PIPESTATUS[0]}", 0, "141"),
    ],
    ids=str,
)
def test_inside_a_session_an_error_says_the_same(stage: Home, line: str, code: int, gist: str) -> None:
    done = stage.sesh("--run", "w", "--timeout", "15", "--", line)
    assert done.code == code, done
    text = done.stdout.removeprefix("sesh: ").removesuffix("\n")
    assert (complaints(text, gist), done.stdout[:6]) == ([], "sesh: "), done


def test_a_number_alone_is_answered_inside_a_session_with_the_line_that_has_its_name(stage: Home) -> None:
    """`sesh --logs 5` was told to look for a session 5 in the list."""
    inside = ("--run", "w", "--timeout", "15", "--")
    for line, named in (
        ("--logs 5", "--logs w 5"),
        ("--history 99", "--history w 99"),
        ("--logs 5 -f", "--logs w 5 -f"),
    ):
        assert stage.sesh(*inside, f"sesh {line}").stdout.endswith(f"; write: sesh {named}\n"), line
        assert stage.sesh(*line.split()).stderr.endswith("; `sesh` lists them\n"), "outside there is none to propose"
    for line in ("--logs nobody", "--status 5"):
        assert stage.sesh(*inside, f"sesh {line}").stdout.endswith("; `sesh` lists them\n"), line


def test_labels_without_a_name_are_answered_with_the_line_that_has_it_and_no_other(stage: Home) -> None:
    """The hint ended with `or sesh --new for the lowest free number`, and did not know the session it was typed in."""
    assert stage.sesh("--label", "a=b").stderr == "sesh: no NAME given; write: sesh --label NAME a=b\n"
    inside = stage.sesh("--run", "w", "--timeout", "15", "--", "sesh --label a=b")
    assert inside.stdout == "sesh: no NAME given; write: sesh --label w a=b\n"
    assert "write: sesh NAME, or sesh --new" in stage.sesh("--label", "a=b", "--", "ls").stderr


@pytest.mark.parametrize(
    ("content", "gist"),
    [
        ("detach_key = C-b", "config.toml:1:14, not TOML, ignored"),
        ('detach_key = "C-\\"', "config.toml:1:, not TOML, single quotes, ignored"),
        ("x = [", "config.toml:1:, not TOML, ignored"),
        ("[a\nb = 1", "config.toml:1:, not TOML, ignored"),
        ("scrollback = 'x'", "config.toml:1:1, scrollback, number, 1000000"),
        ("persist = 3", "config.toml:1:1, persist, true, false"),
        ("keep = 'x'", "config.toml:1:1, keep, failed, always, never"),
        ("predict = 3", "config.toml:1:1, predict, adaptive, always, never"),
        ("foo = 1", "config.toml:1:1, unknown key foo, detach_key"),
        ("groups = 3", "config.toml:1:1, groups, table, [groups]"),
        ("[groups]\nweb = 'a'", "config.toml:2:1, web, list of hosts"),
        ("[groups]\nweb = ['@web']", "config.toml:2:1, web, leads back"),
        ("[remotes.x]\nvia = 3", "config.toml:2:1, via, command"),
        ("[remotes.x]\nfoo = 3", "config.toml:2:1, unknown key foo, via"),
        ("[hooks]\non_done = 3", "config.toml:2:1, on_done, shell command"),
        ("[hooks]\nfoo = 'x'", "config.toml:2:1, unknown key foo, on_done"),
        ("# \udcff", "config.toml:1:3, UTF-8"),
    ],
)
def test_a_mistake_in_the_settings_is_said_with_its_place(stage: Home, content: str, gist: str) -> None:
    folder = os.path.dirname(stage.write("other/sesh/config.toml", content.encode("utf-8", "surrogateescape")))
    done = stage.sesh("@127.0.0.1:1", "--list", env={"XDG_CONFIG_HOME": os.path.dirname(folder)})
    text = done.stderr.partition("\n")[0]
    assert text.startswith("sesh: ")
    assert complaints(text.replace(stage.path, "~"), gist) == []


def test_of_several_sessions_it_says_which_were_ended_and_has_a_line_for_each_that_was_not(stage: Home) -> None:
    stage.sesh("--open", "one", "--", "sleep", "600")
    done = stage.sesh("--kill", "one", "nosuch", "missing")
    assert (done.code, done.stderr) == (
        1,
        "sesh: ended one\nsesh: no session nosuch\nsesh: no session missing; `sesh` lists them\n",
    )


def test_bad_input_has_changed_no_session(stage: Home) -> None:
    """Behind all others: the sessions are those of the beginning."""
    assert stage.names() == sorted(["w", "half", "idle", "python", "kept", "lost"])
