"""The targets of files: those that users write, and those that others may damage."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sesh.cli import views as verbs
from sesh.cli.printing import json_line
from sesh.cli.table import Table
from sesh.client.seen_positions import SeenPositions
from sesh.client.terminal_queue import Given
from sesh.config import config
from sesh.errors import Refused, SeshError, UsageError
from sesh.ops import enter, events, jobs, layout, lookup, shell, sweep, wait
from sesh.ops import views as ops_views
from sesh.reach.caller import Caller
from sesh.remote import eventlog, known
from sesh.remote.sync import home as sync_home
from sesh.remote.sync import sync
from sesh.schema.facts import SUMMARY_KEYS, Summary
from sesh.store import checkpoints, listing, recent, records, results
from sesh.system import paths, platforms, processes
from sesh.system.protected import PROTECTED
from sesh.text.keys import DetachKey
from tests.fuzz import grammar, values
from tests.fuzz.place import own_home
from tests.fuzz.target import Check, Target, pure
from tests.fuzz.values import changed
from tests.support import Home

_ID = "0123456789abcdef"


def told(error: SeshError, first: str = "", last: str = "") -> None:
    """Check that an error is one printable line."""
    line = str(error)
    assert line.isprintable(), line
    assert line.startswith(first), line
    assert line.endswith(last), line


# -- what a user writes

_SETTINGS = (
    "detach_key = 'C-b d'", "detach_key = 5", 'detach_key = "\\u0000"', "replay_lines = 10", "replay_lines = -1",
    "replay_lines = 1e999", "persist = true", "persist = 'x'", "[groups]", 'web = ["@a", "b"]', "web = [1]",
    "[remotes.box]", 'via = "docker exec -i box"', "via = ''", "via = \"'\"", "hook = 'echo'", "hook = 1",
    "on_exit = ''", "# comment", "unknown = 1979-05-27", "[[groups]]", "[groups.web]", 'a."b c".d = 1', "x = '''",
    "y = \"\"\"\n", "[", "]", "= 1", "\ufeff", "z = [1, 2, # c\n3]", "t = {a = 1, b = {c = 2}}", "\x1b[31m = 1",
    "'quoted key' = 1", "keep = \"failed\"", "n = " + "[" * 2000, "f = nan", "groups = 1", "[hook]",
    "remotes.x = 1", "é = 1", '"\\ud800" = 1', "r = 0x_1", "predict = 'always'", "a.b.c.d.e.f = 1",
    "[a.b]\n[a]\nb = 1", "\r", "\t", "d = 2026-13-45T99:99:99Z",
)  # fmt: skip


def _settings(rng: random.Random) -> bytes:
    return "\n".join(rng.choice(_SETTINGS) for _ in range(rng.randint(0, 8))).encode("utf-8", "surrogatepass")


@contextmanager
def _config() -> Iterator[Check]:
    with own_home() as home:

        def check(case: bytes) -> None:
            """Any file is read: valid settings are taken, and each warning is one printable line."""
            path = home.write(".config/sesh/config.toml", case)
            found = config.load(path)
            assert 0 <= found.replay_lines <= config.MAX_REPLAY_LINES
            key = DetachKey.parse(found.detach_key or "C-\\")
            assert key is None or key.name.isprintable()
            for warning in found.warnings:
                assert warning.isprintable(), warning
            for words in (*found.groups.values(), *found.remotes.values()):
                assert all("\0" not in word for word in words)

        yield check


def _layout(rng: random.Random) -> bytes:
    entry = {"name": "work", "host": None, "directory": "/tmp", "command": ["sh", "-c", "x"], "labels": {"k": "v"}}
    entries = [
        {**changed(rng, entry), **({"name": f"n{at}"} if rng.random() < 0.7 else {})} for at in range(rng.randint(0, 4))
    ]
    whole = rng.choice((entries, changed(rng, {"version": 1, "sessions": entries}, 1), rng.choice(values.ODD)))
    return json.dumps(whole, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1))).encode(
        "utf-8", "surrogatepass"
    )


def check_layout(case: bytes) -> None:
    """Check that a layout can be created and exported, or its error names the place."""
    try:
        entries = layout.parse(case, "FILE")
    except UsageError as error:
        told(error, "FILE", "nothing was created")
        return
    for entry in entries:
        for word in (entry["name"], entry["directory"] or "", *(entry["command"] or []), *entry["labels"].values()):
            os.fsencode(word)  # a system call must be able to take each word
            assert "\0" not in word
    assert layout.parse(json.dumps(entries).encode(), "FILE") == entries


_LINES = (
    "dir", "file", "~/dir", "/etc/passwd", "..", "dir/../..", "", "#", "# dir", ".", "~", "link", "outside",
    "dir/inner", ".sesh", ".sesh/x", "no such", "\0", "\x1b[31m", "é", "fifo", "loop", "x" * 300, "a/" * 3000,
    " dir ", "dir//inner", "\u2028", "\x85",
)  # fmt: skip


def _list(rng: random.Random) -> bytes:
    ends = rng.choice(("\n", "\r\n", "\r"))
    return ends.join(rng.choice(_LINES) for _ in range(rng.randint(0, 8))).encode()


@contextmanager
def _sync() -> Iterator[Check]:
    with own_home() as home:
        home.write("dir/inner", "x")
        home.write("file", "y")
        for name, target in (("link", "dir"), ("outside", "/etc"), ("loop", "loop")):
            os.symlink(target, os.path.join(home.path, name))
        os.mkfifo(os.path.join(home.path, "fifo"))

        def check(case: bytes) -> None:
            """A line names a place of the user's own in HOME, or is refused."""
            home.write(".config/sesh/sync", case)
            place = sync_home.HomeDirectory(home.path)
            for line in sync.listed():
                try:
                    tree = place.tree(line)
                except Refused as error:
                    told(error)
                    continue
                assert os.path.realpath(tree.source).startswith(home.path + "/")
                assert not any(tree.path == each or tree.path.startswith(f"{each}/") for each in PROTECTED)
                assert tree.digest == place.tree(line).digest

        yield check


