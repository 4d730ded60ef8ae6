"""Text with `--enter` for a program that reads key by key: never into a draft or a question, whole, and typed once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from sesh import wire
from sesh.api import Sent, Session
from sesh.daemon import submission
from sesh.errors import Busy, NotSubmitted, Refused, UsageError
from tests.support import PROMPT, Home, Result, Terminal, wait_until

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/syscall"), reason="this kernel does not say who reads")

Open = Callable[..., Terminal]
Sesh = Callable[..., Result]

COMPOSER = """
import os, select, sys, time, tty
path, window, takes = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "takes"
tty.setraw(0)
text, pasting, typed_at, done = "", False, 0.0, 0
def show(words):
    os.write(1, ("\\x1b[H\\x1b[2J" + words).encode())
os.write(1, b"\\x1b[?2004h")
show("ready\\r\\n> ")
while True:
    data, now = os.read(0, 4096), time.monotonic()
    while data:
        if data.startswith((b"\\x1b[200~", b"\\x1b[201~")):
            pasting, data = data[:6] == b"\\x1b[200~", data[6:]
            continue
        key, data = data[:1], data[1:]
        if key == b"\\r" and not pasting and now - typed_at > window and takes:
            with open(path, "a") as file:
                print(repr(text), file=file)
            text, done = "", done + 1
        elif key == b"\\x03":
            sys.exit()
        elif key == b"\\x15":
            text = ""
        else:
            text, typed_at = text + ("\\n" if key == b"\\r" else key.decode("latin-1")), now
    show(f"taken {done}\\r\\n> " + text.replace("\\n", "\\r\\n  ")[-60:])
"""
"""A program that reads keys, takes an Enter too soon behind text for a new line, and notes what was entered."""


@pytest.fixture
def here(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process asks the daemons of the test's own home."""
    monkeypatch.setenv("HOME", home.path)
    monkeypatch.setenv("SESH_DIR", home.directory)


@pytest.fixture
def composer(sesh: Sesh, home: Home) -> Callable[..., Callable[[], list[str]]]:
    """Starts the composer in session `agent`; returns a function that returns what it has taken."""

    def start(window: float = 0.04, *, takes: bool = True) -> Callable[[], list[str]]:
        path = os.path.join(home.path, "taken")
        source = home.write("composer.py", COMPOSER)
        words = [path, str(window), "takes" if takes else "never"]
        assert sesh("--open", "agent", "--", "python3", source, *words).code == 0
        wait_until(lambda: "ready" in sesh("--screen", "agent").stdout)

        def taken() -> list[str]:
            if not os.path.exists(path):
                return []
            with open(path) as file:
                return [eval(line) for line in file]  # noqa: S307 (written by the program above)

        return taken

    return start


Composer = Callable[..., Callable[[], list[str]]]


