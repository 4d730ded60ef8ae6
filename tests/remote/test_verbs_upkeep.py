"""`export`, `import`, `sweep`, `doctor` and `restore` for sessions on other hosts."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest

from sesh.link import link
from sesh.system import processes
from sesh.wire import protocol
from tests.remote.via import Beside
from tests.support import Home, wait_until


def test_a_layout_of_several_hosts_is_written_here_and_made_again_there(home: Home, beside: Beside) -> None:
    beside("one")
    home.sesh("open", "near", "--", "cat")
    home.sesh("@one", "open", "far", "/tmp", "--label", "a=b", "--", "sleep", "1000")
    layout = home.sesh("export").json()["sessions"]
    assert [(each["name"], each["host"]) for each in layout] == [("near", None), ("far", "one")]
    assert (layout[1]["directory"], layout[1]["command"]) == ("/tmp", ["sleep", "1000"])
    home.sesh("@one", "kill", "far")
    made = home.sesh("import", "--json", input=json.dumps(layout))
    assert made.json() == {
        "ok": True,
        "sessions": [
            {"name": "near", "host": None, "created": False},
            {"name": "far", "host": "one", "created": True},
        ],
    }
    there = home.sesh("@one", "export")
    assert [each["host"] for each in there.json()["sessions"]] == ["one"]
    again = home.sesh("@one", "import", "-", input=there.raw)
    assert (again.code, again.stdout) == (0, "@one far already runs\n")


def test_a_layout_keeps_each_byte_of_a_command_on_a_host(home: Home, beside: Beside) -> None:
    """What lists show of a host's command, without its controls, was what `import` ran."""
    far = beside("one")
    command = ["sh", "-c", os.fsdecode(b"printf '\xff\x1b[1m\x7f' >made; exec cat")]
    home.sesh("@one", "open", "odd", "--", *command)
    for words in (["export"], ["@one", "export"]):
        layout = home.sesh(*words)
        assert [each["command"] for each in layout.json()["sessions"]] == [command]
        home.sesh("@one", "kill", "odd")
        assert home.sesh("import", input=layout.raw).code == 0
        wait_until(lambda: far.exists("made"), "the command has run")
        os.unlink(f"{far.path}/made")
        assert far.record("odd")["command"] == command


def test_an_import_says_what_it_leaves_out(home: Home, beside: Beside) -> None:
    """Of another host's layout `sesh @one import` made nothing, said nothing and exited with 0."""
    beside("one")
    far = {"name": "far", "host": "two"}
    for words, where, option in (
        (("@one", "import"), "@one", "@one"),
        (("import", "--local"), "this machine", "--local"),
    ):
        refused = home.sesh(*words, input=json.dumps([far]))
        assert (refused.code, refused.stdout) == (1, "")
        assert f"no session of {where}, only of @two; to create them there, leave out {option};" in refused.stderr
        made = home.sesh(*words, input=json.dumps([far, {"name": "near", "command": ["cat"]}]))
        assert (made.code, made.stdout.split()[0]) == (0, "created")
        assert f"1 session of @two left out; to create them there, too, leave out {option}" in made.stderr
    assert home.sesh("import", input="[]").stdout == "the layout has no sessions\n"


def test_a_host_is_swept_from_here_and_asked_about_here(home: Home, beside: Beside) -> None:
    far = beside("one")
    assert home.sesh("@one", "exec", "done", "--keep", "--", "true").code == 0
    assert home.sesh("@one", "sweep", "--dry-run", "--json").json()["pieces"] == [], (
        "nobody can be asked, and it is new"
    )
    dry = home.sesh("@one", "sweep", "--dry-run", "--older", "0s", "--json").json()
    assert (dry["host"], [(each["kind"], each["what"]) for each in dry["pieces"]]) == ("one", [("ended", "done")])
    swept = home.sesh("@one", "sweep", "--older", "0s")
    assert (swept.code, swept.stdout.splitlines()[-1]) == (0, "1 of 1 cleared")
    far.sesh("open", "lonely", "--", "cat")
    pid = far.summary("lonely")["daemon_pid"]
    for entry in os.listdir(far.directory):
        if entry.startswith("lonely."):
            os.unlink(os.path.join(far.directory, entry))
    terminal = home.terminal("@one", "sweep", "--all")
    terminal.wait_for("and end the 1 that run?")
    terminal.type("y")
    assert terminal.exit_code() == 0
    assert not processes.start_time(pid)


def test_what_a_host_says_to_type_is_typed_on_the_host(home: Home, beside: Beside) -> None:
    """The host wrote its refusals out itself, so `list` and `doctor` said to type them here."""
    far = beside("box")
    far.sesh("open", "work", "--", "cat")
    path = f"{far.directory}/work.sock"
    os.chmod(path, 0o666)  # noqa: S103 - refused for that
    done = [home.sesh("@box", *words) for words in (["list"], ["doctor"], ["status", "work"])]
    there = far.sesh("list")
    os.chmod(path, 0o600)
    for each in done:
        assert f"ssh box chmod 600 {path}" in each.stdout + each.stderr, each
    assert f"run: chmod 600 {path}" in there.stderr


def test_the_doctor_visits_other_hosts(home: Home, beside: Beside) -> None:
    far = beside("one")
    well = home.sesh("@one", "doctor", "--json", env={"TERM": "xterm-256color"})
    assert (well.code, well.json()["host"]) == (0, "one")
    assert [each["check"] for each in well.json()["checks"]][:2] == ["link", "python"]
    os.chmod(far.directory, 0o755)  # noqa: S103
    beside("gone").away()
    ill = home.sesh("@one", "@gone", "doctor")
    assert (ill.code, "chmod 700" in ill.stdout, "cannot reach gone" in ill.stdout) == (1, True, True)
    one, gone = home.sesh("@one", "@gone", "sweep", "--json").json()
    assert (one["error"]["code"], gone["error"]["code"], gone["host"]) == ("refused", "unreachable", "gone")
    os.chmod(far.directory, 0o700)


