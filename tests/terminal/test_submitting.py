"""`send TEXT --enter` types the text once and whole, never into a draft or question."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sesh.api import Session
from sesh.daemon.requests import delivery, typed_text
from sesh.errors import Refused
from sesh.reach import find
from sesh.wire import messages
from sesh.wire.protocol import CHUNK
from tests.support import PROMPT, Home, Open, Sesh, need, says_who_reads, wait_until
from tests.support.composers.kinds import composer, logged, slow_box
from tests.terminal.looking import screen

pytestmark = says_who_reads


@pytest.fixture
def taken(sesh: Sesh, home: Home) -> Callable[[], list[str]]:
    """Start a composer in session `agent`; return a function that returns the submitted texts."""
    proof = os.path.join(home.path, "proof")
    assert sesh("open", "agent", "--", *composer(proof, window=0.04)).code == 0
    wait_until(lambda: "shortcuts" in screen(home, "agent"), "agent shows 'shortcuts'")
    return lambda: logged(proof)


Taken = Callable[[], list[str]]


def opened(home: Home, name: str, script: str, shows: str) -> None:
    """Start a shell script in a session, and wait until it shows something."""
    assert home.sesh("open", name, "--", "sh", "-c", script).code == 0
    wait_until(lambda: shows in screen(home, name), f"{name} shows '{shows}'")


def busy(home: Home, name: str, text: str, reason: str) -> None:
    """Send a text, and check that nothing is typed."""
    sent = home.sesh("send", name, text, "--enter", "--json")
    assert (sent.code, sent.json()["error"]["code"]) == (1, "busy")
    assert f"{reason}; nothing was typed" in sent.json()["error"]["message"]
    assert text not in home.sesh("screen", name).stdout


def test_a_text_arrives_whole_and_without_paste_marks_and_two_at_once_one_behind_the_other(
    sesh: Sesh, taken: Taken, inside: None
) -> None:
    long = " ".join(f"word{number}" for number in range(2400))
    for text in ("one\ntwo\nthree", long, "a\x1b[200~b\x1b[201~c\x1b[20\x1b[201~1~d"):
        sent = sesh("send", "agent", "-", "--enter", "--json", input=text).json()
        assert (sent["typed"], "submitted" in sent) == (True, False)
    wait_until(lambda: taken() == ["one\ntwo\nthree", long, "abcd"], "the program has taken the three texts")
    texts = ["first of the two", "second of the two"]
    threads = [threading.Thread(target=Session("agent").send, args=(text,), kwargs={"enter": True}) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: sorted(taken()[3:]) == texts, "the program has taken each text")


Box = Callable[..., None]


@pytest.fixture
def box(home: Home) -> Box:
    """Start a slow box; return what sends to it, one line of `send` behind the other, and checks what it has taken."""
    proof = home.write("proof", "")
    assert home.sesh("open", "box", "--", *slow_box(proof, "pastes")).code == 0
    wait_until(lambda: "box reads" in screen(home, "box"), "box shows 'box reads'")

    def sends(*lines: str, takes: list[str]) -> None:
        for line in lines:
            assert home.sesh("send", "box", *line.split()).code == 0, line
        wait_until(lambda: len(Path(proof).read_text().splitlines()) >= len(takes), f"the box has {len(takes)} texts")
        assert Path(proof).read_text().splitlines() == takes

    return sends


def test_two_texts_with_enter_are_two_submissions_in_a_box_that_reads_now_and_then(box: Box) -> None:
    """The second text was typed behind an Enter that the program had not read, and the two were one prompt."""
    box("one --enter", "two --enter", takes=["one", "two"])


@pytest.mark.soak
@pytest.mark.parametrize(
    ("lines", "takes"),
    [
        (["one --enter", "two", "--key Enter"], ["one", "two"]),
        (["one --enter", "--key x", "--key Enter"], ["one", "x"]),
        (["one --enter", "--key x --key Enter --key y --key Enter"], ["one", "x", "y"]),
        (["one --enter --key x --key Enter"], ["one", "x"]),
        (["one", "--enter", "two", "--enter"], ["one", "two"]),
        (["one --key Enter", "two --enter"], ["one", "two"]),
        (["one", "two --enter", "--key Enter", "three --enter"], ["onetwo", "", "three"]),
        (["--key x", "--key Enter --key Enter", "two --enter"], ["x", "", "two"]),
    ],
    ids="; ".join,
)  # fmt: skip
def test_each_enter_is_alone_whatever_is_sent_before_and_behind_it(
    box: Box, lines: list[str], takes: list[str]
) -> None:
    box(*lines, takes=takes)


def test_what_a_person_has_typed_is_not_entered_until_it_is_entered_discarded_or_forced(
    home: Home, terminal: Open, taken: Taken
) -> None:
    person = terminal("agent")
    person.wait_for("shortcuts")
    person.type("draft")
    person.wait_for("draft")
    busy(home, "agent", "run the tests", "somebody has typed in agent and not pressed Enter")
    person.type(b"\x15")
    wait_until(lambda: "draft" not in screen(home, "agent"), "agent no longer shows 'draft'")
    assert home.sesh("send", "agent", "run", "--enter").code == 0
    person.type("dear colleag")
    person.wait_for("dear colleag")
    assert home.sesh("send", "agent", "ue", "--enter", "--force").code == 0
    person.type("half")
    person.wait_for("> half")
    person.type(b"\x1c")
    assert person.exit_code() == 0
    busy(home, "agent", "x y z", "somebody has typed in agent and not pressed Enter")
    assert home.sesh("send", "agent", "--key", "Enter").code == 0, "keys alone pass"
    wait_until(lambda: taken() == ["run", "dear colleague", "half"], "the program has taken the rest of the line")


def test_a_key_that_answers_an_agents_question_begins_no_line(home: Home, terminal: Open) -> None:
    """A script could send nothing for ten minutes."""
    says = "printf '\\033]7501;state=%s\\007'"
    opened(home, "agent", f"stty raw -echo; {says % 'blocked'}; head -c 1; stty sane; {says % 'idle'}; cat", "")
    person = terminal("agent")
    wait_until(lambda: home.summary("agent")["activity"]["state"] == "waiting", "agent waits for a person")
    person.type("y")
    wait_until(lambda: home.summary("agent")["activity"]["state"] == "idle", "agent is idle")
    assert home.sesh("send", "agent", "go on", "--enter").code == 0


def test_a_line_that_a_person_has_begun_at_a_prompt_is_not_entered(sesh: Sesh, terminal: Open, home: Home) -> None:
    """A half-typed line must not run together with the text, nor enter another line reader."""
    sesh("open", "work", "--", "bash", "--norc")
    person = terminal("work")
    person.wait_for(PROMPT.strip())
    person.type("echo half")
    person.wait_for("echo half")
    busy(home, "work", "ls -a", "somebody has typed in work and not pressed Enter")
    person.type("\x15cat >file\r")
    wait_until(lambda: os.path.exists(f"{home.path}/file"), "the file 'file' exists")
    person.type("half")
    person.wait_for("\nhalf")
    busy(home, "work", "whole", "somebody has typed in work and not pressed Enter")
    person.type("\x15")
    wait_until(lambda: "\nhalf" not in screen(home, "work"), "work no longer shows 'half'")
    assert sesh("send", "work", "one").code == 0
    assert sesh("send", "work", " two", "--enter", "--key", "C-d").code == 0  # a line that a script began itself
    wait_until(lambda: os.path.getsize(f"{home.path}/file") > 0, "the file 'file' is no longer empty")
    with open(f"{home.path}/file") as file:
        assert file.read() == "one two\n"


@pytest.mark.needs_fork("a screen that never settles")
def test_a_person_or_a_key_that_comes_meanwhile_keeps_enter_away(
    home: Home, terminal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the Enter would submit both inputs."""
    monkeypatch.setattr(delivery, "STILL", 1000.0)
    monkeypatch.setattr(delivery, "RESTLESS", 1000.0)
    opened(home, "raw", "stty raw; echo ready; exec cat -v", "ready")
    person = terminal("raw")
    for who in ("person", "script"):
        text = home.start("send", "raw", f"text of a {who}", "--enter", "--json")
        person.wait_for(f"text of a {who}")
        if who == "person":
            person.type("\x03")
        else:
            home.sesh("send", "raw", "--key", "x")
        out, _ = text.communicate(timeout=60)
        assert b"somebody typed meanwhile" in out
        assert text.returncode == 1
    assert "^M" not in home.sesh("screen", "raw").stdout


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_a_program_that_does_not_read_costs_no_more_than_the_deadline_and_nothing_is_typed_after_it(home: Home) -> None:
    """A healthy daemon was blamed after 30 s, and the text was typed later."""
    script = "stty raw -echo; echo ready; until [ -e go ]; do sleep 0.1; done; exec cat >taken"
    opened(home, "stuck", script, "ready")
    part = home.sesh("send", "stuck", "-", "--json", input=b"y" * 1_000_000)
    assert (part.code, part.json()["error"]["typed"]) == (1, True)
    assert "bytes wait); the rest was not typed" in part.json()["error"]["message"]
    kept = b""
    while home.sesh("send", "stuck", "-", input=b"x" * 4000).code == 0:
        kept += b"x" * 4000
    for words in (["--key", "C-c"] * 4000, ["z" * 4000, "--enter"], ["z" * 4000]):
        error = home.sesh("send", "stuck", *words, "--json").json()["error"]
        assert error["code"] == "busy", words
        unread = r"stuck does not read its input \([1-9][\d,]+ bytes wait\); nothing was typed; .*: sesh kill stuck$"
        assert re.search(unread, error["message"])
    home.write("go", "")
    wait_until(lambda: home.sesh("send", "stuck", "!").code == 0, "the program reads again")
    taken = Path(home.path, "taken")
    wait_until(lambda: taken.exists() and taken.read_bytes().endswith(b"!"), "the program has taken all that was typed")
    assert taken.read_bytes() == b"y" * CHUNK + kept + b"!"


