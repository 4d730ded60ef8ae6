"""The loops that meet a stranger's bytes, each with words that its inputs are made of: what they may cost.

A feed takes the bytes of one case. A file's are written where it is read; what answers a program is handed over in its
place. `covers` names the target (`tests/fuzz/targets.py`) that has the same part give right results.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

from sesh import attached_last, config, gate, identity, moments, names, paths, protocol, shapes, toml_positions, wording
from sesh.cli import complete, jobs
from sesh.cli.tui.console import Keys
from sesh.client import hint
from sesh.client.display import notification, unfinished_character
from sesh.client.keys import KeyParser
from sesh.client.ledger import Ledger
from sesh.client.predict.guesses import Guesses
from sesh.client.predict.replica import Replica
from sesh.client.terminal import _READ_SIZE
from sesh.client.unacknowledged_input import UnacknowledgedInput
from sesh.daemon import session
from sesh.daemon.activity import program_status, question
from sesh.daemon.clients.replies import ReplyFilter
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.typed_line import TypedLine
from sesh.daemon.screen.model import STEP_TIME
from sesh.daemon.screen.simple_output import replay_safe
from sesh.daemon.shell import history, wrapper
from sesh.errors import SeshError
from sesh.keynames import DetachKey
from sesh.ops import enter, layout, matching, search, shell
from sesh.ops.events import log as event_log
from sesh.ops.matching import Pattern
from sesh.ops.recording import Cast
from sesh.queries import QUERIES, QueryScanner
from sesh.reach.caller import Caller
from sesh.remote import known
from sesh.remote.deploy import deploy, survey
from sesh.remote.ssh import destination, ssh
from sesh.remote.ssh.destination import Destination
from sesh.remote.sync import push, sync
from sesh.store import checkpoints, listing, records, results
from sesh.vt.emulator import Emulator
from sesh.vt.lines import LineReader
from sesh.vt.render.export import export
from sesh.vt.render.overlay import overlay
from sesh.vt.render.pictures import html, svg
from sesh.vt.render.replay import repaint, replay
from sesh.vt.render.viewport import Viewport
from tests.fuzz.place import own_home
from tests.fuzz.terminals import path
from tests.support import cost
from tests.support.data import command, daemon_facts

_ID = "0123456789abcdef"
_PIECE = 4096
_OWN_TIME = 0.5
"""Seconds for `cost.LONGEST` bytes where a command reads them that nobody else waits for."""
_SECRET = "5ec"  # noqa: S105 - what the marks of a command begin with


Call = Callable[[bytes], object]


class Feed(NamedTuple):
    """A loop, its words, and how many bytes it meets at once (`longest`), for which it may take `most` seconds."""

    name: str
    words: tuple[bytes, ...]
    open: Callable[[], Any]
    covers: tuple[str, ...] = ()
    longest: int = cost.LONGEST
    most: float = cost.MOST_SECONDS


def _lenient(run: Call) -> Call:
    """The same, where it may refuse what it is given."""

    def check(data: bytes) -> None:
        try:
            run(data)
        except (SeshError, ValueError):
            return

    return check


def _text(run: Callable[[str], object]) -> Call:
    return _lenient(lambda data: run(data.decode("utf-8", "replace")))


def pure(name: str, words: tuple[bytes, ...], *runs: Call, covers: tuple[str, ...] = (), **bounds: Any) -> list[Feed]:
    """A feed for each of some calls that need nothing else."""
    return [
        Feed(
            name if len(runs) == 1 else f"{name} {number}",
            words,
            partial(nullcontext, _lenient(run)),
            covers,
            **bounds,
        )
        for number, run in enumerate(runs, 1)
    ]


def in_pieces(feed: Callable[[bytes], object], data: bytes) -> None:
    """Gives it piece by piece, as it is read."""
    for at in range(0, len(data), _PIECE):
        feed(data[at : at + _PIECE])


# -- what a program prints

TERMINAL = (
    b"a", b"\x1b[m", b"\x1b[1;38;5;7m", b"\x1b", b"\x1b[", b"\x1b]", b"\x1b]0;t", b"\x1b]2;t\x07", b"\x07", b"\x1b\\",
    b"\x1bP", b"\x1bPq~-", b"\x1b_G", b"\r", b"\n", b"\r\n", b"\t", b" ", b";", b"0", b"\x1b[?1049h", b"\x1b[?1h",
    b"\x1b[6n", b"\x1b[?", b"\x1b]4;1;?;", b"\x1b]133;A\x07", b"\x1b]133;C;cmdline_url=%20\x07", b"\x1b]133;D\x07",
    b"\x1b]8;;x\x1b\\", b"\x1b[H", b"\x1b[A", b"\x1b[K", b"\x1b(B", b"\x1b7", b"\x1b8", b"\x18", b"\x7f", b"\xc2",
    b"\xff", "中".encode(), "e\u0301".encode(), "\u0301".encode(), "👩\u200d".encode(), "🇫".encode(), b"\x1b[99G",
    b"\x1b[65535G", b"\x1b]9;x\x07", b"\x1b[22;0t", b"\x1b[>1u", b"\x1b]7373;5ec", b"\x1b[?2004l",
)  # fmt: skip


_TOLD = (
    b"\x1bc", b"\x1b]9;4;1\x07", b"\x1b]9;4;2\x07", b"\x1b]99;d=0;x\x07", b"\x1b]7501;state=working\x07",
    b"\x1b]7501;?\x07",
    b"\x1b]7501;id=a:state=blocked\x07", b"\x1b[?u", b"\x1b[1$p", b"\x1b[c", b"\x1b]777;notify;a;b\x07",
)  # fmt: skip


class _Printed(Pty):
    """A terminal whose program has printed one block."""

    printed = b""

    def read(self, _most: int = 0) -> tuple[bytes, bool]:
        block, self.printed = self.printed, b""
        return block, True


@contextmanager
def _session() -> Iterator[Call]:
    """A daemon's session that reads a block, of a user who has settings."""
    with own_home() as home:
        home.write(".config/sesh/config.toml", b"[hooks]\n" + b"#\n" * 500)
        master, slave = os.openpty()

        def check(data: bytes) -> None:
            pty = _Printed({"descriptor": master, "slave": slave, "pid": os.getpid(), "path": "", "device": 0})
            pty.printed = data
            own = session.Session(daemon_facts(), (80, 24, 0, 0), pty)
            own.pump.take()
            own.timers.run()

        yield check
        os.close(master)
        os.close(slave)


