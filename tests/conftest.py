"""The fixtures of all tests, with a guard over the developer's own home."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Generator, Iterator
from itertools import islice

# Without bytecode each worker would compile all tests. The sesh under test writes bytecode, too.
sys.dont_write_bytecode = False

import pytest  # noqa: E402

from sesh.daemon.spawn import launch, zygote  # noqa: E402
from sesh.store import listing  # noqa: E402
from sesh.system import processes as product  # noqa: E402
from tests.support import Home, Open, Sesh, disk, forking, need, processes, told  # noqa: E402

# The developer's own sesh must not run in place of one that a host lacks. The system's directories stay.
os.environ["PATH"] = ":".join(
    directory
    for directory in os.environ["PATH"].split(":")
    if not os.path.exists(f"{directory}/sesh") or os.path.exists(f"{directory}/sh")
)

_REAL = os.path.join(os.path.expanduser("~"), ".sesh")
_RUN = uuid.uuid4().hex


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test, by name, whose program is not installed (`needs`), or that needs forks where there are none."""
    told.forget()
    if forking.COLD and (mark := item.get_closest_marker("needs_fork")):
        pytest.skip(f"needs sesh as a fork of the tests: {mark.args[0] if mark.args else 'it patches sesh'}")
    for mark in item.iter_markers("needs"):
        for tool in mark.args:
            need(tool)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each worker begin with its share of the `long` tests; its share of all is a stretch of the list."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("long")]
    rest = iter([item for item in items if not item.get_closest_marker("long")])
    left, shared = len(items), list[pytest.Item]()
    for worker in range(workers):
        size = left // (workers - worker)
        first = long[worker::workers]
        shared += [*first, *islice(rest, size - len(first))]
        left -= size
    items[:] = [*shared, *rest]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with each failure what the last commands of the test have printed, and its terminals."""
    report = yield
    home = item.funcargs.get("home") if isinstance(item, pytest.Function) else None
    if report.failed:
        if printed := told.told():
            report.sections.append(("the last commands of sesh in this test", printed))
        if isinstance(home, Home) and (terminals := home.portraits()):
            report.sections.append(("the terminals of this test", terminals))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the collected tests out of garbage collection, now and later, because they stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


class Seconds:
    """Sums the seconds of a run by files, and prints the files that took longest."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        path = report.nodeid.partition("::")[0]
        self.spent[path] = self.spent.get(path, 0.0) + report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        longest = sorted(self.spent.items(), key=lambda each: -each[1])[:10]
        terminalreporter.section("the files that took longest")
        for path, seconds in longest if len(self.spent) > 1 else ():
            terminalreporter.write_line(f"{seconds:7.1f} s  {path}")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Seconds())


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """Keep tests away from the developer's sessions; fail if a process outlives the run."""
    before = dict(os.environ)
    existed = os.path.lexists(_REAL)
    for key in [key for key in os.environ if key.startswith(("SESH_", "XDG_")) and key != "SESH_UNDER_TEST"]:
        del os.environ[key]
    for number in (signal.SIGHUP, signal.SIGQUIT):  # nohup and `&` ignore these, and children inherit that
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)  # the users of hosts read the files of a farm
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="sesh-", dir="/tmp") as home:
        os.environ |= {"HOME": home, "SESH_DIR": os.path.join(home, ".sesh"), "TEST_RUN": _RUN}
        yield
    os.environ.clear()
    os.environ.update(before)
    left = processes.marked("TEST_RUN", _RUN)
    stories = [processes.describe(pid) for pid in left]
    processes.kill(left)
    assert not left, "outlived the tests:\n" + "\n".join(stories)
    assert existed or not os.path.lexists(_REAL), f"a test made {_REAL}, the developer's own"


def _of(home: Home, rows: list[tuple[int, int, list[str]]]) -> list[tuple[int, int, list[str]]]:
    pids = {pid for each in (home, *home.hosts) for pid in each.processes()}
    return [row for row in rows if row[0] in pids]


@pytest.fixture
def home() -> Iterator[Home]:
    """Yield a HOME and SESH_DIR for one test; nothing may run there afterwards.

    Its sesh sees no other processes of the user: `sweep` would end a developer's orphaned bridge.
    """
    own = Home()
    every = product.own_processes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product, "own_processes", lambda: _of(own, every()))
        patch.setattr(listing.summaries, "__defaults__", (10.0, ()))  # a busy machine's daemons answer late
        patch.setattr(launch, "ANSWER_TIMEOUT", 20.0)  # its zygotes, too
        yield own
    own.close()


@pytest.fixture
def lasting_zygotes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the zygotes of forks live as long as a user's; see tests.support.forking."""
    monkeypatch.setattr(zygote, "IDLE", forking.IDLE)


@pytest.fixture
def disks() -> Iterator[disk.Disks]:
    """`disks(folder)` mounts a small disk on it; name it before `home`, whose daemons must end before the disk."""
    with disk.opened() as own:
        yield own


@pytest.fixture
def inside(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the environment and the directory of the test's home."""
    for name in list(os.environ):
        if name not in home.env:
            monkeypatch.delenv(name)
    for name, value in home.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(home.path)


@pytest.fixture
def sesh(home: Home) -> Sesh:
    """`sesh("list", "--json")` runs the command without a terminal; see Home.sesh."""
    return home.sesh


@pytest.fixture
def terminal(home: Home) -> Open:
    """`terminal("work", columns=80, rows=24)` opens a terminal with sesh in it; see Home.terminal."""
    return home.terminal
