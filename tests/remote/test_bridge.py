"""Between the login on a host and the first frame: banners, broken programs, silence."""

from __future__ import annotations

import json
import os
import shlex

from sesh.wire import protocol
from sesh.wire.connection import hello_frame, request_frames
from tests.remote.via import Beside
from tests.support import Home


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
