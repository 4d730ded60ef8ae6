"""The targets of what lies on disk: settings and lists that users write, files that sesh writes and others may harm."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sesh import config, platform
from sesh.daemon import checkpoint
from sesh.errors import NotFound, Refused, SeshError, UsageError
from sesh.ops import dormant, follow, layout, leftovers
from sesh.ops.caller import Caller
from sesh.remote import eventlog, known
from sesh.remote.sync import fingerprint, sync
from sesh.store import checkpoints, listing, records
from tests.fuzz import grammar
from tests.fuzz.place import own_home
from tests.fuzz.target import Check, Target, pure
from tests.support import Home

_ID = "0123456789abcdef"
_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**30, "", "x" * 3000, "\x1b]0;t\x07\n", "\0", "\ud800", [], [[]], {}, {"a": 1}, [1],
    ["x"], "2026-01-01T00:00:00Z", "9999999999999-13-41", "é", "-x", "../x", "a=b", float("nan"), float("inf"),
)  # fmt: skip


def _with_odd(rng: random.Random, values: dict[str, Any], most: int = 2) -> dict[str, Any]:
    """The values with a few replaced by something else, or left out."""
    changed = dict(values)
    for _ in range(rng.randint(0, most)):
        key = rng.choice(list(values))
        if rng.random() < 0.2:
            changed.pop(key, None)
        else:
            changed[key] = rng.choice(_ODD)
    return changed


def told(error: SeshError, first: str = "", last: str = "") -> None:
    """An error is one printable line."""
    line = str(error)
    assert line.isprintable(), line
    assert line.startswith(first), line
    assert line.endswith(last), line


# -- what a user writes

_SETTINGS = (
    "detach_key = 'C-b d'", "detach_key = 5", 'detach_key = "\\u0000"', "replay_lines = 10", "replay_lines = -1",
    "replay_lines = 1e999", "persist = true", "persist = 'x'", "[groups]", 'web = ["@a", "b"]', "web = [1]",
    "[remotes.box]", 'via = "docker exec -i box"', "via = ''", "via = \"'\"", "[hooks]", "on_bell = 'echo'",
    "on_exit = ''", "# comment", "unknown = 1979-05-27", "[[groups]]", "[groups.web]", 'a."b c".d = 1', "x = '''",
    "y = \"\"\"\n", "[", "]", "= 1", "\ufeff", "z = [1, 2, # c\n3]", "t = {a = 1, b = {c = 2}}", "\x1b[31m = 1",
    "'quoted key' = 1", "keep = \"failed\"", "n = " + "[" * 2000, "f = nan", "groups = 1", "hooks = []",
    "remotes.x = 1", "é = 1", '"\\ud800" = 1', "r = 0x_1", "predict = 'always'", "a.b.c.d.e.f = 1",
    "[a.b]\n[a]\nb = 1", "\r", "\t", "d = 2026-13-45T99:99:99Z",
)  # fmt: skip


def _settings(rng: random.Random) -> bytes:
    return "\n".join(rng.choice(_SETTINGS) for _ in range(rng.randint(0, 8))).encode("utf-8", "surrogatepass")


@contextmanager
def _config() -> Iterator[Check]:
    with own_home() as home:

        def check(case: bytes) -> None:
            """It is read, whatever it holds: what is right is taken, and each warning is one printable line."""
            path = home.write(".config/sesh/config.toml", case)
            found = config.load(path)
            assert 0 <= found.replay_lines <= config.MOST_REPLAY_LINES
            assert found.detach_key.isprintable()
            for warning in found.warnings:
                assert str(warning).isprintable(), str(warning)
            for words in (*found.groups.values(), *found.remotes.values()):
                assert all("\0" not in word for word in words)

        yield check


def _layout(rng: random.Random) -> bytes:
    entry = {"name": "work", "host": None, "directory": "/tmp", "command": ["sh", "-c", "x"], "labels": {"k": "v"}}
    entries = [
        {**_with_odd(rng, entry), **({"name": f"n{at}"} if rng.random() < 0.7 else {})}
        for at in range(rng.randint(0, 4))
    ]
    whole = rng.choice((entries, _with_odd(rng, {"version": 1, "sessions": entries}, 1), rng.choice(_ODD)))
    return json.dumps(whole, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1))).encode(
        "utf-8", "surrogatepass"
    )


def check_layout(case: bytes) -> None:
    """It is sessions that can be created and exported again, or one printable line that names the place."""
    try:
        entries = layout.parse(case, "FILE")
    except UsageError as error:
        told(error, "FILE", "nothing was created")
        return
    for entry in entries:
        for word in (entry["name"], entry["directory"] or "", *(entry["command"] or []), *entry["labels"].values()):
            os.fsencode(word)  # what a session is created with must be words of the system
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
            """A line names something in HOME that is not sesh's own, or is refused with a reason."""
            home.write(".config/sesh/sync", case)
            place = fingerprint.HomeDirectory(home.path)
            for line in sync.listed():
                try:
                    tree = place.tree(line)
                except (NotFound, Refused) as error:
                    told(error)
                    continue
                assert os.path.realpath(tree.source).startswith(home.path + "/")
                assert not any(tree.path == own or tree.path.startswith(f"{own}/") for own in fingerprint.OWN)
                assert tree.matches(tree.seal())

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
        record |= {"machine": platform.machine()}
    return json.dumps(_with_odd(rng, record, 4)).encode("utf-8", "surrogatepass")