def _ledger(data: bytes) -> None:
    ledger = Ledger()
    in_pieces(ledger.feed, data)
    ledger.undo(80)


def _scanned(data: bytes) -> None:
    in_pieces(QueryScanner().find, data)


def _marked(*, held: bool) -> Call:
    def run(data: bytes) -> None:
        filtered = wrapper.MarkFilter(_SECRET, lambda *_: b"", lambda _: None)
        if held:
            filtered.hold()
        filtered.filter(data)
        filtered.drop()
        filtered.release_part()

    return run


def _logged(data: bytes) -> None:
    log = OutputLog()
    in_pieces(log.append, data)
    log.bytes(0)


def _read_lines(data: bytes) -> None:
    reader = LineReader(0, 80)
    for line in reader.feed(data):
        _ = line.text
    _ = reader.current.ansi


def _followed(data: bytes) -> None:
    for lines in (False, True):
        followed = jobs.FollowedOutput(lines=lines)
        in_pieces(followed.take, data)
        followed.end()


def _live(data: bytes) -> None:
    live = shell.OutputWriter(lambda _: None, ansi=False)
    for at in range(0, len(data), _PIECE):
        live.take(at, data[at : at + _PIECE])
    live.end(b"")


def _cast(data: bytes) -> None:
    lines: list[str] = []
    cast = Cast(lambda value: lines.append(json.dumps(value)))
    in_pieces(cast.output, data)
    cast.ended(0)


def _hinted(data: bytes) -> None:
    shown = hint.Hint("name", 10_000, 100_000)
    shown.begin()
    shown.around(data)


def _grepped(data: bytes) -> None:
    lines = data.decode("utf-8", "replace").split("\n")
    with Pattern("needle") as pattern:
        pattern.numbers(lines)
    list(matching._portions(lines))
    list(search._printed_by(lines, range(len(lines)), [(f"command {at}", command()) for at in range(100)]))