def _judged_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Enter that is not taken counts as that after a moment."""
    monkeypatch.setattr(submission, "_AGAIN", 0.3)
    monkeypatch.setattr(submission, "_JUDGED", 0.6)


def test_what_is_not_taken_is_said_and_typed_only_once(
    sesh: Sesh, composer: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _judged_soon(monkeypatch)
    taken = composer(takes=False)
    sent = sesh("--send", "agent", "please", "--enter", "--json")
    assert sent.code == 1
    error = sent.json()["error"]
    assert (error["code"], error["typed"]) == ("refused", True)
    assert "agent has not taken the text" in error["message"]
    assert "sesh --screen agent" in error["message"]
    assert taken() == []
    assert sesh("--screen", "agent").stdout.count("please") == 1


def test_a_text_arrives_whole_and_without_paste_marks_and_two_at_once_one_behind_the_other(
    sesh: Sesh, composer: Composer, here: None
) -> None:
    taken = composer()
    long = " ".join(f"word{number}" for number in range(2400))
    for text in ("one\ntwo\nthree", long, "a\x1b[200~b\x1b[201~c\x1b[20\x1b[201~1~d"):
        assert sesh("--send", "agent", "-", "--enter", input=text).code == 0
    assert taken() == ["one\ntwo\nthree", long, "abcd"]
    texts = ["first of the two", "second of the two"]
    threads = [threading.Thread(target=Session("agent").send, args=(text,), kwargs={"enter": True}) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken()[3:]) == texts


def test_a_draft_of_a_person_is_not_submitted_until_it_is_entered_discarded_or_forced(
    sesh: Sesh, terminal: Open, composer: Composer
) -> None:
    taken = composer(0)
    opened = terminal("agent")
    opened.wait_for("ready")
    for number, discard in enumerate((b"\x15", b"\x1b")):
        opened.type("draft")
        opened.wait_for("draft")
        refused = sesh("--send", "agent", "run the tests", "--enter", "--json")
        assert (refused.code, refused.json()["error"]["code"]) == (1, "busy")
        assert "somebody is typing in agent" in refused.json()["error"]["message"]
        opened.type(discard)
        wait_until(lambda: "somebody is typing" not in sesh("--send", "agent", str(number), "--enter").stderr)  # noqa: B023
    opened.type("dear colleag")
    opened.wait_for("dear colleag")
    assert sesh("--send", "agent", "ue", "--enter", "--force").code == 0
    assert taken()[-1] == "dear colleague"
    opened.type("half")
    opened.wait_for("> half")
    opened.type(b"\x1c")
    assert opened.exit_code() == 0
    refused = sesh("--send", "agent", "x y z", "--enter")
    assert (refused.code, "somebody has typed in agent and not pressed Enter" in refused.stderr) == (1, True), refused
    assert sesh("--send", "agent", "--key", "Enter").code == 0, "keys alone pass a draft"
    wait_until(lambda: taken()[-1] == "half")
    assert len(taken()) == 4


def test_a_line_that_a_person_has_begun_at_a_prompt_is_not_submitted(sesh: Sesh, terminal: Open, home: Home) -> None:
    """`rm -rf half-typed` became a command together with the text."""
    sesh("--open", "work", "--", "bash", "--norc")
    opened = terminal("work")
    opened.wait_for(PROMPT.strip())
    opened.type("echo half")
    opened.wait_for("echo half")
    refused = sesh("--send", "work", "ls", "--enter")
    assert refused.code == 1
    assert "somebody is typing in work and has not pressed Enter; nothing was typed" in refused.stderr
    opened.type("\x7f" * 9)
    assert sesh("--send", "work", "echo whole >file", "--enter").code == 0
    wait_until(lambda: os.path.exists(f"{home.path}/file"))
    sesh("--send", "work", "echo one")
    assert sesh("--send", "work", " >two", "--enter").code == 0  # a script's own beginning
    wait_until(lambda: os.path.exists(f"{home.path}/two"))


def test_a_person_who_types_meanwhile_keeps_enter_away(composer: Composer, terminal: Open, here: None) -> None:
    """The text was on its way when a key came: the Enter would have submitted both."""
    taken = composer()
    opened = terminal("agent")
    opened.wait_for("ready")
    outcome: list[object] = []

    def send() -> None:
        try:
            outcome.append(Session("agent").send("a text without an end that is shown\t", enter=True))
        except NotSubmitted as error:
            outcome.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    opened.wait_for("that is shown")
    opened.type("!")
    thread.join()
    if isinstance(outcome[0], NotSubmitted):
        assert "somebody typed meanwhile" in str(outcome[0])
        assert outcome[0].typed
        assert taken() == []
    else:  # Enter was faster than the key
        assert taken() == ["a text without an end that is shown\t"]


def test_what_a_program_asks_is_not_answered_by_accident(composer: Composer, here: None) -> None:
    taken = composer()
    wire.ask("agent", "state", state="waiting", question="Allow rm -rf build?")
    with pytest.raises(Busy, match='agent asks "Allow rm -rf build\\?"; nothing was typed') as refused:
        Session("agent").send("go on with the next one", enter=True)
    assert (refused.value.exit_code, refused.value.code) == (1, "busy")
    assert taken() == []
    sent = Session("agent").send("no, keep it", enter=True, if_waiting="rm -rf")
    assert isinstance(sent, Sent)
    assert (sent.submitted, sent.typed) == (True, True)
    assert taken() == ["no, keep it"]


MENU = """
import os, tty
tty.setraw(0)
def ask():
    os.write(1, b"\\x1b]7501;state=working\\x07\\x1b]7501;state=blocked:kind=permission\\x07Run it? 1 yes, 2 no\\r\\n")
