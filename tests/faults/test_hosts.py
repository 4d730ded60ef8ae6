"""Hostile hosts fill no memory and harm no terminal; each error is one line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from sesh.reach import host_target
from sesh.wire import protocol
from tests.faults.bridges import ODD_ROWS
from tests.faults.daemons import far_end, fork_far_ends
from tests.support import Home, Result, Terminal

ACTS = ("\x1b]52", "\x1b]0;", "\x9b", "\x07")
DETACH = b"\x1c"


class Evil:
    """`@evil`, reached by a program that attacks whoever comes."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.gone = os.path.join(home.path, "gone")
        home.env |= {"GONE": self.gone, "SESH_NO_SYNC": "1", "TERM": "xterm-kitty"}

    def does(self, attack: str) -> None:
        via = json.dumps(far_end(self.home, attack))
        self.home.write(".config/sesh/config.toml", f"[remotes.evil]\nvia = {via}\n")

    def sesh(self, attack: str, *words: str) -> Result:
        """Run `sesh @evil WORDS`; check that no escape sequence and no traceback comes out."""
        self.does(attack)
        done = self.home.sesh("@evil", *words)
        assert_harmless(done.stdout + done.stderr)
        return done

    def attaches(self, attack: str) -> Terminal:
        self.does(attack)
        return self.home.terminal("@evil", "work")

    def sent(self) -> int:
        """Count the bytes that a flood has sent."""
        try:
            with open(self.gone, encoding="utf-8") as file:
                return int(file.read() or 0)
        except FileNotFoundError:
            return 0


def assert_harmless(printed: str) -> None:
    assert "Traceback" not in printed
    assert "internal error" not in printed
    assert not any(each in printed for each in ACTS)


def assert_shown_harmless(terminal: Terminal) -> None:
    assert_harmless(bytes(terminal.raw).decode("utf-8", "replace"))


@pytest.fixture
def evil(home: Home, monkeypatch: pytest.MonkeyPatch) -> Evil:
    fork_far_ends(home, monkeypatch)
    return Evil(home)


@pytest.mark.soak
def test_data_without_end_takes_bounded_memory(evil: Evil) -> None:
    """sesh read five gigabytes in eight seconds."""
    evil.does("data")
    # A process's peak begins with that of its parent: this parent is a small one.
    measured = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    words = [sys.executable, "-c", measured, *evil.home.command, "@evil", "list"]
    done = subprocess.run(
        words, env=evil.home.environment(), cwd=evil.home.path, capture_output=True, text=True, timeout=60, check=False
    )
    assert "40 MiB" in done.stderr
    peak = int(done.stdout.split()[-1]) << (0 if sys.platform == "darwin" else 10)
    assert peak < 3 * protocol.MAX_RESPONSE, peak


def test_a_malformed_row_is_an_error_that_names_it(evil: Evil) -> None:
    for kind in ODD_ROWS:
        done = evil.sesh(f"row-{kind}", "list")
        assert (done.code, done.stdout) == (1, ""), kind
        assert "the other side sent a malformed message: views.overview.sessions[1]." in done.stderr, kind
        assert_harmless(done.stderr)


def test_a_host_s_odd_rows_leave_the_list_of_this_machine_whole(evil: Evil) -> None:
    assert evil.sesh("notes", "list").code == 0  # from now on it is a known remote
    evil.home.sesh("open", "mine", "--", "sleep", "100")
    for attack in ("rows", "million", "misframes"):
        evil.does(attack)
        path = os.path.join(evil.home.path, ".local/state/sesh/remotes.json")
        with open(path, encoding="utf-8") as file:
            hosts = json.load(file)
        for facts in hosts.values():
            facts.pop("failure", None)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(hosts, file)
        done = evil.home.sesh("list")
        assert (done.code, "mine" in done.stdout) == (0, True), done
        assert_harmless(done.stdout + done.stderr)