PRINTED = [
    *pure("ledger", TERMINAL, _ledger, covers=("ledger",)),
    *pure("queries", TERMINAL, _scanned, covers=("queries",)),
    Feed("session", (*TERMINAL, *_TOLD), _session, most=0.05),
    *pure("marks of --run", TERMINAL, _marked(held=False), _marked(held=True)),
    *pure("output of a command", TERMINAL, lambda data: history.own_output(data, translated=True)),
    *pure(
        "command of a mark",
        (*TERMINAL, b"%", b"%41", b"cmdline_url="),
        lambda data: history.parse_command(b"C;" + data),
    ),
    *pure(
        "question",
        TERMINAL,
        lambda data: question.in_output(data, line=True),
        lambda data: question.in_output(data, line=False),
        lambda data: question.rows_written(data, 80, 0, 24),
    ),
    *pure(
        "reports",
        (b":", b"=", b"id=", b"a/", b"msg=", b"state=", b"state=working:", b"YQ==", b"0", b" ", b"app=a"),
        program_status.parse,
        lambda data: program_status.parse(b"state=working:id=" + data),
        lambda data: program_status.parse(b"state=working:progress=" + data),
    ),
    *pure("hint", TERMINAL, _hinted),
    *pure("plain output", TERMINAL, lambda data: replay_safe(data, 10_000, 100_000)),
    *pure("log", TERMINAL, _logged),
    *pure("lines", TERMINAL, _read_lines, most=_OWN_TIME),
    *pure("output of --exec", TERMINAL, _followed, most=_OWN_TIME),
    *pure("output of --run", TERMINAL, _live),
    *pure("cast", TERMINAL, _cast, covers=("cast",)),
    *pure("title", TERMINAL, session._printable),
    *pure("--grep", TERMINAL, _grepped),
    *pure("end of a character", TERMINAL, unfinished_character),
]

# -- the emulator, and what is made of it


def _whole(*, fast: bool, size: tuple[int, int] = (80, 24)) -> Call:
    def run(data: bytes) -> None:
        with path(fast=fast):
            Emulator(*size).feed(data)

    return run


def _first_slice(data: bytes) -> None:
    """What one turn of a daemon's loop takes."""
    Emulator(80, 24).feed(data, STEP_TIME)


def _drawn(draw: Callable[[Emulator], object]) -> Call:
    def run(data: bytes) -> None:
        emulator = Emulator(80, 24)
        emulator.feed(data)
        draw(emulator)

    return run


def _pictured(emulator: Emulator) -> None:
    data = json.loads(export(emulator, "json"))
    svg(data)
    html(data)


def _packed(emulator: Emulator) -> None:
    list(emulator.scrollback.pack())
    emulator.last_lines(10_000)