ask()
while key := os.read(0, 1):
    os.write(1, b"got %r\\r\\n" % key)
    if key in b"12":
        ask()
"""
"""Takes a digit for the answer, and asks for a permission again."""


def test_enter_does_not_answer_a_second_question_of_the_same_words(sesh: Sesh) -> None:
    assert sesh("--open", "menu", "--", "python3", "-c", MENU).code == 0
    wait_until(lambda: sesh("--status", "menu", "--json").json()["activity"]["state"] == "waiting")
    sent = sesh("--send", "menu", "1", "--enter", "--if-waiting")
    assert (sent.code, "it asks something now, and got no Enter" in sent.stderr) == (1, True)
    assert "got b'\\r'" not in sesh("--screen", "menu").stdout


def test_a_key_that_was_answer_enough_gets_no_enter(sesh: Sesh) -> None:
    """The Enter answered the next question."""
    asks = "read -s -n1 -p 'Key? ' key; echo [$key]; read -p 'Line? ' line; echo got [$line]; cat"
    assert sesh("--open", "keys", "--", "bash", "-c", asks).code == 0
    wait_until(lambda: "Key?" in sesh("--screen", "keys").stdout)
    sent = sesh("--send", "keys", "a", "--enter")
    assert (sent.code, "it reads lines now, and got no Enter" in sent.stderr) == (1, True)
    assert sesh("--screen", "keys").stdout.split() == ["Key?", "[a]", "Line?"]


def test_keys_do_not_wait_for_a_text_that_the_program_does_not_read(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Ctrl-C came up to 30 s later than the text that it was to stop."""
    monkeypatch.setattr(submission, "_STALLED", 1000)
    monkeypatch.setattr(submission, "_READING", 1000)
    home.sesh("--open", "deaf", "--", "sh", "-c", "stty -icanon; echo ready; exec sleep 1000")
    wait_until(lambda: "ready" in home.sesh("--screen", "deaf").stdout)
    text = home.start("--send", "deaf", "a text", "--enter")
    wait_until(lambda: "a text" in home.sesh("--screen", "deaf").stdout)
    assert home.sesh("--send", "deaf", "--key", "C-c").code == 0
    assert text.wait(30) == 1


def test_a_text_gets_no_enter_behind_keys_that_came_meanwhile(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "_STANDS", 1)
    home.sesh("--open", "raw", "--", "sh", "-c", "stty raw; echo ready; exec cat -v >out")
    wait_until(lambda: "ready" in home.sesh("--screen", "raw").stdout)
    text = home.start("--send", "raw", "a text", "--enter")
    wait_until(lambda: "a text" in home.sesh("--screen", "raw").stdout)
    assert home.sesh("--send", "raw", "--key", "x").code == 0
    assert text.wait(30) == 1
    assert home.sesh("--send", "raw", "--key", "y").code == 0
    wait_until(lambda: "y" in home.sesh("--screen", "raw").stdout)
    assert home.sesh("--screen", "raw").stdout.split() == ["ready", "a", "textxy"]


def test_a_text_with_enter_that_is_too_long_to_be_checked_is_not_typed(
    sesh: Sesh, composer: Composer, here: None
) -> None:
    """It was typed as it came, Enter too, into a menu or a draft."""
    taken = composer()
    wire.ask("agent", "state", state="waiting", question="Allow rm -rf build?")
    done = sesh("--send", "agent", "-", "--enter", "--json", input="x" * (1 << 20) + "y")
    assert (done.code, done.json()["error"]["code"]) == (2, "usage")
    assert "at most 1,048,576 bytes; nothing was typed" in done.json()["error"]["message"]
    with pytest.raises(UsageError, match="nothing was typed"):
        Session("agent").send("x" * (1 << 20) + "y", enter=True)
    assert "xxx" not in sesh("--screen", "agent").stdout
    assert taken() == []


