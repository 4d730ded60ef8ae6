"""What sesh says, word for word. All other tests look at the exit code, the error's code and the gist of a message."""

from __future__ import annotations

import os

import pytest

from tests.support import Home, Result, wait_until


@pytest.fixture
def sessions(home: Home) -> Home:
    """`work` and `other` run, `job` has ended and is kept."""
    home.sesh("--open", "work", "--", "sleep", "60")
    home.sesh("--open", "other", "--", "sleep", "60")
    home.sesh("--exec", "job", "--keep", "--", "true")
    return home


NO_WINDOWS = "sesh has no windows: use sessions; `sesh NAME` starts one, `sesh --pick` goes to one"
SAID = [
    ("--status nobody", 1, "no session nobody; `sesh` lists them"),
    ("--status othre", 1, "no session othre; did you mean other?"),
    ("ls", 0, "there is no session ls; this is sesh --list"),
    ("list-sessions", 0, "there is no session list-sessions; this is sesh --list"),
    ("switchc", 2, "there is no session switchc; this is sesh --attach: missing NAME; write: sesh --attach NAME"),
    ("kill-window", 1, f"attaching needs a terminal; {NO_WINDOWS}"),
    ("new-window top", 2, f"new-window is a session name; {NO_WINDOWS}"),
    ("--open neww -- sleep 9", 0, f"neww is a session now; {NO_WINDOWS}"),
    ("box:train", 2, "box:train is not a session name; for a session on box: sesh @box train"),
    (
        "--run box:train -- a|b",
        2,
        "box:train is not a session name; for a session on box: sesh @box --run train -- 'a|b'",
    ),
    (
        "--message w@box hi",
        2,
        "w@box is not a session name; for the host: sesh @w@box, for a session on it: sesh @box --message w hi",
    ),
    ("version", 0, "there is no session version; this is sesh --version"),
    ("kill", 1, "attaching needs a terminal; did you mean sesh --kill NAME?"),
    ("kill-all", 1, "attaching needs a terminal; did you mean sesh --kill-all?"),
    ("kill-server", 1, "attaching needs a terminal; did you mean sesh --kill-all?"),
    ("undeploy", 1, "attaching needs a terminal; did you mean sesh --undeploy @HOST?"),
    ("--bogus", 2, "there is no verb or option --bogus; see `sesh --help`"),
    ("-ls", 2, "there is no verb or option -ls; did you mean sesh --list?"),
    ("--hist work", 2, "there is no verb or option --hist; did you mean sesh --history work?"),
    ("-list", 2, "there is no verb or option -list; did you mean sesh --list?"),
    ("-kill work", 2, "there is no verb or option -kill; did you mean sesh --kill work?"),
    ("-S work", 2, "there is no verb or option -S; did you mean sesh work?"),
    ("-d -r work", 2, "there is no verb or option -d; did you mean sesh --replace work?"),
    ("-dmS new", 2, "there is no verb or option -dmS; did you mean sesh --open new?"),
    (
        "exec b -- make test",
        1,
        "there is no session exec, and no directory b to start it in; did you mean sesh --exec b -- make test?",
    ),
    ("--label work --remove team", 2, "--label has no option --remove; to remove it: sesh --label NAME KEY="),
    ("--kill --all", 2, "--kill has no option --all; to end all sessions: sesh --kill-all"),
    ("/usr", 2, "/usr is a directory, not a session name; to enter it: sesh --here /usr"),
    ("./", 2, "./ is a directory, not a session name; to enter it: sesh --here ."),
    ("- # back to it", 2, "the comment came as words; zsh leaves comments out after: setopt interactivecomments"),
    ("attach -t work", 2, "there is no verb or option -t; did you mean sesh --attach work?"),
    ("a -t work", 2, "there is no verb or option -t; did you mean sesh --attach work?"),
    ("new -A -s work", 2, "new is a session name; verbs begin with dashes; did you mean sesh work?"),
    ("send-keys -t work date Enter", 2, "there is no verb or option -t; did you mean sesh --send work date --enter?"),
    ("capture-pane -p -t work", 2, "there is no verb or option -p; did you mean sesh --screen work?"),
    ("ls -a", 2, "ls is a session name; verbs begin with dashes; did you mean sesh --list?"),
    ("-d work", 2, "there is no verb or option -d; did you mean sesh --replace work?"),
    ("new -s other", 2, "there is no verb or option -s; did you mean sesh --new other?"),
    ("-t work", 2, "there is no verb or option -t; did you mean sesh work?"),
    ("--logs work -n 5", 2, "--logs has no option -n; write the number of lines behind NAME: sesh --logs NAME 5"),
    (
        "--logs work --lines 5",
        2,
        "--logs has no option --lines; write the number of lines behind NAME: sesh --logs NAME 5",
    ),
    (
        "--logs work --tail 3",
        2,
        "--logs has no option --tail; write the number of lines behind NAME: sesh --logs NAME 5",
    ),
    ("--exec --detach -- true", 2, "--exec has no option --detach; -d returns at once: sesh --exec NAME -d -- CMD"),
    ("--grep x -A 3", 2, "--grep has no option -A; -C N shows N lines around each match"),
    ("--send work ls --Enter", 2, "--send has no option --Enter; did you mean --enter?"),
    ("work --dir /tmp", 2, "there is no verb or option --dir; DIR follows NAME: sesh NAME DIR"),
    ("\u2014list", 2, "\u2014list begins with a long dash; write --list"),
    ("--logs work -50", 2, "--logs has no option -50; write: sesh --logs work 50"),
    ("--logs -50 work -f", 2, "--logs has no option -50; write: sesh --logs work -f 50"),
    ("--logs -5", 2, "--logs has no option -5; write: sesh --logs NAME 5"),
    ("--logs 50 work", 2, "work is not a number of lines; write: sesh --logs work 50"),
    ("--logs work x", 2, "x is not a number of lines; write: sesh --logs work 100"),
    ("--list team=data", 2, "--list takes no words; write: sesh --list --label team=data"),
    ("--list work", 2, "--list takes no name; one session: sesh --status work"),
    ("--delete work", 2, "there is no verb or option --delete; did you mean sesh --kill work?"),
    ("--tail work", 2, "there is no verb or option --tail; did you mean sesh --logs work?"),
    ("--info work", 2, "there is no verb or option --info; did you mean sesh --status work?"),
    (
        "--restart work",
        2,
        (
            "there is no verb or option --restart; "
            "Ctrl-R in `sesh --pick` restarts one, or `sesh --kill NAME` and `sesh --open NAME -- CMD`"
        ),
    ),
    ("--Kill work", 2, "there is no verb or option --Kill; did you mean sesh --kill work?"),
    ("--kil work", 2, "there is no verb or option --kil; did you mean sesh --kill work?"),
    ("work detach", 1, "attaching needs a terminal; did you mean sesh --detach work?"),
    (
        "nobody detach",
        1,
        "there is no session nobody, and no directory detach to start it in; did you mean sesh --detach nobody?",
    ),
    (
        "nobody kill",
        1,
        (
            "there is no session nobody, and no directory kill to start it in; "
            "did you mean sesh --kill nobody, or sesh nobody -- kill?"
        ),
    ),
    ("cat align.txt 5", 2, "too many arguments; to run a command: sesh NAME -- cat align.txt 5"),
    ("align cat 5", 2, "too many arguments; to run a command: sesh align -- cat 5"),
    ("nobody logs 5", 2, "too many arguments; did you mean sesh --logs nobody 5?"),
    ("--help lst", 2, "there is no verb lst; did you mean sesh --list --help?"),
    ("--help foo", 2, "there is no verb foo; see `sesh --help`"),
    (
        "@gpu --state idle",
        2,
        "--state works only inside a session, also one of a host; attach to it, and type there: sesh --state STATE",
    ),
    (
        "@fe80::1",
        2,
        "fe80::1 is not a host: write an IPv6 address in brackets, '[fe80::1]', or a Host from your ssh_config",
    ),
    ("--kil --help", 2, "there is no verb or option --kil; did you mean sesh --kill?"),
    ("--label work", 2, "no label given; write: sesh --label work KEY=VALUE; `sesh --status work` shows its labels"),
    ("-q work", 2, "there is no verb or option -q; see `sesh --help`"),
    ("--shell-init tcsh", 2, "there is no integration for tcsh; use bash, zsh, fish"),
    (
        "--state waiting x",
        1,
        ('--state works only inside a session; in a hook write: [ -z "$SESH_SESSION" ] || sesh --state …'),
    ),
    ("--wait work --exit --timeout 0.1", 124, "work: no end within 0.1 s; it runs on; look: sesh --screen work"),
    ("--new work -d", 1, "work already runs; choose --join, --replace or --new-name"),
    ("--open work /tmp", 0, "work already runs; the directory /tmp is ignored"),
    ("--open work -- true", 0, "work already runs; the command is ignored"),
    ("--open work --env X=1", 0, "work already runs; --env is ignored"),
    (
        "--open work --env X=1 /tmp -- true",
        0,
        "work already runs; the directory /tmp, the command and --env are ignored",
    ),
    ("--open job", 1, "job has ended, but is kept; `sesh --kill job` frees the name"),
    ("--exec job -- true", 125, "job has ended, but is kept; `sesh --kill job` frees the name"),
    ("--rename other job", 1, "job has ended, but is kept; `sesh --kill job` frees the name"),
    ("--exec -- ''", 127, "'': command not found; check the spelling and PATH"),
    ("--exec -- ./absent", 127, "./absent: command not found; check the spelling"),
    ("--exec -- ./..", 126, "cannot execute ./..: it is a directory"),
    ("--exec -- exit;", 127, "exit;: command not found; for a line of shell: sh -c 'exit;'"),
    ("--open new -- echo>$A", 127, "echo>$A: command not found; for a line of shell: sh -c 'echo>$A'"),
    ("--new new -d -- a|b", 127, "a|b: command not found; for a line of shell: sh -c 'a|b'"),
    ("--exec -- exit 3", 127, "exit: command not found; it is the shell's own; write: sh -c 'exit 3'"),
    ("--open new -- source env", 127, "source: command not found; it is the shell's own; write: sh -c '. env'"),
    ("--exec -- a|b x", 127, "a|b: command not found; check the spelling and PATH"),
    ("--pick", 1, "--pick needs a terminal; use `sesh --list` and `sesh --attach NAME`"),
    ("--next", 1, "--next needs a terminal; `sesh --list --json` has the activity of each session"),
    (
        "--attach work",
        1,
        "attaching needs a terminal; `sesh --screen work` shows its screen, `sesh --send work` types into it",
    ),
    ("--nonsense work", 2, "there is no verb or option --nonsense; see `sesh --help`"),
    ("--open work --bad", 2, "--open has no option --bad; see `sesh --open --help`"),
    ("--exec a --timeout 5 minutes -- ls", 2, "too many arguments before --; write the time as one word: --timeout 5m"),
    ("--exec a --timeout=1.5 h -- ls", 2, "too many arguments before --; write the time as one word: --timeout=1.5h"),
    (
        "--exec a --timeout 5 src -- ls",
        2,
        "too many arguments before --; give the directory with -C: sesh --exec a -C src -- …",
    ),
    ("--exec zz ls -la", 2, "write the command after --: sesh --exec zz -- ls -la"),
    ("zz ls -la", 2, "write the command after --: sesh zz -- ls -la"),
    ("--exec --print zz ls -l", 2, "write the command after --: sesh --exec --print zz -- ls -l"),
    ("--exec zz -f sh -V", 2, "write the command after --: sesh --exec zz -f -- sh -V"),
    ("--exec sh -c ls", 2, "write the command after --: sesh --exec -- sh -c ls"),
    ("--exec nothing -c ls", 2, "--exec has no option -c; see `sesh --exec --help`"),
    ("--run work ls -la", 2, "write the command after --: sesh --run work -- ls -la"),
    ("--open zz ls -la", 2, "write the command after --: sesh --open zz -- ls -la"),
    ("--open zz /tmp ls -la", 2, "write the command after --: sesh --open zz /tmp -- ls -la"),
    ("--open zz /tmp -la", 2, "--open has no option -l; see `sesh --open --help`"),
    ("--new zz -d ls -la", 2, "write the command after --: sesh --new zz -d -- ls -la"),
    ("--new zz -d ls a b", 2, "write the command after --: sesh --new zz -d -- ls a b"),
    ("--run none -- true", 125, "no session none; `sesh` lists them"),
    ("--send work --key Foo", 2, "Foo is not a key: write C-c, M-x, Enter, Escape, Tab, Up, F5, or one character"),
    ("--list --label =", 2, "= is not a label; write KEY=VALUE"),
    ("--wait work --idle x", 2, "x is not a time: --idle takes seconds, or a time like 90s, 5m, 2h, 7d"),
    ("--screen work --format pdf", 2, "unknown format pdf; use text, ansi, json, svg, html"),
    ("--forget @box", 1, "@box is not a known remote; no remote is known"),
]
"""A line of words, the exit code, and what stands on stderr."""


def said(result: Result) -> str:
    return result.stderr.removeprefix("sesh: ").removesuffix("\n")


def test_messages_are_worded_so(sessions: Home) -> None:
    for line, code, words in SAID:
        result = sessions.sesh(*(word.strip("'") for word in line.split(" ")))
        assert (result.code, said(result)) == (code, words), line


def test_a_session_that_is_started_again_is_said_to_have_been_lost(home: Home) -> None:
    home.sesh("--open", "work", "--", "sleep", "60")
    os.kill(home.summary("work")["daemon_pid"], 9)
    wait_until(lambda: home.summary("work")["state"] == "lost")
    assert said(home.sesh("--open", "work")) == "work was lost: its daemon died; started again"