def _put(home: Home, name: str, data: bytes) -> None:
    home.write(f".sesh/{name}", data, mode=0o600)


def _outcome(call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """What a call returns; None where it refuses in one printable line."""
    try:
        return call(*arguments, **more)
    except SeshError as error:
        told(error)
        return None


@contextmanager
def _records() -> Iterator[Check]:
    with own_home() as home:

        def check(case: bytes) -> None:
            """A list shows it or leaves it out, and every row can be shown."""
            _put(home, "work.json", case)
            found = listing.summaries(0.2)
            assert [row["name"] for row in found] in ([], ["work"])
            json.dumps(found)
            assert len(listing.refusals()) == 1 - len(found)
            listing.current()
            _outcome(records.read, "work")
            for row in leftovers._sessions():
                row.facts()
            _outcome(dormant.screen, "work", "text")

        yield check


def _checkpoint(rng: random.Random) -> bytes:
    size = [rng.choice((80, 1, 200)), rng.choice((24, 1, 60))]
    model: dict[str, Any] = {
        "position": 0,
        "size": size,
        "born": size,
        "resizes": [[3, 40, 10]],
        "marks": [],
        "emulator": None,
    }
    header = {
        "format": checkpoints.FORMAT, "written": "2026-01-01T00:00:00Z", "last_activity": "2026-01-01T00:00:00Z",
        "cwd": "/", "title": "t", "model": _with_odd(rng, model, 1),
    }  # fmt: skip
    data = grammar.output(rng, 20, tuple(grammar.KINDS))
    return json.dumps(_with_odd(rng, header, 1)).encode("utf-8", "surrogatepass") + b"\n" + data


@contextmanager
def _checkpoints() -> Iterator[Check]:
    with own_home() as home:
        _put(home, "work.json", json.dumps({"name": "work", "id": _ID, "machine": "m"}).encode())

        def check(case: bytes) -> None:
            """It gives an emulator without errors, or nothing; the list and `--logs` bear it."""
            _put(home, f".checkpoint.{_ID}", case)
            checkpoints.header(_ID)
            json.dumps(listing.summaries(0.2))
            found = _outcome(checkpoints.read, _ID)
            if found is not None:
                try:
                    emulator = checkpoint.emulator(*found)
                except ValueError:
                    return
                assert emulator.errors == 0, repr(emulator.last_error)
            _outcome(dormant.last_lines, "work", 50, ansi=True)
            _outcome(dormant.screen, "work", "json")

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
        lines.append(json.dumps(_with_odd(rng, event)).encode("utf-8", "surrogatepass"))
    return b"\n".join(lines)


@contextmanager
def _events() -> Iterator[Check]:
    with own_home():
        path = eventlog.path()
        os.makedirs(known.directory(), mode=0o700)

        def check(case: bytes) -> None:
            """What is no event is passed over; what is logged next is found, whatever words it holds."""
            with open(path, "wb") as file:
                file.write(case + b"\n")
            before = follow.log(Caller())["events"]
            assert all(isinstance(event["event"], str) for event in before)
            word = os.fsdecode(case[:200])
            eventlog.log("noted", host=word, path=word, bytes=len(case))
            events = follow.log(Caller())["events"]
            assert events[:-1] == before or repr(events[:-1]) == repr(before)
            assert events[-1]["event"] == "noted"
            assert events[-1]["bytes"] == len(case)

        yield check


_JSON = (b"{", b"}", b"[", b"]", b'"', b":", b",,", b"null", b"1e999", b"-", b"[" * 3000, b"NaN", b"\n")
TARGETS = (
    Target("config", _settings, _config, tuple(line.encode("utf-8", "surrogatepass") for line in _SETTINGS)),
    pure("import", _layout, check_layout, _JSON),
    Target("sync", _list, _sync, tuple(line.encode() for line in _LINES)),
    Target("records", _record, _records, _JSON),
    Target("checkpoints", _checkpoint, _checkpoints, _JSON),
    Target("eventlog", _log, _events, _JSON),
)
