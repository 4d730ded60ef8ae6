"""`sesh @host --run`: a command in a live shell of another machine."""

from __future__ import annotations

import signal

from tests.remote.farm import Farm
from tests.support import Home


def test_output_and_code_come_from_over_there(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    assert home.sesh(far.at, "--open", "t").code == 0
    assert home.sesh(far.at, "--run", "t", "--", "cd /usr; printf 'a\\377'; sh -c 'exit 7'").code == 7
    done = home.sesh(far.at, "--run", "t", "--", "pwd; printf 'a\\377\\r\\n'")
    assert (done.code, done.raw, done.stderr) == (0, b"/usr\na\xff\r\n", "")
    answer = home.sesh(far.at, "--run", "t", "--json", "--", "printf", "%s", "it's").json()
    assert (answer["host"], answer["output"], answer["command"]) == (far.word, "it's", ["printf", "%s", "it's"])
    assert home.sesh(far.at, "--run", "none", "--", "true").code == 125
    refused = home.sesh("@nowhere.invalid", "--run", "t", "--json", "--", "true")
    assert (refused.code, refused.json()["error"]["code"]) == (125, "unreachable")


def test_ctrl_c_reaches_the_command_over_there(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    assert home.sesh(far.at, "--open", "t").code == 0
    process = home.start(far.at, "--run", "t", "--", "echo begun; sleep 60")
    far.prints("t", "^begun")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 130
    assert home.sesh(far.at, "--run", "t", "--", "echo after").stdout == "after\n"