# -- what sesh writes


def _record(rng: random.Random) -> bytes:
    record = {
        "name": "work", "id": _ID, "machine": "m", "machine_name": "box", "boot": "b", "daemon_pid": 2,
        "daemon_start": "1", "pid": 3, "created": "2026-01-01T00:00:00Z", "last_activity": "2026-01-01T00:00:00Z",
        "cwd": "/", "command": ["sh"], "labels": {"a": "b"}, "columns": 80, "rows": 24, "tty": "/dev/pts/1",
        "tty_number": 34817, "terminals": 1, "keep": False, "exit_code": None, "version": "1", "shell": True,
    }  # fmt: skip
    if rng.random() < 0.8:
        record |= {"machine": platforms.name()}
    return json.dumps(changed(rng, record, 4)).encode("utf-8", "surrogatepass")


def _put(home: Home, name: str, data: bytes) -> None:
    home.write(f".sesh/{name}", data, mode=0o600)


def _outcome(call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """Return what a call returns; None if it raises an error of one printable line."""
    try:
        return call(*arguments, **more)
    except SeshError as error:
        told(error)
        return None


def _shown(found: list[Summary]) -> None:
    """Call what shows the sessions: it works, or raises an error of one line."""
    caller, now = Caller(), time.time()
    Table(80).lines(found, now)
    listing.refusals()
    known.damage()
    _outcome(layout.sessions, caller)
    status = _outcome(ops_views.status, caller, "work")
    if status is not None:
        verbs._described(status, time.time())
    json.dumps(_outcome(shell.history, caller, "work"))
    _outcome(jobs.result, caller, "work")
    _outcome(wait.ended, caller, "work")
    _outcome(shell.history_output, caller, "work", 1)


@contextmanager
def _records() -> Iterator[Check]:
    with own_home() as home:

        def check(case: bytes) -> None:
            """A list shows the record or leaves it out, and every row can be shown."""
            _put(home, "work.json", case)
            found = listing.summaries(0.2)
            assert [row["name"] for row in found] in ([], ["work"])
            json.dumps(found)
            assert len(listing.refusals()) == 1 - len(found)
            listing.current()
            _outcome(records.read, "work")
            _shown(found)
            for row in sweep._sessions():
                row.facts()
            _outcome(ops_views.stored_screen, "work", "text")

        yield check


def _run_facts(number: int) -> dict[str, Any]:
    command: Any = ["make", "-j8"] if number == 1 else "make | less"
    return {
        "n": number, "command": command, "cwd": "/tmp", "started": 1767225600.5, "duration": 1.25, "exit_code": 0,
        "output_bytes": 10,
    }  # fmt: skip


def _checkpoint(rng: random.Random) -> bytes:
    size = [rng.choice((80, 1, 200)), rng.choice((24, 1, 60))]
    header = {
        "format": checkpoints.FORMAT, "written": "2026-01-01T00:00:00Z", "last_activity": "2026-01-01T00:00:00Z",
        "cwd": "/", "title": "t", "drawn": size, "size": size, "history": [_run_facts(1), _run_facts(2)],
        "cell_height": 20, "lines": rng.choice((0, 3, 10_000)),
    }  # fmt: skip
    data = grammar.output(rng, 20, tuple(grammar.KINDS))
    return json.dumps(changed(rng, header, 4)).encode("utf-8", "surrogatepass") + b"\n" + data


@contextmanager
def _checkpoints() -> Iterator[Check]:
    with own_home() as home:
        _put(home, "work.json", json.dumps({"name": "work", "id": _ID, "machine": platforms.name()}).encode())

        def check(case: bytes) -> None:
            """The checkpoint gives an emulator without errors, or nothing; the list and `logs` work."""
            _put(home, f".screen.{_ID}", case)
            _put(home, f".checkpoint.{_ID}", case.partition(b"\n")[0])
            checkpoints.facts(_ID)
            rows = listing.summaries(0.2)
            assert [row["name"] for row in rows] == ["work"]
            json.dumps(rows)
            _shown(rows)
            found = _outcome(checkpoints.read, _ID)
            emulator = ops_views.emulator_of(found)
            if found is not None and emulator is None:
                return
            assert emulator is None or emulator.last_error is None, repr(emulator.last_error)
            _outcome(ops_views.last_lines, "work", 50)
            _outcome(ops_views.stored_screen, "work", "json")

        yield check


def _result(rng: random.Random) -> bytes:
    event = {"seq": 4, "ts": "2026-01-01T00:00:00.000Z", "event": "exited", "session": "work", "exit_code": 3}
    result = {
        "exit_code": 3, "signal": None, "duration": 1.5, "timed_out": False, "truncated": False, "cpu": 0.5,
        "memory": 10000, "name": "work", "id": _ID, "command": ["make"], "directory": "/", "ended": 1767225600.5,
        "position": 10, "events": [event], "reason": "exited", "run": _run_facts(1), "job": rng.random() < 0.7,
    }  # fmt: skip
    return json.dumps(changed(rng, result, 3)).encode("utf-8", "surrogatepass")


@contextmanager
def _results() -> Iterator[Check]:
    with own_home() as home:
        os.makedirs(results.directory(), mode=0o700)

        def check(case: bytes) -> None:
            """The result tells how the session ended, or is named as damaged."""
            _put(home, f".results/{_ID}.json", case + b"\nmade\r\n")
            found = results.every()
            assert len(results.refusals()) == 1 - len(found)
            _outcome(results.by_id, _ID)
            _shown([])

        yield check


def _remote(rng: random.Random) -> bytes:
    moment = "2026-01-01T00:00:00Z"
    row = {
        **dict.fromkeys(SUMMARY_KEYS), "stale": {"since": moment, "reason": ""}, "current": False,
        "name": "work", "state": "running", "cwd": "/", "created": moment, "last_activity": moment, "home": "/",
        "id": "0f", "pid": 7, "exit_code": 1, "clock": -1.5, "command": ["make"], "labels": {"a": "b"},
    }  # fmt: skip
    facts = {
        "version": "1", "login_prompted": False,
        "sessions": [row, {**row, "name": "other", "state": "lost"}],
        "failure": {"at": time.time(), "reason": "refused", "refused": True},
    }  # fmt: skip
    pushed = {"key": "via:box", "paths": {"dir": "0a", "absent": "does not exist"}}
    files = [{"box": changed(rng, facts), "good": {}}, changed(rng, pushed)]
    return json.dumps(files).encode("utf-8", "surrogatepass")


@contextmanager
def _remotes() -> Iterator[Check]:
    with own_home() as home:
        synced = paths.synced_file("box")
        known.record("box")
        os.makedirs(os.path.dirname(synced), mode=0o700)
        os.makedirs(os.path.join(home.path, "dir"))
        home.write("dir/inner", "x")

        def check(case: bytes) -> None:
            """Hosts are known or named as damaged; impossible facts of sessions are ignored."""
            try:
                contents = [json.dumps(each).encode() for each in json.loads(case)]
            except (ValueError, TypeError, RecursionError):
                contents = []
            for path, content in zip((paths.remotes_file(), synced), [*contents, case, case], strict=False):
                home.write(os.path.relpath(path, home.path), content, mode=0o600)
            found = known.hosts()
            assert all(line.isprintable() for line in known.damage())
            for host in found:
                json.dumps(known.of(host))
                assert host.isprintable()
                assert known.of(host).get("version", "").isprintable()
            json.dumps(known.sessions("box"))
            rows = lookup.Listed().added(lookup.Group(lookup.last_known("box", known.failure("box")), "box")).sessions
            assert all(line.isprintable() for line in Table(80).lines(rows, time.time()))
            json_line(rows)
            known.paused_until("box")
            known.record("box")
            assert ("box" in known.hosts()) or known.damage()
            known.cache_changes("box", running="third", at=5.0)
            sync.remembered("box").get("dir")
            _outcome(ops_views.overview, Caller())

        yield check


def _notes(rng: random.Random) -> bytes:
    """Make lines of two files: positions of terminals, and the names attached last."""
    words = [str(each) for each in (*values.ODD_TEXTS, *values.ODD_NUMBERS)]
    lines = [
        rng.choice(("work", "@box work", "@-x work", f"{_ID} 10 1767225600", *words)) for _ in range(rng.randint(0, 5))
    ]
    numbers = [f"{_ID} {rng.choice(words)} {rng.choice((*words, '1767225600'))}" for _ in range(rng.randint(0, 3))]
    return "\n".join([*lines, *numbers]).encode("utf-8", "surrogatepass")


@contextmanager
def _noted() -> Iterator[Check]:
    alone = mock.patch.object(os, "getsid", return_value=os.getpid())  # the leader may be of another pid namespace
    with own_home() as home, alone, mock.patch.object(processes, "start_time", return_value="1"):

        def check(case: bytes) -> None:
            """A line of another form is ignored, and the file can still be written."""
            _put(home, f".terminal.{os.getpid()}", b"/dev/pts/1\t1\n" + case)
            _put(home, ".recent", case)
            shown = SeenPositions("/dev/pts/1")
            json.dumps(shown.told(None))
            shown.record_leave(None, _ID, Given(5))
            assert SeenPositions("/dev/pts/1").told(None)["seen"][_ID] == 5
            enter.recent()
            recent.remember("work")
            assert recent.newest()[0] == "work"

        yield check


def _log(rng: random.Random) -> bytes:
    lines = []
    for _ in range(rng.randint(0, 6)):
        event = {
            "ts": "2026-01-01T00:00:00Z",
            "event": "sync_done",
            "host": "box",
            "ok": True,
            "session": "work",
            "seq": 1,
        }
        lines.append(json.dumps(changed(rng, event)).encode("utf-8", "surrogatepass"))
    return b"\n".join(lines)


@contextmanager
def _events() -> Iterator[Check]:
    with own_home():
        path = eventlog.path()
        known.record("box")

        def check(case: bytes) -> None:
            """A line without an event is skipped, and the next logged event is found."""
            with open(path, "wb") as file:
                file.write(case + b"\n")
            before = events.log(Caller())["events"]
            assert all(isinstance(event["event"], str) for event in before)
            word = os.fsdecode(case[:200])
            eventlog.log("noted", host=word, path=word, bytes=len(case))
            after = events.log(Caller())["events"]
            assert after[:-1] == before or repr(after[:-1]) == repr(before)
            assert after[-1]["event"] == "noted"
            assert after[-1]["bytes"] == len(case)

        yield check


_JSON = (b"{", b"}", b"[", b"]", b'"', b":", b",,", b"null", b"1e999", b"-", b"[" * 3000, b"NaN", b"\n")
TARGETS = (
    Target("config", _settings, _config, tuple(line.encode("utf-8", "surrogatepass") for line in _SETTINGS)),
    pure("import", _layout, check_layout, _JSON),
    Target("sync", _list, _sync, tuple(line.encode() for line in _LINES)),
    Target("records", _record, _records, _JSON),
    Target("checkpoints", _checkpoint, _checkpoints, _JSON),
    Target("results", _result, _results, _JSON),
    Target("remotes", _remote, _remotes, _JSON),
    Target("notes", _notes, _noted),
    Target("eventlog", _log, _events, _JSON),
)