def test_what_is_not_of_its_shape_is_one_line(evil: Evil) -> None:
    for attack, said in {
        "million": "values in one answer",
        "deep": "not JSON",
        "odd-error": "RESPONSE.error.",
        "misframes": "does not speak sesh's protocol",
        "odd-welcome": "WELCOME.version",
        "asks": "though nobody can be asked",
    }.items():
        done = evil.sesh(attack, "list")
        assert (done.code, done.stderr.count("\n"), said in done.stderr) == (1, 1, True), done
    for attack, form in (("picture", "json"), ("picture-cells", "text")):
        done = evil.sesh(attack, "screen", "good", "--format", form)
        assert (done.code, done.stderr.count("\n")) == (1, 1), done
        assert "malformed message: " in done.stderr


def test_the_list_to_choose_from_stands_a_host_s_odd_screens(evil: Evil) -> None:
    """The board died of a KeyError."""
    evil.does("picture")
    terminal = evil.home.terminal("@evil", "pick", columns=200)
    terminal.wait_for("malformed message: ")
    terminal.type("\x1b")
    assert terminal.exit_code() == 1


def test_notes_are_printable_and_not_without_end(evil: Evil) -> None:
    done = evil.sesh("notes", "list")
    assert done.code == 0
    assert done.stderr.count("\n") == host_target.MAX_NOTES


def test_a_job_with_an_odd_code_or_name_is_one_line_and_255_as_it_may_run(evil: Evil) -> None:
    for attack in ("job-range", "odd-name"):
        done = evil.sesh(attack, "exec", "w", "--", "true")
        assert (done.code, done.stderr.count("\n"), "malformed" in done.stderr) == (255, 1, True), done


def test_an_odd_end_of_a_session_is_one_line_and_changes_no_file(evil: Evil) -> None:
    for attack in ("exit-range", "exit-name", "detach-name"):
        terminal = evil.attaches(attack)
        assert terminal.exit_code() == 1
        assert "malformed" in terminal.text()
        assert_shown_harmless(terminal)
        with open(os.path.join(evil.home.directory, ".recent"), encoding="utf-8") as file:
            assert file.read() == "@evil work\n"


def test_a_terminal_that_left_before_a_screen_has_seen_what_it_had_seen_before(evil: Evil) -> None:
    """The next attachment repeated lines that the terminal had."""
    assert evil.attaches("leaves").exit_code() == 0
    assert not [entry for entry in os.listdir(evil.home.directory) if entry.startswith(".terminal.")]


def test_notes_and_notices_reach_the_terminal_as_text(evil: Evil) -> None:
    terminal = evil.attaches("noted")
    terminal.exit_code()
    assert_shown_harmless(terminal)
    terminal = evil.attaches("notice")
    terminal.wait_for("hi")
    assert_shown_harmless(terminal)
    terminal.type(DETACH)
    terminal.exit_code()


def test_a_host_cannot_send_its_client_elsewhere(evil: Evil) -> None:
    terminal = evil.attaches("switch")
    terminal.wait_for("hello")
    terminal.type(DETACH)
    assert terminal.exit_code() == 0
    assert "detached from work" in terminal.text()


def test_a_host_that_claims_a_key_gets_nothing_of_the_person_s_machine(evil: Evil) -> None:
    home = evil.home
    for tool, reply in (("xclip", "echo UTF8_STRING"), ("xdg-open", "")):
        home.write(f"bin/{tool}", f"#!/bin/sh\necho {tool} >>{home.path}/called\n{reply}\n", 0o755)
    home.env["DISPLAY"] = ":87"
    terminal = evil.attaches("wishes")
    terminal.wait_for("asks for your clipboard")
    terminal.wait_until(lambda: os.path.exists(evil.gone) and os.path.getsize(evil.gone), "each wish has its answer")
    with open(evil.gone, encoding="utf-8") as file:
        assert json.load(file) == ["consent"] * 4 + ["refused"] * 3
    with open(f"{home.path}/called", encoding="utf-8") as called:
        assert "xdg-open" not in called.read()
    assert_shown_harmless(terminal)
    terminal.type(DETACH)
    terminal.exit_code()