def _replica(data: bytes) -> None:
    replica = Replica(80, 24, 0, data[: len(data) // 2])
    replica.feed(0, data)


_EMULATED = (
    *TERMINAL, b"\x1bc", b"\x1b#8", b"\x1b[S", b"\x1b[T", b"\x1b[L", b"\x1b[2J", b"\x1b[P", b"\x1b[@", b"\x1bM",
    b"\x1b[4h", b"\x1b[?69h\x1b[2;9s", b"\x1b[3g", b"\x1bH", b"\x1b[5b", b"\x1b]4;1;#fff\x07", b"a\x1b[255b",
    b"a\x1b[99999999b", b"\x1b[1;1;24;80${", b"\x1b[1;1;24;80$z", b"\x1b[65;1;1;24;80$x", b"\x1b[1;1;24;80;1;2;2;1$v",
    b'\x1bPq"1;1;1;99999~\x1b\\', b"\x1b_Ga=T,c=99,r=99;\x1b\\", b"\x1b[9 @",
)  # fmt: skip
_SOME = cost.LONGEST // 2
_SECONDS = 0.8
"""Seconds of an emulator for `_SOME` bytes. A daemon gives it some milliseconds in each turn."""
_RENDERED = TERMINAL[::3]
EMULATED = [
    *pure(
        "emulator",
        _EMULATED,
        _whole(fast=False),
        _whole(fast=True),
        covers=("tokenizer", "screen"),
        longest=_SOME,
        most=_SECONDS,
    ),
    *pure("emulator, one turn", _EMULATED, _first_slice),
    *pure("scrollback", _RENDERED, _drawn(_packed), covers=("views",), longest=_SOME, most=_SECONDS),
    *pure(
        "replay",
        _RENDERED,
        _drawn(replay),
        _drawn(lambda emulator: repaint(emulator, lines=5)),
        covers=("replay",),
        longest=_SOME,
        most=_SECONDS,
    ),
    *pure(
        "view",
        _RENDERED,
        _drawn(_pictured),
        _drawn(lambda emulator: Viewport(7, 3).draw(emulator)),
        covers=("views",),
        longest=_SOME,
        most=_SECONDS,
    ),
    *pure("model of a client", _RENDERED, _replica, longest=_SOME // 2, most=_SECONDS),
]

# -- what a terminal sends

_TYPED = (
    b"a", b"\x1b", b"\x1b[", b"\x1b[A", b"\x1b[200~", b"\x1b[201~", b"\x1b[201", b"\x02", b"\x1c", b"\x1b[98;5u",
    b";", b":", b"0", b"\x1b[M", b"\x1b[M\x20\x20\x20", b"\x1b[<0;1;1M", b"\x1bO", b"\x1bOP", b"\x1b]",
    b"\x1b]10;rgb:0/0/0", b"\x07", b"\x1bP", b"\x1b\\", b"\x1b[?1;2c", b"\x1b[1;1R", b"\x1b]52;c;", b"\x1b_G", b"\r",
    "é".encode(), b"\xff", b"\x1b[98;5:3u", b"\x7f", b"\x18",
)  # fmt: skip


def _keyed(name: str) -> Call:
    def run(data: bytes) -> None:
        parser = KeyParser(DetachKey.parse(name))
        parser.feed(data)
        parser.flush()

    return run


def _console(data: bytes) -> None:
    keys = Keys()
    keys.feed(data)
    keys.flush()


def _replied(*, expected: bool) -> Call:
    def run(data: bytes) -> None:
        replies = ReplyFilter()
        for kind in sorted(QUERIES) if expected else ():
            for _ in range(100):
                replies.expect(kind, 0.0)
        replies.filter(data, 1.0)
        replies.release()

    return run


def _kept(data: bytes) -> None:
    waiting = UnacknowledgedInput()
    in_pieces(lambda piece: waiting.hold(piece, 0.0), data)
    waiting.resume(0, 0.0)
    waiting.acknowledge(1 << 30)


def _guessed(data: bytes) -> None:
    guesses = Guesses(Replica(80, 24, 0, b""))
    for number, at in enumerate(range(0, len(data), _PIECE), 1):
        guesses.typed(number, data[at : at + _PIECE])
        guesses.shown()


SENT = [
    *pure("keys", _TYPED, *map(_keyed, ("C-\\", "C-b d", "M-x", "F12")), covers=("keys",), longest=_READ_SIZE),
    *pure("keys of a list", _TYPED, _console),
    *pure("replies", _TYPED, _replied(expected=False), _replied(expected=True)),
    *pure("typed line", _TYPED, lambda data: TypedLine().add(data, None)),
    *pure("input to send", _TYPED, _kept),
    *pure("predictor", _TYPED, _guessed, longest=_READ_SIZE),
]

# -- what a peer sends

_JSON = (
    b"{", b"}", b"[", b"]", b'"', b'"a"', b":", b",", b"null", b"1", b"1.5", b"\\", b'\\"', b"\\ud800", b" ", b"\n",
    b'{"a":', b'"\\"', b"[1,", b"-", b"1e9", "é".encode(), b"\x1b[m", b"\xff", b"true",
)  # fmt: skip
_FRAMES = (
    b"\0\0\0\0\0", b"\x01\0\0\0\x01x", b"\x0f\0\0\0\x02{}", b"\x02\0\0\0\x08", b"\0", b"x",
    b"\x01\0\x0f\0\0", b"\xff\xff\xff\xff\xff",
    b"\x10\0\0\0\x10",
)  # fmt: skip


_MESSAGES = (protocol.WELCOME, protocol.RESPONSE, protocol.NOTICE, protocol.TELL, protocol.EXIT, protocol.DATA)


def _decoded(data: bytes) -> None:
    decoder = protocol.Decoder()
    in_pieces(decoder.feed, data)


def _of_many_values(data: bytes) -> None:
    """The same where the values have to be counted."""
    with mock.patch.object(shapes, "MOST_VALUES", 0):
        gate.value(b"[," + data)


def _message(kind: int) -> Call:
    return lambda data: gate.message(kind, data, far=True)


def _as_json(run: Call) -> Call:
    """The same for a text that is a JSON string: what a field holds."""
    return lambda data: run(json.dumps({"text": data.decode("latin-1"), "hold": False}).encode())


FROM_PEERS = [
    *pure("frames", _FRAMES, _decoded, covers=("codec", "frames", "bridge")),
    *pure("JSON of a peer", _JSON, protocol.parse, gate.value, _of_many_values),
    *pure("message", _JSON, *(_message(kind) for kind in _MESSAGES)),
    *pure("notice", TERMINAL, _as_json(_message(protocol.NOTICE)), _text(lambda text: overlay(text, 100_000))),
    *pure("lines of a host", TERMINAL, lambda data: gate.lines(data, far=True)),
    *pure("notification", TERMINAL, _text(lambda text: notification(text, {"TERM": "xterm-kitty"}))),
    *pure(
        "words",
        TERMINAL,
        *map(
            _text,
            (
                lambda text: wording.plain(text, keep="\t"),
                wording.one_line,
                wording.shell_word,
                lambda text: wording.cut(text, 40),
                wording.encodable,
                lambda text: wording.cut(text, 40, keeps_end=True),
                lambda text: wording.command_line(text.split(" ")),
                moments.seconds,
                names.printable,
                names.check_host,
                names.check_name,
                names.check_label,
                shapes.printable,
            ),
        ),
    ),
    *pure(
        "labels",
        (b"a", b"=", b",", b" ", b"\n"),
        _text(lambda text: [names.check_label(each) for each in text.split()]),
    ),
]

# -- what ssh and hosts print

_SSH = (
    b"a", b" ", b"\n", b"\r\n", b":", b"Offending ", b"Offending RSA key in ", b"key in ", b":1", b"Host key for ",
    b" has changed", b"REMOTE HOST IDENTIFICATION HAS CHANGED", b"Host key verification failed",
    b"Permission denied (", b"Authenticated to x using \"publickey\"", b"debug1: ", b"user a\n", b"hostname b\n",
    b"Host a b\n", b"Include x\n", b'"', b"*", b"=", b"\t", b"#",
)  # fmt: skip
_ANSWER = (
    b"a", b" ", b"\n", b"\r", b"T ", b"T found ", b"T end\n", b"T libc ", b"musl", b"glibc", b"GNU libc",
    b"Version ", b"1", b".",
    b"Python 3.11", b"|", b"fit 3.11 cpython  64 /bin/python", b"No module named ", b"{", b"}",
    b'T {"step": "send"}\n', b"T [", b'"',
    b"system Linux\n", b"machine x86_64\n", b"/",
)  # fmt: skip


def _settings(data: bytes) -> None:
    done = subprocess.CompletedProcess([], 0, data, b"")
    with mock.patch.object(subprocess, "run", return_value=done):
        _ = Destination("host").settings


def _refused(data: bytes) -> None:
    host = Destination("host", via=["x"])
    text = data.decode("utf-8", "replace")
    ssh.failure(host, text)
    ssh.failure(host, f"REMOTE HOST IDENTIFICATION HAS CHANGED\n{text}")


def _answers(data: bytes) -> None:
    parser = deploy._AnswerParser("T", shapes.anything, lambda _: None)
    with suppress(SeshError):
        in_pieces(parser.feed, data)


HOSTS = [
    *pure("ssh -G", _SSH, _settings),
    *pure("stderr of ssh", _SSH, _refused),
    *pure("survey", _ANSWER, _text(lambda text: survey.parse(text, "T")), _text(survey._libc)),
    *pure("answers of a deploy", _ANSWER, _answers),
    *pure("rsync", _SSH, _text(lambda text: push.PushResult(1, text).reason)),
]

# -- what stands in files

_TOML = (
    b"a", b".", b"=", b"1", b"a = 1\n", b"[a]\n", b"[[a]]\n", b"[", b"]", b"{", b"}", b",", b"\n", b'"', b'"""', b"'",
    b"'''", b"\\", b'\\"', b"#", b" ", b"\t", b"[a.b]\n", b"a.b = 1\n", b"{a = 1}, ", b"x = [",
    b"x = {a = 1, b = 2}\n", b'"k" = "v"\n', "é".encode(), b"x = '''", b'x = """', b"1,", b"a=1,",
)  # fmt: skip
_LISTED = (b"a", b"/", b"..", b"\n", b"\r", b"~", b"#", b"dir\n", b".", b" ", b"\0", "é".encode(), b"\x1b", b"a/")


def _in_file(name: str, run: Callable[[], object]) -> Callable[[], Any]:
    """What opens a feed whose bytes are written to a file of a home of their own."""

    @contextmanager
    def opened() -> Iterator[Call]:
        with own_home() as home:

            def check(data: bytes) -> None:
                home.write(name, data, mode=0o600)
                run()

            record = {"name": "work", "id": _ID, "machine": identity.machine()}
            home.write(".sesh/work.json", json.dumps(record).encode(), mode=0o600)
            os.makedirs(paths.remotes_directory(), mode=0o700, exist_ok=True)
            yield _lenient(check)

    return opened


def _file(
    name: str, words: tuple[bytes, ...], place: str, run: Callable[[], object], *covers: str, **bounds: Any
) -> Feed:
    return Feed(name, words, _in_file(place, run), covers, **bounds)


def _listed() -> None:
    listing.summaries(0.0)
    listing.refusals()
    records.read("work")


def _checkpoint() -> None:
    checkpoints.header(_ID)
    checkpoints.read(_ID)


def _hosts() -> None:
    known.all()
    known.damage()


def _recent() -> None:
    enter.recent()
    attached_last.recent()


FILES = [
    *pure("TOML", _TOML, _text(toml_positions.read)),
    *pure("--import", _JSON, lambda data: layout.parse(data, "FILE"), covers=("import",)),
    _file("config.toml", _TOML, ".config/sesh/config.toml", config.load, "config"),
    _file("sync", _LISTED, ".config/sesh/sync", sync.listed, "sync"),
    _file("record", _JSON, ".sesh/work.json", _listed, "records"),
    _file("checkpoint", (*_JSON, *TERMINAL[:10]), f".sesh/.checkpoint.{_ID}", _checkpoint, "checkpoints"),
    _file(
        "event log", _JSON, ".local/state/sesh/events.jsonl", lambda: event_log(Caller()), "eventlog", most=_OWN_TIME
    ),
    _file("names of a host", _JSON, ".local/state/sesh/remotes/host.names", lambda: complete._cached("host")),
    _file("known hosts", _JSON, ".local/state/sesh/remotes/host.json", _hosts, "remotes"),
    _file("result", _JSON, f".sesh/.results/{_ID}.json", lambda: (results.every(), results.damage()), "results"),
    _file(
        "names attached last",
        (b"work\n", b"@box work\n", b"@", b" ", b"\n", b"\xff"),
        ".sesh/.recent",
        _recent,
        "notes",
    ),
    _file("ssh_config", _SSH, ".ssh/config", destination.aliases),
]
FEEDS = {feed.name: feed for part in (PRINTED, EMULATED, SENT, FROM_PEERS, HOSTS, FILES) for feed in part}


#: What is behind a word that is repeated, often enough.
_TAILS = (b"", b"\n", b"\x07", b'"', b"!")
_PAIRS, _MIXED = 20, 20


def inputs(feed: Feed, rng: random.Random) -> dict[str, cost.Make[bytes]]:
    """Inputs of a feed: each word again and again, pairs of them by chance, and some with a head and a tail."""
    chosen = [(word, b"", b"") for word in feed.words]
    chosen += [(b"".join(rng.choices(feed.words, k=2)), b"", b"") for _ in range(_PAIRS)]
    chosen += [(rng.choice(feed.words), rng.choice(feed.words), rng.choice(_TAILS)) for _ in range(_MIXED)]
    return {repr(each): cost.repeated(*each) for each in dict.fromkeys(chosen)}
