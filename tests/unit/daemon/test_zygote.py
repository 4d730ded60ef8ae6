"""The fingerprint of what a process hands down to its children: equal for equal ones, and only for those."""

from __future__ import annotations

import compileall
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sesh import paths, platform
from sesh.daemon.clients.listener import Listener
from sesh.daemon.spawn import dates, forking
from tests.support import ROOT

PRINT = [sys.executable, "-c", "from sesh.daemon.spawn.zygote import fingerprint; print(fingerprint())"]

pytestmark = pytest.mark.skipif(not platform.LINUX, reason="there is no zygote here")


def fingerprint(*before: str, **env: str) -> str:
    """That of a process that is started behind these words."""
    words = [*before, *PRINT]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_it_is_equal_whatever_the_environment() -> None:
    assert len(fingerprint()) == 16
    assert fingerprint(HOME="/elsewhere", TERM="dumb") == fingerprint()


def scored(score: int) -> tuple[str, ...]:
    return "sh", "-c", f'echo {score} >/proc/self/oom_score_adj; exec "$@"', "sh"


def test_it_differs_where_the_score_for_memory_does_but_for_what_a_session_adds() -> None:
    """Inside a session another zygote was started where the score was not 0; outside one of 0 served who had 100."""
    outside = fingerprint(*scored(50))
    assert fingerprint(*scored(150), SESH_SESSION="work") == outside
    assert fingerprint(*scored(150)) != outside
    assert fingerprint(*scored(100)) != fingerprint(*scored(0))


@pytest.mark.parametrize(
    "before",
    [("sh", "-c", 'ulimit -n 99; exec "$@"', "sh"), ("sh", "-c", 'ulimit -f 4096; exec "$@"', "sh"), ("nice",)],
)
def test_it_differs_where_limits_or_priority_do(before: tuple[str, ...]) -> None:
    assert fingerprint(*before) != fingerprint()


def test_no_daemon_is_forked_once_a_loaded_file_has_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The asker's own files are new then, and a daemon of old code would not know what it is asked for."""
    (tmp_path / "module.py").write_text("")
    loaded = dates._walked(str(tmp_path))
    assert dates.hold(loaded)
    os.utime(tmp_path / "module.py", ns=(1, 1))
    assert not dates.hold(loaded)
    pipes = [os.pipe(), os.pipe()]
    monkeypatch.setattr(forking, "_open_pids", lambda: [reading for reading, _ in pipes])
    monkeypatch.setattr(forking, "_fork_daemon", lambda _: pytest.fail("a daemon was forked"))
    listener = Listener("key", str(tmp_path))
    with socket.socket(socket.AF_UNIX) as creator:
        creator.connect(str(tmp_path / f"key{paths.SOCKET}"))
        waiting = forking._serve(listener, loaded)
        assert waiting is not None
        waiting.close()
        assert creator.recv(1) == b""
    listener.close()
    for descriptor in (end for pipe in pipes for end in pipe):
        os.close(descriptor)


def test_each_module_that_a_zygote_loads_is_among_those_whose_dates_it_knows() -> None:
    loaded = "forking._preload(); files = dates.of_files(); print(len(dates.of_loaded(files)))"
    words = [sys.executable, "-c", f"from sesh.daemon.spawn import dates, forking; {loaded}"]
    assert int(subprocess.check_output(words, cwd=ROOT)) > 50


ORDER = """
import os
from sesh import paths
from sesh.daemon.spawn import forking
forking._preload = lambda: os._exit("key" + paths.SOCKET not in os.listdir(paths.zygote_directory()))
os.mkdir(paths.zygote_directory(), 0o700)
forking.run("key", "")
"""


def test_creators_can_wait_for_a_zygote_that_loads(tmp_path: Path) -> None:
    """Of twenty sessions that were created at once, the fourth to the seventh had no zygote yet."""
    tmp_path.chmod(0o700)
    environment = {**os.environ, "SESH_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", ORDER], cwd=ROOT, env=environment, check=True)


def test_on_a_host_bytecode_in_the_place_of_a_source_has_a_date(tmp_path: Path) -> None:
    """`--deploy` takes no sources along, and there each zygote ended at once."""
    folder = tmp_path / "sesh"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(os.path.join(ROOT, "sesh"), folder, ignore=ignored)
    compileall.compile_dir(folder, legacy=True, quiet=2)
    for source in folder.rglob("*.py"):
        source.unlink()
    code = "from sesh.daemon.spawn import dates, forking; forking._preload(); dates.of_loaded(dates.of_files())"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