def test_a_host_that_asks_for_the_clipboard_without_end_is_left_all_the_same(evil: Evil) -> None:
    """The detach key waited behind 16 MiB of answers that the host did not take."""
    text = "head -c 1000000 /dev/zero | tr '\\0' x"
    evil.home.write("bin/xclip", f"#!/bin/sh\ncase $* in *TARGETS*) echo UTF8_STRING ;; *) {text} ;; esac\n", 0o755)
    evil.home.env["DISPLAY"] = ":87"
    terminal = evil.attaches("queries")
    terminal.wait_for("hello")
    terminal.type("\x16")
    terminal.wait_for("asked")
    terminal.type(DETACH)
    terminal.exit_code()


def test_a_question_is_asked_as_text(evil: Evil) -> None:
    terminal = evil.attaches("asks")
    terminal.wait_for("really")
    assert_harmless(bytes(terminal.raw).decode("utf-8", "replace").replace("\x07", ""))
    terminal.type(b"\x03")
    assert terminal.exit_code() == 130


@pytest.mark.parametrize(("attack", "verb"), [("dies", "wait"), ("silent", "run"), ("mute", "exec")])
def test_a_timeout_bounds_connecting_too(evil: Evil, attack: str, verb: str) -> None:
    """Despite `--timeout`, such a call took eight seconds, or twenty."""
    done = evil.sesh(attack, verb, "work", "--timeout", "0.5", *(["--", "true"] if verb != "wait" else []))
    assert done.code == 124, done


@pytest.mark.needs_fork("a shorter wait than a minute")
@pytest.mark.parametrize("attack", ["unanswered", "answers-another"])
def test_each_request_to_a_host_has_a_bound(evil: Evil, monkeypatch: pytest.MonkeyPatch, attack: str) -> None:
    """Over a link that lives, such a verb waited without end."""
    monkeypatch.setattr("sesh.link.link.RESPONSE_TIMEOUT", 0.3)
    silent, check = "sesh: evil does not answer", "check what was done: sesh @evil"
    created = "work may have been created"
    for words, code, said in (
        (["list"], 1, silent),
        (["screen", "work"], 1, silent),
        (["kill", "work"], 1, f"{silent}; {check}"),
        (["send", "work", "text"], 1, silent),
        (["new", "work", "-d"], 1, f"{silent}; {created}; {check}"),
        (["exec", "work", "--", "true"], 255, f"{silent}; {created}; {check}"),
        (["exec", "work", "-d", "--", "true"], 255, f"{silent}; {created}; {check}"),
    ):
        done = evil.sesh(attack, *words)
        assert (done.code, done.stderr) == (code, f"{said}\n"), words
    terminal = evil.attaches(attack)
    terminal.wait_for(f"{silent}; {check}")
    assert terminal.exit_code() == 1


@pytest.mark.soak
def test_a_host_that_ends_each_link_is_asked_a_few_times_with_pauses(evil: Evil) -> None:
    """A request that creates a session logged in without pause and without end."""
    done = evil.sesh("quits", "exec", "work", "--", "true")
    assert (done.code, "work may have been created" in done.stderr) == (255, True), done
    with open(evil.gone, encoding="utf-8") as file:
        times = [float(line) for line in file]
    assert len(times) == host_target._MAX_LINKS
    assert times[3] - times[1] > 0.4, "the first is replaced at once, the others after a pause"


def peak(pid: int) -> int:
    """Return the most bytes that a process has had in memory."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
    assert found is not None
    return int(found[1]) << 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc")
def test_a_host_that_floods_takes_bounded_memory_and_is_left_at_once(evil: Evil) -> None:
    """The flood took a hundred times what the host sent."""
    terminal = evil.attaches("crumbs")
    terminal.wait_for_raw(b"hello")  # which the flood soon scrolls away
    before = peak(terminal.pid)
    terminal.wait_until(lambda: evil.sent() > 1 << 18, "the host has sent 256 KiB", timeout=120)
    assert peak(terminal.pid) < before + (2 << 20)
    terminal.type(DETACH)
    assert terminal.exit_code() == 0
    assert terminal.termios() == terminal.first_termios
