"""`send --file` puts a file where the session runs, and pastes its path there; it goes with the session."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sesh import api
from sesh.errors import Refused, UsageError
from tests.support import Home, wait_until
from tests.support.disk import Disks
from tests.support.typed import of_command_line

#: As an agent: a raw program that takes pastes, and writes what comes to a file.
_AGENT = """
import os, sys, tty
tty.setraw(0)
os.write(1, b"\\x1b[?2004hready")
with open(sys.argv[1], "ab", buffering=0) as typed:
    while data := os.read(0, 4096):
        typed.write(data)
"""
_XCLIP = """#!/bin/sh
case "$*" in
*TARGETS*) cat "{place}/types" ;;
*uri-list*) cat "{place}/addresses" ;;
*image/jpeg*) cat "{place}/picture" ;;
*) cat "{place}/text" ;;
esac
"""


@pytest.fixture
def typed(home: Home) -> Path:
    """The file of what was typed for the agent of the session `agent`."""
    script = home.write("agent.py", _AGENT)
    path = Path(home.path, "typed")
    path.touch()
    assert home.sesh("open", "agent", "--", sys.executable, script, str(path)).code == 0
    assert home.sesh("wait", "agent", "--for", "ready", "--from", "0").code == 0
    return path


def pasted(*paths: str) -> bytes:
    return b"".join(b"\x1b[200~" + os.fsencode(path) + b"\x1b[201~" for path in paths)


def test_a_file_and_stdin_lie_beside_the_session_and_their_paths_are_pastes(home: Home, typed: Path) -> None:
    content = os.urandom(3 << 20)
    shot = home.write("my shot (1).png", content)
    sent = home.sesh("send", "agent", "--file", shot, "--json").json()
    assert of_command_line(["send"], sent) == []
    folder = f"{home.directory}/.files.{home.record('agent')['id']}"
    assert sent == {"ok": True, "name": "agent", "path": f"{folder}/my-shot-1.png", "bytes": len(content)}
    assert Path(sent["path"]).read_bytes() == content
    piped = home.sesh("send", "agent", "--file", "-", "--name", "my shot (1).png", "--json", input="other").json()
    assert Path(piped["path"]).read_text() == "other"
    assert piped["path"] == f"{folder}/my-shot-1-2.png"
    assert home.sesh("send", "agent", "--file", home.write("empty", "")).code == 0
    wait_until(lambda: typed.read_bytes() == pasted(sent["path"], piped["path"], f"{folder}/empty"), "three pastes")
    assert [os.stat(path).st_mode & 0o777 for path in (folder, sent["path"])] == [0o700, 0o600]
    assert home.sesh("kill", "agent").code == 0
    assert not os.path.lexists(folder)


def test_any_name_becomes_one_word(home: Home, typed: Path) -> None:
    names = [b"\xff\xfe.png", b"n" * 251 + b".png", "\u202f\u00e9 d\u2019\u00e9t\u00e9.png".encode(), b"-rf", b"a\nb"]
    sent = []
    for name in names:
        path = os.fsencode(home.path) + b"/" + name
        with open(path, "wb") as file:
            file.write(name)
        found = home.sesh("send", "agent", "--file", os.fsdecode(path), "--json")
        assert found.code == 0, found
        sent.append(found.json()["path"])
        assert Path(sent[-1]).read_bytes() == name
    folder = os.path.dirname(sent[0])
    words = ["file.png", f"{'n' * 124}.png", "\u00e9-d-\u00e9t\u00e9.png", "rf", "a-b"]
    assert sent == [f"{folder}/{word}" for word in words]
    os.symlink(os.fsencode(home.path) + b"/" + names[3], f"{home.path}/link")
    assert (
        home.sesh("send", "agent", "--file", f"{home.path}/link", "--name", "../up", "--json").json()["path"]
        == f"{folder}/up"
    )
    wait_until(lambda: typed.read_bytes() == pasted(*sent, f"{folder}/up"), "six pastes")


def test_to_a_program_that_takes_no_pastes_the_path_is_typed_without_enter(home: Home) -> None:
    assert home.sesh("open", "cat", "--", "cat").code == 0
    sent = home.sesh("send", "cat", "--file", home.write("a.txt", "x"), "--json").json()
    assert home.sesh("wait", "cat", "--idle", "0.2").code == 0
    shown = home.sesh("screen", "cat").stdout.replace("\n", "")
    assert shown.count(sent["path"]) == 1, "the terminal has echoed it, and cat has no line to repeat"
    assert home.sesh("send", "cat", "--key", "Enter").code == 0
    assert home.sesh("wait", "cat", "--idle", "0.2").code == 0
    assert home.sesh("screen", "cat").stdout.replace("\n", "").count(sent["path"]) == 2


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("--file", "none"), 1, "cannot read none: No such file or directory"),
        (("--file", "."), 1, ". is a directory; send files, or what a program prints: --file - --name NAME"),
        (("--file", "fifo"), 1, "fifo is no regular file; send files, or what a program prints: --file - --name NAME"),
        (("--file", "large"), 1, "large is too large: a session takes files of at most 64 MiB"),
        (("--file", "-"), 2, "the file has no name; give it one with --name, such as shot.png"),
        (("--clipboard",), 1, "this machine has no clipboard that can be read; there is no display"),
    ],
)
def test_what_cannot_be_sent_is_one_line_and_nothing_is_typed(
    home: Home, typed: Path, words: tuple[str, ...], code: int, line: str
) -> None:
    os.mkfifo(f"{home.path}/fifo")
    with open(f"{home.path}/large", "wb") as file:
        file.truncate((64 << 20) + 1)
    done = home.sesh("send", "agent", *words, cwd=home.path, input="x")
    assert (done.code, done.stderr) == (code, f"sesh: {line}\n")
    assert not os.path.lexists(f"{home.directory}/.files.{home.record('agent')['id']}")
    assert home.sesh("send", "agent", "x").code == 0
    wait_until(lambda: typed.read_bytes() == b"x", "the text")


def test_the_clipboard_is_a_file_a_copied_file_before_text_before_a_picture(home: Home, typed: Path) -> None:
    home.env["DISPLAY"] = ":87"
    home.write("bin/xclip", _XCLIP.format(place=home.path), mode=0o755)

    def sends(types: str, name: str, *words: str) -> bytes:
        home.write("types", types)
        sent = home.sesh("send", "agent", "--clipboard", "--json", *words)
        assert sent.code == 0, sent
        assert os.path.basename(sent.json()["path"]) == name
        return Path(sent.json()["path"]).read_bytes()

    picture = b"\xff\xd8\xff" + os.urandom(1000)
    home.write("picture", picture)
    home.write("text", "some text")
    assert sends("TARGETS\nimage/jpeg\n", "clipboard.jpg") == picture
    assert sends("image/jpeg\ntext/html\n", "shot.jpg", "--name", "shot.jpg") == picture
    assert sends("UTF8_STRING\nimage/jpeg\n", "clipboard.txt") == b"some text"
    home.write("a b.txt", "copied")
    home.write("addresses", f"file://{home.path}/a%20b.txt\r\n")
    assert sends("text/uri-list\nUTF8_STRING\n", "a-b.txt") == b"copied"
    home.write("addresses", "file:///none\r\nhttps://example.org/\r\n")
    assert sends("text/uri-list\nUTF8_STRING\n", "clipboard-2.txt") == b"some text"
    home.write("addresses", f"file://{home.path}/text\nfile://{home.path}/types")
    done = home.sesh("send", "agent", "--clipboard")
    assert (done.code, done.stderr) == (1, "sesh: the clipboard has 2 files; send them one by one, with --file\n")
    home.write("types", "TARGETS\n")
    assert home.sesh("send", "agent", "--clipboard").stderr == "sesh: the clipboard has neither a picture nor text\n"


def test_the_path_stays_true_over_rename_reload_and_restore(home: Home, typed: Path) -> None:
    sent = home.sesh("send", "agent", "--file", home.write("a.txt", "x"), "--json").json()
    first = home.record("agent")["id"]
    assert home.sesh("rename", "agent", "other").code == 0
    assert home.sesh("reload", "other").code == 0
    assert home.sesh("send", "other", "--file", home.write("b.txt", "y")).code == 0
    for _ in range(2):
        home.crash("other")
        Path(home.directory, f".files.{first}", "~1").write_bytes(b"half")
        assert home.sesh("restore", "other", "--run").code == 0
        assert home.record("other")["id"] != home.record("other")["files"] == first
        assert home.sesh("wait", "other", "--for", "ready", "--from", "0").code == 0
        assert Path(sent["path"]).read_text() == "x"
    assert home.sesh("send", "other", "--file", home.write("c.txt", "z")).code == 0
    folder = os.path.dirname(sent["path"])
    assert sorted(os.listdir(folder)) == ["a.txt", "b.txt", "c.txt", "~made"]
    Path(folder, "of the agent").write_text("mine")
    assert home.sesh("kill", "other").code == 0
    assert os.listdir(folder) == ["of the agent"], "sesh has not made it"


def test_a_lost_session_that_is_discarded_takes_its_files_along_and_one_that_cannot_start_again_keeps_them(
    home: Home, typed: Path
) -> None:
    sent = home.sesh("send", "agent", "--file", home.write("a.txt", "x"), "--json").json()
    home.crash("agent")
    os.rename(f"{home.path}/agent.py", f"{home.path}/away")
    launcher = sys.executable
    record = home.record("agent")
    assert record["command"][0] == launcher
    home.write(".sesh/agent.json", _with_command(home, "/none/such"), mode=0o600)
    assert home.sesh("restore", "agent", "--run").code == 127
    assert Path(sent["path"]).read_text() == "x"
    assert home.sesh("kill", "agent").code == 0
    assert not os.path.lexists(os.path.dirname(sent["path"]))


def _with_command(home: Home, word: str) -> str:
    """Return the text of the record with another command."""
    text = Path(home.directory, "agent.json").read_text()
    return text.replace(f'"{sys.executable}"', f'"{word}"')


def test_a_full_disk_is_one_line_and_leaves_nothing(disks: Disks, home: Home) -> None:
    disk = disks(home.directory)
    assert home.sesh("open", "cat", "--", "cat").code == 0
    large = home.write("large", bytes(2 << 20))
    folder = f"{home.directory}/.files.{home.record('cat')['id']}"
    done = home.sesh("send", "cat", "--file", large)
    hint = "free some space there, or set SESH_DIR to another directory"
    assert (done.code, done.stderr) == (
        1, f"sesh: cannot write large to {folder}: No space left on device; {hint}\n"
    )  # fmt: skip
    wait_until(lambda: os.listdir(folder) == [], "nothing is left")
    assert home.sesh("send", "cat", "--file", home.write("small", "x")).code == 0
    disk.fill()
    assert home.sesh("send", "cat", "--file", home.write("other", "x" * 100)).code == 1
    wait_until(lambda: sorted(os.listdir(folder)) == ["small", "~made"], "nothing of the other is left")


def test_a_sender_that_is_interrupted_leaves_nothing(home: Home, typed: Path) -> None:
    """Its daemon is stopped, so that the end of the file does not come."""
    folder = Path(home.directory, f".files.{home.record('agent')['id']}")
    daemon = home.record("agent")["daemon_pid"]
    large = home.write("large", os.urandom(32 << 20))
    send = home.start("send", "agent", "--file", large)
    wait_until(lambda: folder.exists() and "~1" in os.listdir(folder), "it has begun")
    os.kill(daemon, signal.SIGSTOP)
    send.send_signal(signal.SIGINT)
    _, error = send.communicate(timeout=30)
    os.kill(daemon, signal.SIGCONT)
    if send.returncode != 0:  # else the whole file was quicker
        assert send.returncode == 130, error
        wait_until(lambda: os.listdir(folder) == [], "nothing is left")
        assert typed.read_bytes() == b""


def test_python_sends_a_file_or_content(home: Home, typed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESH_DIR", home.directory)
    session = api.Session("agent")
    path = session.send_file(Path(home.write("shot.png", b"picture")))
    assert Path(path).read_bytes() == b"picture"
    other = session.send_file(b"content", name="a.txt")
    assert Path(other).read_bytes() == b"content"
    wait_until(lambda: typed.read_bytes() == pasted(path, other), "two pastes")
    with pytest.raises(UsageError, match="no name"):
        session.send_file(b"content")
    with pytest.raises(Refused, match="No such file"):
        session.send_file("/none")


def test_64_mib_come_whole(home: Home, typed: Path) -> None:
    """The limit, in well under a second on a quiet machine."""
    large = home.write("large", b"")
    subprocess.run(["dd", "if=/dev/urandom", f"of={large}", "bs=1M", "count=64"], check=True, capture_output=True)
    sent = home.sesh("send", "agent", "--file", large, "--json").json()
    digests = [hashlib.sha256(Path(path).read_bytes()).digest() for path in (large, sent["path"])]
    assert digests[0] == digests[1]
