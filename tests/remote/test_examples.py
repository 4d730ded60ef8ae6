"""What lies under examples/, run as a reader would run it, save what needs a cloud or a container engine."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import threading

import pytest

from sesh import proc
from tests.remote.farm import Farm
from tests.support import ROOT, Home, Result, wait_until

EXAMPLES = os.path.join(ROOT, "examples")


def ran(home: Home, *words: str, stdin: str = "", env: dict[str, str] | None = None) -> Result:
    """An example, run to its end in the home of the test."""
    path = [os.path.join(EXAMPLES, words[0]), *words[1:]]
    command = [home.command[0], *path] if path[0].endswith(".py") else path
    done = subprocess.run(
        command,
        input=stdin.encode(),
        capture_output=True,
        env={**home.env, "PYTHONPATH": ROOT, **(env or {})},
        cwd=home.path,
        timeout=50,
        check=False,
    )
    return Result(tuple(words), done.returncode, done.stdout, done.stderr.decode())


@pytest.mark.parametrize("host", ["", "@box"])
def test_a_build_gives_its_code_and_can_be_watched(home: Home, farm: Farm, host: str) -> None:
    if host:
        farm.host("box")
    result = ran(home, "watched-build.sh", "sh", "-c", "echo compiling; exit 3", env={"HOST": host})
    assert (result.code, result.stdout) == (3, "compiling\n"), result.stderr
    assert "build failed (3)" in result.stderr
    late = ran(home, "watched-build.sh", "sleep", "60", env={"HOST": host, "LIMIT": "0.2"})
    assert (late.code, "it took longer" in late.stderr) == (124, True)


@pytest.mark.parametrize("example", ["agent-loop.sh", "agent_loop.py"])
@pytest.mark.parametrize("host", ["", "box"])
def test_an_agent_loops_in_a_shell_that_stays(home: Home, farm: Farm, example: str, host: str) -> None:
    if host:
        farm.host("box")
    where = [("@" if example.endswith(".sh") else "") + host] if host else []
    commands = "cd /tmp; kept=yes\necho $PWD $kept; false\nsleep 30\necho 'two  blanks'\n"
    result = ran(home, example, "work", *where, stdin=commands, env={"LIMIT": "1"})
    assert result.code == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row.get("exit_code") for row in rows[:3]] == [0, 1, 124]
    assert (rows[1]["output"], rows[2]["timed_out"]) == ("/tmp yes\n", True)
    if example.endswith(".py"):
        assert (rows[3]["exit_code"], rows[3]["output"]) == (0, "two  blanks\n")


@pytest.mark.soak  # ten cold starts and a deploy, for a script that changes rarely
@pytest.mark.usefixtures("light")
def test_a_machine_that_was_just_launched_is_put_to_work(home: Home, farm: Farm) -> None:
    far = farm.host("bare", installed=False)

    def followed() -> bool:
        return any("--logs" in proc.command_of(pid) for pid in home.processes()) and far.settled()

    def story() -> None:
        wait_until(followed, 40)
        far.write("go", "")

    threading.Thread(target=story, daemon=True).start()
    job = "while [ ! -e go ]; do sleep 0.02; done; echo trained; cat prepared; exit 4"
    setup = {"SETUP": "cd; echo data >prepared", "PAUSE": "0.1"}
    result = ran(home, "cloud/work.sh", "bare", "sh", "-c", job, env=setup)
    assert result.code == 4, result.stderr
    assert result.stdout.splitlines()[-2:] == ["trained", "data"]
    assert far.names() == []


def test_the_container_runs_a_session_that_is_ended_with_it(home: Home) -> None:
    with open(os.path.join(EXAMPLES, "container", "Dockerfile"), encoding="utf-8") as file:
        lines = dict(line.split(" ", 1) for line in file if line.startswith(("ENTRYPOINT", "CMD")))
    words: list[str] = json.loads(lines["ENTRYPOINT"])
    assert json.loads(lines["CMD"]) == ["bash", "--login"]
    main = home.start(*words[1:], "sh", "-c", "trap 'echo bye >ended; exit 9' HUP; while :; do sleep 0.05; done")
    wait_until(lambda: home.names() == ["main"])
    main.send_signal(signal.SIGTERM)
    assert main.wait(20) == 9
    assert os.path.exists(os.path.join(home.path, "ended"))


def test_scripts_are_plain_sh_and_can_be_executed() -> None:
    scripts = [os.path.join(here, name) for here, _, names in os.walk(EXAMPLES) for name in names if name[-3:] == ".sh"]
    assert len(scripts) == 5
    for script in scripts:
        assert os.access(script, os.X_OK), script
        subprocess.run(shlex.split(f"sh -n {script}"), check=True)
