"""Between the login on a host and the first frame: banners, broken programs, silence."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time

from sesh.wire import protocol
from sesh.wire.connection import Connection, hello_frame, request_frames
from tests.remote.via import Beside
from tests.support import Home
from tests.support.waiting import PATIENCE


def test_nothing_that_login_files_print_confuses_the_frames_and_sesh_in_the_path_will_do(
    home: Home, beside: Beside
) -> None:
    far = beside("box")  # a host whose sesh is found only by PATH
    almost, parts = protocol.BRIDGE[:-2].decode("latin-1"), protocol.BRIDGE[:5].decode("latin-1") * 50
    banner = far.write("banner", f"{'x' * 1_100_000}\x1b[2J\x1b]0;title\x07\x1bc{almost}!\n{parts}")
    login = far.write("login", f'#!/bin/sh\ncat {banner}\nexec "$@"\n', 0o755)
    way = json.dumps(shlex.join([login, *far.way]))
    home.write(".config/sesh/config.toml", f"[remotes.box]\nvia = {way}\n")
    done = home.sesh("@box", "exec", "--print", "--", "echo", "out")
    assert (done.code, done.stdout, done.stderr) == (0, "out\n", "")


def test_a_program_over_there_that_is_no_sesh_is_told_of_in_one_line(home: Home, beside: Beside) -> None:
    far = beside("box")
    os.unlink(far.launcher)
    for program, message in (
        ("#!/bin/sh\necho 'it broke' >&2\nexit 3\n", "exit 3): it broke"),
        ("#!/bin/sh\nexit 0\n", "exit 0)"),
        ("#!/no/such/interpreter\n", "box"),
        ("#!/bin/sh\nexec head -c 100 /dev/zero\n", "box"),
    ):
        far.write(".local/bin/sesh", f"{program}# sesh.__main__\n", 0o755)
        done = home.sesh("@box", "list")
        assert (done.code, done.stdout, done.stderr.count("\n")) == (1, "", 1), program
        assert message in done.stderr


def test_what_was_asked_by_a_side_that_has_gone_is_not_begun(home: Home) -> None:
    """A session was created when a silent link recovered, although its asker had gone."""
    asked = hello_frame("bridge") + request_frames("op", 1, b'{"name": "work"}', op="enter.go")
    inbound, outbound = os.pipe()
    os.write(outbound, asked)
    os.close(outbound)  # the bridge reads the end of input with the request
    bridge = home.start("--bridge", stdin=inbound)
    os.close(inbound)
    bridge.communicate(timeout=30)
    assert bridge.returncode == 0
    assert home.names() == []


def test_an_op_of_many_sessions_tells_its_progress_after_each(home: Home) -> None:
    """None did: a link waited 60 s for all of them together."""
    names = ["a", "b", "c"]
    for name in names:
        home.sesh("open", name, "--", "cat")
    entry: dict[str, object] = {"host": None, "directory": None, "command": ["cat"], "resume": None, "labels": {}}
    bridge = home.start("--bridge", stdin=subprocess.PIPE)
    assert bridge.stdin is not None
    assert bridge.stdout is not None
    assert bridge.stdout.read(len(protocol.BRIDGE)) == protocol.BRIDGE
    with Connection(os.dup(bridge.stdout.fileno()), os.dup(bridge.stdin.fileno())) as near_end:
        near_end.send(hello_frame("bridge"))
        near_end.expect_welcome(time.monotonic() + PATIENCE)
        for op, arguments in (
            ("sessions.reload", {"names": names}),
            ("search.grep", {"pattern": "x", "names": names}),
            ("dormant.restore", {"names": names}),
            ("layout.make", {"entries": [{"name": name, **entry} for name in names]}),
            ("sessions.kill", {"names": names}),
            ("sweep.clear", {"wanted": [{"kind": "file", "what": name, "age": 1, "pid": None} for name in names]}),
        ):
            near_end.send(request_frames("op", 1, json.dumps(arguments).encode(), op=op))
            kinds = [0]
            while kinds[-1] != protocol.RESPONSE:
                kind, payload = near_end.receive(time.monotonic() + PATIENCE)
                kinds.append(kind)
            assert "error" not in json.loads(payload), payload
            assert kinds.count(protocol.PROGRESS) == len(names), op
    bridge.stdin.close()
    bridge.stdout.close()
    assert bridge.wait(PATIENCE) == 0
