"""`exec`: the job's code, its output unchanged, and every way in which waiting can end."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from tests.support import Home, Open, Sesh, processes, wait_until
from tests.support.home import UNDER_TEST

SLEEPS = "echo ready; exec sleep 60"


def followed(home: Home, script: str, *words: str) -> subprocess.Popen[bytes]:
    """Start a job with `--follow`, and wait for its line `ready`."""
    process = home.start("exec", "job", "--follow", *words, "--", "sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize(("script", "code"), [("exit 255", 255), ("kill -9 $$", 137)])
def test_the_jobs_code_is_seshs(sesh: Sesh, home: Home, script: str, code: int) -> None:
    done = sesh("exec", "build", "--", "sh", "-c", script)
    said = "sesh: build was killed, perhaps for memory\n" if code == 137 else ""  # nobody knows who sent SIGKILL
    assert (done.code, done.raw, done.stderr) == (code, b"", said)
    assert home.names() == []


def test_what_a_job_asks_its_terminal_is_not_asked_of_the_persons_own(home: Home) -> None:
    """Otherwise the terminal's answers (`R1;2c`) stand at the shell's prompt, as if typed."""
    asked = r"\033[6n\033[c\033[>c\033[?2026$p\033]11;?\007\033P+q436f\033\\\033[>q\033[?u"
    job = ["--", "sh", "-c", f"stty -echo; printf '\\033[1mbegun\\033[6'; printf 'n{asked}ended\\n'"]
    shown = home.terminal("exec", "--follow", *job)
    assert shown.exit_code() == 0
    assert bytes(shown.raw).replace(b"\x18", b"").endswith(b"\x1b[1mbegunended\r\n")
    piped = home.sesh("exec", "--print", *job).raw
    assert piped.startswith(b"\x1b[1mbegun\x1b[6n\x1b[6n\x1b[c"), "what goes elsewhere stays as it is"


@pytest.mark.skipif(bool(UNDER_TEST), reason="the folder of the installed program is not the test's")
def test_what_sesh_starts_finds_sesh_and_what_lies_beside_it(home: Home) -> None:
    """With the short PATH of cron, jobs, sessions and hooks find them, after `reload` too."""
    home.write("bin/beside", "#!/bin/sh\necho found\n", 0o755)
    home.write(".config/sesh/config.toml", "hook = 'beside >>\"$HOME/log-$SESH_SESSION\"'\n")
    folder = os.path.join(home.path, "bin")
    home.env["PATH"] = "/usr/bin:/bin"
    job = home.sesh("exec", "--print", "--", "sh", "-c", "echo $PATH; command -v sesh; beside")
    shims = os.path.join(home.directory, "bin")
    assert job.stdout == f"{shims}:/usr/bin:/bin:{folder}\n{folder}/sesh\nfound\n"
    for name in ("one", "two"):
        assert home.sesh("open", name).code == 0
    assert home.sesh("run", "two", "--", "command -v sesh; beside").stdout == f"{folder}/sesh\nfound\n"
    assert home.sesh("reload", "one").code == 0
    for name in ("one", "two"):
        assert home.sesh("run", name, "--", "printf '\\a'; beside").stdout.endswith("found\n")
        wait_until(lambda: os.path.exists(os.path.join(home.path, f"log-{name}")), f"the file 'log-{name}' exists")  # noqa: B023 - called at once
    first = home.sesh("exec", "--print", "--", "sh", "-c", "echo $PATH", env={"PATH": f"{folder}:/usr/bin:/bin"})
    assert first.stdout == f"{shims}:{folder}:/usr/bin:/bin\n", "the person's own order stays"


def test_followed_output_comes_while_the_job_runs(home: Home) -> None:
    process = home.start("exec", "job", "--follow", "--", "sh", "-c", "echo begun; read line; echo got $line")
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    assert home.sesh("send", "job", "on", "--enter").code == 0
    out, _ = process.communicate(timeout=30)
    assert out.endswith(b"got on\n")
    assert process.returncode == 0


def test_followed_json_is_an_object_a_line(sesh: Sesh) -> None:
    done = sesh("exec", "--follow", "--json", "--", "sh", "-c", "echo one; printf two")
    *lines, result = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == [{"line": "one"}, {"line": "two"}]
    assert (result["exit_code"], result["output"], result["truncated"]) == (0, "", False), "nothing comes twice"


def test_directory_variables_and_words_are_the_jobs_and_output_is_printed_as_it_was_written(
    sesh: Sesh, home: Home
) -> None:
    home.write("there/file", "")
    words = ["--json", "-C", "@gpu", "a b", "", "--", "$HOME", "*", "ä"]
    script = 'pwd; echo "$X"; printf "<%s>\\n" "$@"; printf "\\n\\tb\\r\\n\\377\\033[1m."'
    done = sesh("exec", "--print", "-C", "there", "--env", "X=a b", "--", "sh", "-c", script, "sh", *words)
    printed = f"{home.path}/there\na b\n" + "".join(f"<{word}>\n" for word in words)
    assert done.raw == printed.encode() + b"\n\tb\r\n\xff\x1b[1m."


def test_a_third_ctrl_c_stops_waiting_and_says_how_to_go_on(home: Home) -> None:
    job = "trap 'echo again' INT; echo ready; while :; do sleep 0.05; done"
    process = followed(home, job)
    assert process.stdout is not None
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        assert b"again\n" in iter(process.stdout.readline, b"")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "job goes on" in err.decode()
    assert home.names() == ["job"]


def test_the_detach_key_leaves_even_a_tied_job_and_says_how_to_go_on(home: Home) -> None:
    """Ctrl-\\ must not kill the waiting `exec` by SIGQUIT, with a core dump."""
    process = home.start("exec", "job", "--tie", "--json", "--", "sh", "-c", SLEEPS)
    wait_until(lambda: "ready" in home.sesh("screen", "job").stdout, "job shows 'ready'")
    process.send_signal(signal.SIGQUIT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    error = json.loads(out)["error"]
    assert (error["code"], "job goes on" in error["message"], "typed" in error) == ("interrupted", True, False)
    assert home.names() == ["job"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_tied_job_ends_with_the_one_who_waits(home: Home, number: int) -> None:
    process = followed(home, SLEEPS, "--tie")
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGHUP
    wait_until(lambda: home.names() == [], "no session is left")


@pytest.mark.parametrize("words", [(), ("--tie",)])
def test_following_ends_with_the_reader_of_a_pipe_though_the_job_prints_no_more(
    home: Home, words: tuple[str, ...]
) -> None:
    process = followed(home, SLEEPS, *words)
    assert process.stdout is not None
    process.stdout.close()
    process.wait(timeout=30)
    assert home.names() == ["job"]


def test_who_waits_for_a_job_that_is_killed_is_told_so(home: Home) -> None:
    """Exit code 129 alone does not say why the job ended."""
    process = home.start("exec", "job", "--", "sleep", "1000")
    wait_until(lambda: home.names() == ["job"], "job is the only session")
    home.sesh("kill", "job")
    assert process.communicate(timeout=30) == (b"", b"sesh: job was killed\n")
    assert process.returncode == 129


def test_a_pipe_that_has_ended_is_no_input_for_a_job(home: Home) -> None:
    """A closed pipe as stdin, as agents give, must not cause a warning about input."""
    process = home.start("exec", "job", "--", "sh", "-c", "read x", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    wait_until(
        lambda: home.names() == ["job"] and home.summary("job")["activity"]["state"] == "waiting",
        "the job waits for input",
    )
    home.sesh("send", "job", "hi", "--enter")
    assert process.communicate(timeout=30) == (b"", b"")
    assert process.returncode == 0


def test_who_waits_for_a_job_hears_that_it_asks_something(home: Home) -> None:
    """Otherwise the user would type the answer here, where the job does not get it."""
    waiting = home.terminal("exec", "job", "--follow", "--", "sh", "-c", 'printf "Name? "; read name; echo "$name"')
    waiting.wait_for("job waits: Name?; answer it in another terminal: sesh job")
    assert "Name?\nsesh: job waits" in waiting.text()
    home.sesh("send", "job", "Ada", "--enter")
    assert waiting.exit_code() == 0


def test_a_tied_job_ends_when_its_window_closes(home: Home) -> None:
    terminal = home.terminal("exec", "job", "--tie", "--follow", "--", "sh", "-c", "echo ready; exec sleep 60")
    terminal.wait_for("ready")
    terminal.hang_up()
    wait_until(lambda: home.names() == [], "no session is left")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_a_job_outlives_the_one_who_waits(home: Home, number: int) -> None:
    process = followed(home, SLEEPS)
    process.send_signal(number)
    assert process.wait(30) == -number
    process.communicate()
    assert home.summary("job")["state"] == "running"


def test_a_job_whose_daemon_is_killed_is_255_as_it_has_run(home: Home) -> None:
    home.strict = False
    process = followed(home, SLEEPS)
    os.kill(home.summary("job")["daemon_pid"], signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 255
    assert "daemon of job died" in err.decode()
    assert home.sesh("kill", "job").code == 0


def test_a_reader_that_goes_away_is_met_in_silence(home: Home) -> None:
    shell = f"{home.path}/bin/sesh exec --follow -- seq 30000 | head -1; echo done"
    done = subprocess.run(
        ["bash", "-c", shell], env=home.env, cwd=home.path, capture_output=True, timeout=20, check=False
    )
    assert done.stdout == b"1\ndone\n"
    assert done.stderr == b""


def test_r13_the_end_of_stdin_neither_ends_the_job_nor_costs_processor_time(home: Home) -> None:
    jobs = {
        name: home.start("exec", name, f"--{name}", "--", "sh", "-c", "read line </dev/tty; exit 6")
        for name in ("follow", "stdin")
    }
    wait_until(lambda: home.names() == ["follow", "stdin"], "only the jobs follow and stdin are left")
    waiting = [pid for name, job in jobs.items() for pid in (job.pid, home.summary(name)["daemon_pid"])]
    wait_until(lambda: all(processes.rested(waiting) for _ in range(6)), "0.3 s of sleep")
    for name, job in jobs.items():
        assert home.sesh("send", name, "on", "--enter").code == 0
        assert job.wait(30) == 6


def test_a_job_whose_time_is_up_has_one_code(sesh: Sesh, home: Home) -> None:
    """A wait for it gave 129."""
    assert sesh("exec", "job", "--timeout", "0.5", "--", "sleep", "60").code == 124
    assert sesh("wait", "job", "--exit").code == 124


def test_jobs_and_sessions_whose_creator_has_no_terminal_have_no_pager_unless_it_was_set(
    home: Home, terminal: Open
) -> None:
    """A pager waited for keys, and so did the script that had called it."""
    says = 'echo "$PAGER,$GIT_PAGER,$GIT_EDITOR;"'
    shows = ["sh", "-c", f"{says}; exec cat"]
    job = home.sesh("exec", "--print", "--", "sh", "-c", says)
    assert job.stdout == "cat,cat,:;\n"
    assert home.sesh("open", "plain", "--", *shows).code == 0
    assert home.sesh("open", "set", "--env", "PAGER=less", "--env", "GIT_EDITOR=vi", "--", *shows).code == 0
    wait_until(lambda: "cat,cat,:;" in home.sesh("screen", "plain").stdout, "plain shows its variables")
    wait_until(lambda: "less,cat,vi;" in home.sesh("screen", "set").stdout, "set shows its variables")
    person = terminal("work", "--", *shows)
    person.wait_for(",,;")