def test_a_text_that_is_sent_again_after_a_lost_link_is_not_typed_again(composer: Composer, here: None) -> None:
    taken = composer()
    for _ in range(3):
        answer, _ = wire.ask("agent", "submit", b"only once", key="5ec1")
        assert answer["submitted"] is True
    assert taken() == ["only once"]


def test_a_reload_waits_for_a_text_and_keeps_its_outcome(
    sesh: Sesh, composer: Composer, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _judged_soon(monkeypatch)
    taken = composer(takes=False)
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(wire.ask("agent", "submit", b"a text", key="5ec2")))
    thread.start()
    wait_until(lambda: "a text" in sesh("--screen", "agent").stdout)
    assert sesh("--reload", "agent").code == 0
    thread.join()
    assert wire.ask("agent", "submit", b"a text", key="5ec2")[0]["submitted"] is False
    assert sesh("--screen", "agent").stdout.count("a text") == 1
    assert taken() == []


def test_a_program_that_ends_by_the_text_has_taken_it(sesh: Sesh) -> None:
    assert sesh("--open", "repl", "--", "python3", "-q").code == 0
    wait_until(lambda: ">>>" in sesh("--screen", "repl").stdout)
    assert sesh("--send", "repl", "exit()", "--enter", "--json").json()["submitted"] is True
    wait_until(lambda: sesh("--status", "repl").code == 1)


def test_a_line_that_the_kernel_would_cut_is_refused_also_if_it_comes_in_pieces(sesh: Sesh, here: None) -> None:
    assert sesh("--open", "lines", "--", "cat").code == 0
    for size, code in ((4095, 0), (4096, 1)):
        sent = sesh("--send", "lines", "-", "--enter", input="x" * size)
        assert sent.code == code
        assert ("at most 4,095 bytes; nothing was typed" in sent.stderr) == (code == 1)
    assert sesh("--send", "lines", "-", "--enter", input=("x" * 4000 + "\n") * 3).code == 0
    wire.ask("lines", "send", b"short\n" + b"x" * 3000)
    with pytest.raises(Refused, match="at most 4,095 bytes; the rest was not typed"):
        wire.ask("lines", "send", b"y" * 3000, more=True)
    wire.ask("lines", "send", b"y" * 1000 + b"\n", more=True)
    wait_until(lambda: "y" * 79 in sesh("--screen", "lines").stdout)


def test_marks_in_a_line_that_is_typed_ahead_of_the_prompt_open_no_paste(sesh: Sesh, home: Home) -> None:
    """The shell read it when the command before had ended, and the Enter became a part of a paste."""
    assert sesh("--open", "work", "--", "sh", "-c", "bash --norc; :").code == 0
    assert sesh("--wait", "work", "--prompt", "--timeout", "20").code == 0
    sesh("--send", "work", "sh -c 'while [ ! -e go ]; do sleep 0.02; done'", "--enter")
    wait_until(lambda: sesh("--status", "work", "--json").json()["foreground"]["command"][0] == "sh")
    ahead = "echo 'before \x1b[201~ the \x1b[200~ marks' >>ran"
    assert sesh("--send", "work", ahead, "--enter", "--json").json()["submitted"] is True
    ran = os.path.join(home.path, "ran")
    home.write("go", "")
    wait_until(lambda: os.path.exists(ran) and os.path.getsize(ran) > 0)
    with open(ran) as file:
        assert file.read() == "before  the  marks\n"


@pytest.mark.needs("vim")
def test_a_line_for_an_editor_is_typed_as_its_command(sesh: Sesh, home: Home) -> None:
    """As a paste, `:wq` became text of the file."""
    sesh("--open", "ed")
    sesh("--send", "ed", "vim --clean notes.txt", "--enter")
    sesh("--wait", "ed", "--for", "notes.txt", "--idle", "0.3", "--timeout", "10")
    sesh("--send", "ed", "ihello", "--key", "Escape")
    wait_until(lambda: "hello" in sesh("--screen", "ed").stdout)
    done = sesh("--send", "ed", ":wq", "--enter", "--json")
    assert done.json()["submitted"] is True
    wait_until(lambda: os.path.exists(f"{home.path}/notes.txt"))