@pytest.mark.needs_fork("a daemon that looks at the program twice a second")
def test_the_rest_of_a_text_never_reaches_another_program(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a long text's lines run in the shell behind a program that ends."""
    monkeypatch.setattr(delivery, "POLL", 0.5)
    assert home.sesh("open", "work", "--", "bash", "--norc").code == 0
    assert home.sesh("send", "work", "stty raw -echo; echo reads; head -c 1000 >taken", "--enter").code == 0
    wait_until(lambda: "\nreads" in screen(home, "work"), "work shows 'reads'")
    sent = home.sesh("send", "work", "x" * 1000 + "\ntouch ran\n" * 200, "--enter", "--json")
    assert (sent.code, sent.json()["error"]["typed"]) == (1, True)
    assert "another program reads the terminal now" in sent.json()["error"]["message"]
    assert "ran" not in home.sesh("run", "work", "--", "stty sane; ls").stdout.split()


def test_what_a_program_says_that_it_asks_is_not_answered_by_accident(home: Home, taken: Taken, inside: None) -> None:
    find.request("agent", messages.STATE, state="waiting", question="Allow rm -rf build?")
    busy(home, "agent", "go on with it", 'agent asks "Allow rm -rf build?"')
    assert home.sesh("send", "agent", "x" * 9, "--enter", "--question", "push").code == 1
    assert home.sesh("send", "agent", "no, keep it", "--enter", "--question", "rm -rf").code == 0
    wait_until(lambda: taken() == ["no, keep it"], "the program has taken the answer")
    assert home.sesh("send", "agent", "x", "--question", "(").code == 2  # though it asks nothing now
    old = home.sesh("send", "agent", "y", "--if-waiting")
    assert (old.code, "--if-waiting" in old.stderr) == (2, True)


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
"""Takes a digit as the answer, and asks for permission again."""


@pytest.mark.parametrize(
    ("asks", "text", "words", "reason"),
    [
        (["python3", "-c", MENU], "1", ["--question", "."], "it asks something now"),
        (["bash", "-c", "read -s -n1 -p 'Run it? '; read x; echo got; cat"], "a", [], "another program reads"),
        (["bash", "-c", "read -s -n4 -p 'Run it? ' x"], "quit", [], "it has ended"),
        (["sh", "-c", "stty raw -echo; echo 'Run it?'; exec cat >got"], "secret", [], "its screen has not changed"),
    ],
    ids=["a menu asks again", "a key was enough", "it ends", "it shows nothing"],
)  # fmt: skip
def test_enter_does_not_go_to_what_comes_after_the_text(
    home: Home, asks: list[str], text: str, words: list[str], reason: str
) -> None:
    assert home.sesh("open", "menu", "--", *asks).code == 0
    wait_until(lambda: "Run it?" in screen(home, "menu"), "menu shows 'Run it?'")
    if words:
        wait_until(lambda: home.summary("menu")["activity"]["state"] == "waiting", "menu waits for a person")
    sent = home.sesh("send", "menu", text, "--enter", *words)
    assert (sent.code, reason in sent.stderr) == (1, True), sent.stderr
    shown = home.sesh("screen", "menu").stdout
    assert "got b'\\r'" not in shown
    assert "\ngot" not in shown.replace("got b'1'", "")


@pytest.mark.needs_fork("a text that waits without end")
def test_keys_do_not_wait_for_a_text_that_the_program_does_not_read(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Ctrl-C must not be delayed by the text that it is meant to stop."""
    monkeypatch.setattr(delivery, "STALLED", 1000.0)
    opened(home, "deaf", "stty -icanon; echo ready; exec sleep 1000", "ready")
    text = home.start("send", "deaf", "a text", "--enter")
    wait_until(lambda: "a text" in screen(home, "deaf"), "deaf shows 'a text'")
    assert home.sesh("send", "deaf", "--key", "C-c").code == 0
    assert text.wait(30) == 1


def test_a_text_with_enter_that_is_too_long_to_be_checked_is_not_typed(sesh: Sesh, taken: Taken) -> None:
    """An unchecked text and its Enter could go into a menu or a draft."""
    done = sesh("send", "agent", "-", "--enter", "--json", input="x" * (1 << 20) + "y")
    assert (done.code, done.json()["error"]["code"]) == (2, "usage")
    assert "at most 1,048,576 bytes; nothing was typed" in done.json()["error"]["message"]
    assert "xxx" not in sesh("screen", "agent").stdout


@pytest.mark.soak
def test_a_text_is_typed_once_if_it_is_asked_for_again_also_over_a_reload(home: Home, inside: None) -> None:
    script = "stty raw -echo; echo ready; dd bs=1 count=7 of=got 2>/dev/null; echo more; exec cat >>got"
    opened(home, "mute", script, "ready")
    answers: list[messages.SendResponse] = []

    def ask() -> None:
        answers.append(find.request("mute", messages.SEND, data=b"a text", enter=True, key="5ec1")[0])

    wait_until(lambda: os.path.exists(f"{home.path}/got"), "the file 'got' exists")  # dd reads
    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: os.path.getsize(f"{home.path}/got") > 0, "the file 'got' is no longer empty")
    assert home.sesh("reload", "mute").code == 0
    thread.join()
    find.request("mute", messages.SEND, data=b"-")
    wait_until(lambda: "more" in screen(home, "mute"), "mute shows 'more'")
    find.request("mute", messages.SEND, data=b"+")
    ask()
    find.request("mute", messages.SEND, data=b"!")
    assert [answer["reason"] for answer in answers] == ["its screen has not changed, so there was no Enter"] * 2
    assert answers[0] == answers[1]
    wait_until(lambda: Path(home.path, "got").read_text().endswith("!"), "the program has got the last text")
    assert Path(home.path, "got").read_text() == "a text-+!"


def test_a_line_that_the_kernel_would_cut_is_refused_also_if_it_comes_in_pieces(
    sesh: Sesh, home: Home, inside: None
) -> None:
    assert sesh("open", "lines", "--", "cat").code == 0
    for size, code in ((4095, 0), (4096, 1)):
        sent = sesh("send", "lines", "-", "--enter", input="x" * size)
        assert sent.code == code
        assert ("at most 4,095 bytes; nothing was typed" in sent.stderr) == (code == 1)
    assert sesh("send", "lines", "-", "--enter", input=("x" * 4000 + "\n") * 3).code == 0
    find.request("lines", messages.SEND, data=b"short\n" + b"x" * 3000)
    with pytest.raises(Refused, match="at most 4,095 bytes; the rest was not typed"):
        find.request("lines", messages.SEND, data=b"y" * 3000, more=True)
    find.request("lines", messages.SEND, data=b"y" * 1000 + b"\n")
    wait_until(lambda: "y" * 79 in screen(home, "lines"), "the text is on the screen")


@pytest.mark.needs("vim")
def test_a_line_for_an_editor_is_typed_as_its_command(sesh: Sesh, home: Home) -> None:
    """`:wq` must not be pasted, or the editor inserts it as text."""
    sesh("open", "ed")
    sesh("send", "ed", "vim --clean notes.txt", "--enter")
    wait_until(lambda: '"notes.txt"' in screen(home, "ed"), "vim's own message")
    sesh("send", "ed", "ihello", "--key", "Escape")
    wait_until(lambda: "hello" in screen(home, "ed"), "ed shows 'hello'")
    assert sesh("send", "ed", ":wq", "--enter").code == 0
    wait_until(lambda: os.path.exists(f"{home.path}/notes.txt"), "the file 'notes.txt' exists")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_text_for_a_shell_keeps_its_tabs_and_a_command_reads_its_lines_without_marks(home: Home, shell: str) -> None:
    """A tab completed a file's name, so a here-document had another content."""
    need(shell)
    home.write("alpha.txt", "")
    assert home.sesh("open", "work", "--", shell).code == 0
    assert home.sesh("wait", "work", "--prompt", "--timeout", "30").code == 0
    text = "cat >made <<END\nall:\r\n\ta\x1b[201~b\nEND\ncat >read\n\tone\ntwo\n"
    assert home.sesh("send", "work", "-", input=text).code == 0
    assert home.sesh("send", "work", "--key", "C-d").code == 0
    read = Path(home.path, "read")
    wait_until(lambda: read.exists() and read.read_text().endswith("two\n"), "the file 'read' has two lines")
    assert (Path(home.path, "made").read_text(), read.read_text()) == ("all:\n\tab\n", "\tone\ntwo\n")
    assert home.sesh("send", "work", "-", "--key", "Enter", input="echo d''one").code == 0
    wait_until(lambda: "\ndone" in screen(home, "work"), "work shows 'done'")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_control_character_in_a_text_for_a_shell_neither_interrupts_nor_stops_it(home: Home, shell: str) -> None:
    """The terminal took Ctrl-C out of the paste, the shell left the paste there, and ran the rest as a line."""
    need(shell)
    assert home.sesh("open", "work", "--", shell).code == 0
    assert home.sesh("wait", "work", "--prompt", "--timeout", "30").code == 0
    text = "echo 'a\x03b\x13c\x1ad\0\x1ce' >made\n"
    assert home.sesh("send", "work", "-", input=text).code == 0
    made = Path(home.path, "made")
    wait_until(lambda: made.exists() and made.read_text().endswith("\n"), "the file 'made' has a line")
    assert re.sub("[\x03\x13\x1a\x1c]", "", made.read_text()) == "abcde\n"


@pytest.mark.needs_fork("no time for a command")
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_text_waits_for_a_prompt_that_takes_long_to_make(
    home: Home, inside: None, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    """Prompts that ask git for the state of a directory take longer than a short command."""
    need(shell)
    monkeypatch.setattr(delivery, "LINE_TIME", 0.0)
    home.write("alpha.txt", "")
    assert home.sesh("open", "work", "--", shell).code == 0
    assert home.sesh("wait", "work", "--prompt", "--timeout", "30").code == 0
    slow = "setopt prompt_subst; " * (shell == "zsh") + "PS1='$(until [ -e go ]; do :; done)ready> '\n"
    text = slow + "echo 'a\tb' >made\n"
    thread = threading.Thread(target=lambda: find.request("work", messages.SEND, data=text.encode()))
    thread.start()
    wait_until(lambda: "PS1" in screen(home, "work"), "the first line is typed")
    home.write("go", "")
    made = Path(home.path, "made")
    wait_until(lambda: made.exists() and made.read_text(), "the file 'made' has a line")
    thread.join()
    assert made.read_text() == "a\tb\n"


def test_a_tab_for_fish_completes_nothing_also_within_a_quote_that_goes_on(home: Home) -> None:
    """A line within a quote is typed as keys, as a paste there escapes the next quote. Fish 3 inserts no tab at all."""
    need("fish")
    home.write("alpha.txt", "")
    assert home.sesh("open", "work", "--", "fish").code == 0
    assert home.sesh("wait", "work", "--prompt", "--timeout", "30").code == 0
    text = "printf '%s\n' 'a\tb' >made\necho 'it'\\''s' >>made\n"
    assert home.sesh("send", "work", "-", input=text).code == 0
    made = Path(home.path, "made")
    wait_until(lambda: made.exists() and made.read_text().endswith("s\n"), "the file 'made' has the last line")
    assert made.read_text().replace("\t", "") == "ab\nit's\n"


@pytest.mark.needs_fork("a program that gets less time")
def test_what_is_refused_behind_an_enter_that_is_not_read_was_not_typed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed_text, "STALLED", 0.2)
    opened(home, "deaf", "stty raw -echo; echo ready; until [ -e go ]; do sleep 0.1; done; exec cat >taken", "ready")
    assert home.sesh("send", "deaf", "--key", "Enter").code == 0
    for words in (["a text"], ["a text", "--enter"], ["--key", "x"], ["--key", "Enter"]):
        error = home.sesh("send", "deaf", *words, "--json").json()["error"]
        assert (error["code"], error.get("typed", False)) == ("busy", False), words
        assert "deaf has not read the Enter that was typed before; nothing was typed" in error["message"]
    gone = home.start("send", "deaf", "of one that is gone")
    gone.kill()
    gone.wait()
    home.write("go", "")
    wait_until(lambda: home.sesh("send", "deaf", "!").code == 0, "the program reads again")
    taken = Path(home.path, "taken")
    wait_until(lambda: taken.exists() and taken.read_bytes().endswith(b"!"), "the program has taken all that was typed")
    assert taken.read_bytes() == b"\r!"
