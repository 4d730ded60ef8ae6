"""Every verb through `@host`: its output, its JSON, its exit code, its unchanged words."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.remote.farm import Farm
from tests.remote.via import Beside
from tests.support import Home, wait_until

SHELLS = ["fish", "tcsh", *(pytest.param(shell, marks=pytest.mark.soak) for shell in ("bash", "zsh", "dash"))]
"""Hosts of other tests use bash; zsh and dash behave as bash does, so only a thorough run tries all of them."""
BANNER = 'Welcome to \0\x1b[31mbox {"json": 1}\r\nstty: standard input: not a terminal\n'
ODD = [
    "", " ", "a  b ", "-", "-x", "--", "--json", "--help", "@other", "~", "$HOME", "`id`", "$(id)", "!!",
    "a'b", 'a"b', "a\\", "\\n", "line\nbreak\n", "tab\there", "*", "[a-z]?", "{a,b}", "a;b|c&d>e<f", "#",
    "%s", "^", "ünïcödé", "日本", "\udcff\udc80", "\x01\x1b[31m\x7f",
]  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
def test_r27_odd_words_arrive_as_they_were_written_and_sessions_have_a_login_shell(
    home: Home, farm: Farm, shell: str
) -> None:
    """This holds for any login shell, and for any output of its login files."""
    far = farm.host("box", user_shell=shell)
    for name in (".bash_profile", ".profile"):
        far.write(name, f"{far.read(name) if far.exists(name) else ''}\ntouch login\n")
    for name in (".zprofile", ".login"):
        far.write(name, "touch login\n")
    far.write(".config/fish/conf.d/login.fish", "status is-login; and touch login\n")
    far.login_files(BANNER)
    code = "import sys, os; print([os.fsencode(word) for word in sys.argv[1:]])"
    done = home.sesh("@box", "exec", "job", "--print", "--", home.command[0], "-c", code, *ODD)
    if done.code == 126:  # this interpreter is private: any will do
        done = home.sesh("@box", "exec", "job", "--print", "--", "python3", "-c", code, *ODD)
    assert done.code == 0, done
    assert done.stdout == f"{[os.fsencode(word) for word in ODD]}\n"
    assert done.stderr == ""
    assert not far.exists("login")
    if shell == SHELLS[0]:  # one is enough: sesh starts all shells of sessions in one way
        assert home.sesh("@box", "open", "work").code == 0
        wait_until(lambda: far.exists("login"), "the host has the file 'login'")
        assert os.stat(os.path.join(far.home, "login")).st_uid == far.account.uid


def test_a_word_with_an_at_sign_is_a_host_before_the_name_and_text_where_words_are_text(
    home: Home, beside: Beside
) -> None:
    """`grep @box` searched on a host for the next word, and `kill -y @box work` was refused."""
    far = beside("box")
    far.sesh("open", "work")
    home.sesh("open", "work", "--", "sh", "-c", "echo @box work; exec cat")
    assert home.sesh("wait", "work", "--for", "@box", "--since-start").code == 0
    assert home.sesh("grep", "@box").stdout == "work:1:@box work\n"
    assert home.sesh("grep", "@box", "work").stdout == "work:1:@box work\n"
    assert home.sesh("label", "@box", "a=b").code == 2
    assert home.sesh("kill", "-y", "work", "@box").code == 2
    assert far.names() == ["work"]
    assert home.sesh("kill", "-y", "@box", "work").code == 0
    assert (home.names(), far.names()) == (["work"], [])


def test_a_session_lives_its_life_from_afar(home: Home, beside: Beside) -> None:
    far = beside("box")
    made = {"ok": True, "name": "work", "session": "work", "host": "box", "created": True}
    assert home.sesh("@box", "open", "work", "--json").json() == made
    assert home.sesh("@box", "new", "-d", "--", "cat").stdout == "1\n"
    assert home.sesh("@box", "rename", "1", "one").code == 0
    again = home.sesh("@box", "new", "one", "-d")
    assert (again.code, "--join" in again.stderr) == (1, True)
    assert home.sesh("@box", "new", "one", "-d", "--new-name").stdout == "one-2\n"
    assert home.sesh("@box", "send", "work", "echo one; exit 3", "--enter").code == 0
    assert home.sesh("@box", "wait", "work", "--exit").code == 3
    assert "exited 3 (" in home.sesh("@box").stdout
    partly = home.sesh("@box", "kill", "work", "missing", "one-2")
    assert (partly.code, "no session missing" in partly.stderr) == (1, True)
    assert (far.names(), home.names()) == (["one"], [])
    assert home.sesh("@box", "-K").code == 0
    assert far.names() == []


def test_what_cannot_be_done_is_refused_as_over_there(home: Home, beside: Beside) -> None:
    far = beside("box")
    for name in ("work", "other"):
        far.sesh("open", name, "--", "cat")
    for line in ("status missing", "--nonsense work", "open x /no/such", "rename work other"):
        words = line.split()
        there, through = far.sesh("--local", "--json", *words), home.sesh("@box", "--json", *words)
        assert (through.code, through.stderr) == (there.code, there.stderr)
        assert through.json()["error"]["code"] == there.json()["error"]["code"], words
    assert home.sesh("@box", "--version").stdout == home.sesh("--version").stdout
    assert home.sesh("@box", "label", "work", "k=v").code == 0
    assert far.summary("work")["labels"] == {"k": "v"}


def test_send_types_words_keys_and_stdin(home: Home, beside: Beside) -> None:
    far = beside("box")
    line = "stty raw -echo; echo ready; head -c 200020 >got; echo done; exec cat"
    home.sesh("@box", "open", "work", "--", "sh", "-c", line)
    far.prints("work", "ready")
    data = bytes(range(256)) * 781 + b"0" * 64
    assert home.sesh("@box", "send", "work", "two  words", "and one").code == 0
    assert home.sesh("@box", "send", "work", "--key", "C-c", "--key", "Escape").code == 0
    sent = home.sesh("@box", "send", "work", "-", "--json", input=data)
    assert sent.json()["bytes"] == len(data)
    wait_until(
        lambda: far.exists("got") and os.path.getsize(os.path.join(far.path, "got")) == 200020,
        "the host has all that was sent",
    )
    with open(os.path.join(far.path, "got"), "rb") as file:
        assert file.read() == (b"two  words and one\x03\x1b" + data)[:200020]
    far.prints("work", "done")


def test_jobs_over_there_end_with_their_own_code_and_what_they_print_comes_back(home: Home, beside: Beside) -> None:
    far = beside("box")
    for script, code in {"exit 255": 255, "kill -9 $$": 137}.items():
        assert home.sesh("@box", "exec", "--", "sh", "-c", script).code == code
    line = home.sesh("@box", "exec", "--", "exit 3")
    assert (line.code, "command not found; for a line of shell: sh -c 'exit 3'" in line.stderr) == (127, True)
    assert home.sesh("@box", "exec", "--timeout", "3", "--", "sleep", "1000").code == 124
    home.sesh("@box", "open", "taken", "--", "cat")
    taken = home.sesh("@box", "exec", "taken", "--json", "--", "true")
    assert (taken.code, taken.json()["error"]["code"]) == (125, "exists")
    assert far.names() == ["taken"]
    script = "printf 'one\\ntwo\\377'; exit 4"
    printed = home.sesh("@box", "exec", "--print", "--", "sh", "-c", script)
    assert (printed.code, printed.raw, printed.stderr) == (4, b"one\ntwo\xff", "")
    followed = home.sesh("@box", "exec", "--follow", "--", "sh", "-c", script)
    assert (followed.code, followed.raw, followed.stderr) == (4, b"one\ntwo\xff", "")
    lines = home.sesh("@box", "exec", "--json", "--follow", "--", "sh", "-c", script).stdout.splitlines()
    assert [json.loads(line) for line in lines[:2]] == [{"line": "one"}, {"line": "two\ufffd"}]
    value = json.loads(lines[2])
    assert (value["host"], value["command"], value["exit_code"]) == ("box", ["sh", "-c", script], 4)


def test_programs_beside_the_launcher_are_found_over_there(home: Home, beside: Beside) -> None:
    """sshd's PATH lacks ~/.local/bin, where agents and their hooks are."""
    far = beside("box", path="/usr/bin:/bin")
    far.write(".local/bin/agent", "#!/bin/sh\ncommand -v sesh; echo $PATH", 0o755)
    folder = os.path.join(far.path, ".local/bin")
    found, path = home.sesh("@box", "exec", "--print", "--", "agent").stdout.split("\n")[:2]
    assert (found, path.split(":")[-1], path.count(folder)) == (f"{folder}/sesh", folder, 1)