def test_the_doctor_names_another_program_where_links_and_deploy_look(home: Home, beside: Beside) -> None:
    """It looked only in sshd's PATH, which has no ~/.local/bin."""
    program = beside("one").write(".local/bin/sesh", "#!/bin/sh\necho other 1.0\n", 0o755)
    link = home.write(".local/bin/sesh", "")  # as a link to what was removed, it starts nothing
    own = home.sesh("doctor", "--json").json()["checks"]
    assert [each["state"] for each in own if each["message"] == f"{link} cannot be executed"] == ["warning"]
    checks = home.sesh("@one", "doctor", "--json").json()["checks"]
    found = [each["state"] for each in checks if f"{program} says that it is 'other 1.0'" in each["message"]]
    assert found == ["warning"]


def test_sessions_of_hosts_that_were_lost_are_restored_from_here(home: Home, beside: Beside) -> None:
    hosts = {name: beside(name) for name in ("box", "den")}
    for name, far in hosts.items():
        far.write("agent", '#!/bin/sh\necho "$@" >>runs; exec cat\n', 0o755)
        home.sesh(f"@{name}", "open", f"on-{name}", "--", "./agent", "first")
        words = ("resume-with", f"on-{name}", "--", "./agent", "again")
        # Without a host the session is found by its name, and a script reads where.
        done = home.sesh(*(() if name == "den" else ("@box",)), *words)
        assert (done.code, done.stderr) == (0, "[on-den on @den]\n" if name == "den" else "")
        wait_until(lambda far=far: "first" in far.read("runs"), "the program has run once")  # type: ignore[misc]
        daemon = far.summary(f"on-{name}")["daemon_pid"]
        os.kill(daemon, signal.SIGKILL)
        wait_until(lambda daemon=daemon: not processes.start_time(daemon), "the daemon has ended")  # type: ignore[misc]
    done = home.sesh("@box", "@den", "restore")
    assert done.code == 0
    assert sorted(done.stdout.splitlines()) == [
        f"{name}: started @{name} on-{name}: ./agent again" for name in sorted(hosts)
    ]
    for name, far in hosts.items():
        wait_until(lambda far=far: far.read("runs") == "first\nagain\n", "the program has run again")  # type: ignore[misc]
        assert far.summary(f"on-{name}")["resume"] == ["./agent", "again"]
    rows = home.sesh("@box", "restore", "on-box", "--json").json()["sessions"]
    assert [(row["name"], row["host"], row["created"]) for row in rows] == [("on-box", "box", False)]
    done = home.sesh("@box", "resume-with", "--", "./agent")
    assert (done.code, "no session given" in done.stderr) == (2, True)
    layout = home.sesh("export").json()["sessions"]
    assert [entry["resume"] for entry in layout] == [["./agent", "again"]] * 2


@pytest.mark.soak
def test_hits_that_are_too_many_for_a_link_are_left_out_from_the_first_on(home: Home, beside: Beside) -> None:
    """The answer was over the limit of a link: an error, and no output."""
    far = beside("box")
    for name in ("train", "eval"):
        far.sesh("open", name, "--", "sh", "-c", "seq -f 'loss %g' 6000; cat")
        far.prints(name, "loss 6000")
    whole = home.sesh("@box", "grep", "loss", timeout=60)
    assert (whole.code, whole.stderr, whole.stdout.count("\n")) == (0, "", 12_000)
    found = home.sesh("@box", "grep", "loss", "-C", "25", "--json", timeout=60)
    assert found.code == 0
    match = re.fullmatch(r"sesh: only the last ([0-9,]+) hits of each session come over a link\n", found.stderr)
    assert match is not None, found.stderr
    count = int(match[1].replace(",", ""))
    assert count > 3000, "as many as fit"
    for name in ("eval", "train"):
        hits = [hit for hit in found.json() if hit["session"] == name]
        assert (len(hits), hits[-1]["text"], len(hits[0]["before"])) == (count, "loss 6000", 25)


def test_a_verb_of_many_sessions_has_patience_for_each(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patience of a link counted for the whole: a host that moved one session after the other "did not answer"."""
    monkeypatch.setattr(protocol, "WELCOME_TIMEOUT", 0.6)
    monkeypatch.setattr(link, "RESPONSE_TIMEOUT", 1.3)
    far = beside("box")
    hung = [f"hung{number}" for number in range(3)]
    for name in hung:
        far.sesh("open", name, "--", "cat")
    pids = [far.summary(name)["daemon_pid"] for name in hung]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    failed = home.sesh("@box", "reload", *hung, "--json").json()["failed"]
    for name in hung:
        assert failed[name]["message"].startswith(f"the daemon of {name} does not answer"), failed
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.soak
def test_of_the_largest_output_in_a_history_the_end_comes_over_a_link(home: Home, beside: Beside) -> None:
    """Its base64 was over the limit of a link: an error, and no output."""
    far = beside("box")
    far.sesh("open", "work")
    far.sesh("run", "work", "--", "yes '123456789' | head -c 33000000", timeout=60)
    shown = home.sesh("@box", "history", "work", "1", timeout=60)
    assert (shown.code, shown.stderr) == (0, "sesh: only the last 30,000 KiB of the output come over a link\n")
    assert len(shown.raw) == 30_000 << 10