def test_directories_are_meant_over_there(home: Home, beside: Beside) -> None:
    """The shell here expands `~` to this machine's home, but the host's is meant."""
    far = beside("box")
    for name in ("project", "a b"):
        os.makedirs(os.path.join(far.path, name))

    def where(*words: str) -> str:
        done = home.sesh("@box", "exec", "--print", *words, "--", "pwd")
        return done.stdout.strip() if done.code == 0 else done.stderr

    assert where("-C", home.path) == far.path
    assert where("-C", f"{home.path}/a b/") == f"{far.path}/a b"
    assert where("-C", "project") == f"{far.path}/project"
    assert "no directory" in where("-C", f"{home.path}x")
    assert home.sesh("@box", "open", "work", f"{home.path}/project", "--", "cat").code == 0
    assert far.summary("work")["cwd"] == f"{far.path}/project"


def test_r26_hosts_that_a_shell_or_ssh_could_misread_are_refused_before_anything_runs(home: Home) -> None:
    home.write("bin/ssh", "#!/bin/sh\ntouch ~/called\n", 0o755)
    for word in ("-oProxyCommand=touch x", "a\nb;$(x)"):  # the others: unit/remote/test_destination
        done = home.sesh(f"@{word}", "list", "--json")
        assert (done.code, done.json()["error"]["code"]) == (2, "invalid_host"), word
        done = home.sesh(f"@{word}", "work")
        assert (done.code, done.stderr.count("\n")) == (2, 1), word
    assert not os.path.exists(os.path.join(home.path, "called"))


def test_output_and_code_of_a_run_come_from_over_there_where_ctrl_c_reaches_it(home: Home, beside: Beside) -> None:
    far = beside("box")
    assert home.sesh(far.at, "open", "t").code == 0
    assert home.sesh(far.at, "run", "t", "--", "cd /usr; printf 'a\\377'; sh -c 'exit 7'").code == 7
    done = home.sesh(far.at, "run", "t", "--", "pwd; printf 'a\\377\\r\\n'")
    assert (done.code, done.raw, done.stderr) == (0, b"/usr\na\xff\r\n", "")
    answer = home.sesh(far.at, "run", "t", "--json", "--", "printf", "%s", "it's").json()
    assert (answer["host"], answer["output"], answer["command"]) == (far.word, "it's", ["printf", "%s", "it's"])
    assert home.sesh(far.at, "run", "none", "--", "true").code == 125
    process = home.start(far.at, "run", "t", "--", "echo begun; sleep 60")
    far.prints("t", "^begun")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert home.sesh(far.at, "run", "t", "--", "echo after").stdout == "after\n"
    far.away()
    refused = home.sesh(far.at, "run", "t", "--json", "--", "true")
    assert (refused.code, refused.json()["error"]["code"]) == (125, "unreachable")
