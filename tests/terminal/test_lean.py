"""What the command line loads, to the module: whatever a verb loads is paid for by each call of it."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from functools import cache

import pytest

from sesh import platform, sre
from tests.support import Home, wait_until

# Modules of sesh, without `sesh.`; the packages that they lie in come with them.
EVERY_VERB = """
    __main__ about cli.invocation cli.main cli.parser cli.printing cli.verbs errors lean loading names protocol
    quitkey reach.caller refusals
"""
DAEMON = "gate paths platform reach.find shapes wire"
"""A daemon spoken to."""
SESSIONS = f"{DAEMON} identity reading store.files store.listing store.records"
"""The sessions of this machine."""
STREAM = f"{DAEMON} reach.stream reach.target"
"""A conversation with a session that runs, here or on a host."""
CALL = f"{DAEMON} reach.op reach.target"
"""An operation on such a session."""
CALLS = f"{SESSIONS} reach.op reach.target"
"""Operations that look at records too."""
FORKED = f"{CALL} identity reading store.files store.records"
"""Beside that, a daemon that is a fork of the verb: it writes its record."""
WORDS = "moments wording"
"""What is said of sessions, and of errors."""
ASKS = "bounds ops.create system writing daemon.spawn.daemonize daemon.spawn.launch"
CREATES = f"{ASKS} failures proc daemon.spawn.main"
ATTACHES = "attached_last bounds cli.attach cli.go config failures ops.enter reach.op writing"
VIEWS = f"{CALLS} ops.views session_shapes"
STATUS = f"{CALL} {WORDS} cli.status identity ops.views session_shapes"
"""Without a controlling terminal, which may be that of a session."""
EXPRESSIONS = f"sre {sre.kept_in().removeprefix('sesh.')}"
SHELL = f"{EXPRESSIONS} ops.shell vt.grammar"
RUNS = f"{SHELL} cli.shell reach.cancelling stop"
LAYOUT = f"""
    {CALLS} {WORDS} bounds cli.layout failures ops.create ops.dormant ops.end ops.layout ops.lookup programs
    remote.known session_shapes stop store.checkpoints store.results writing
"""
JOBS = "cli.jobs ops.enter ops.jobs reach.cancelling reach.stream stop"

# Command line: modules of sesh beside EVERY_VERB, modules of the standard library beside STANDARD.
VERBS = {
    "--version": ("", ""),
    "a/b": (f"{SESSIONS} {ATTACHES} {WORDS}", "errno select"),
    "--open work -- cat": (f"{FORKED} {CREATES} cli.sessions ops.sessions", "_json errno select"),
    "--list": (f"{VIEWS} {WORDS} cli.list cli.table", "_json select"),
    "--list --json": (f"{VIEWS} {WORDS} cli.list", "_json select"),
    "--status work": (f"{STATUS}", "_json select"),
    "--send work x": (f"{STREAM} cli.send ops.send", "_json select"),
    "--send work x --enter": (f"{STREAM} cli.send ops.send", "_json select"),
    "--send work --key Enter": (f"{STREAM} cli.send keynames ops.send", "_json select"),
    "--hook claude": (
        f"{SESSIONS.replace('reach.find ', '')} cli.integrate ops.agent_hook proc system",
        "_json select",
    ),
    "--wait work --idle 0.1": (
        f"{CALL} {WORDS} bounds cli.wait failures ops.matching ops.wait reach.stream",
        "_json errno select",
    ),
    "--screen work": (f"{CALL} ops.views cli.views", "_json select"),
    "--logs work": (f"{CALL} ops.views cli.views", "_json select"),
    "--logs work 5": (f"{CALL} bounds ops.views cli.views", "_json select"),
    "--detach work": (f"{CALL} cli.sessions ops.sessions", "_json select"),
    "--exec -- true": (f"{FORKED} {CREATES} {JOBS}", "_json errno select"),
    "--resume-with work -- cat": (f"{CALLS} cli.sessions ops.sessions", "_json select"),
    "--open shell -- sh": (f"{FORKED} {CREATES} cli.sessions ops.sessions", "_json errno select"),
    "--run shell -- true": (f"{CALL} {RUNS} reach.stream", "_json _sre select"),
    "--history shell": (f"{CALL} {RUNS} {WORDS}", "_json _sre select"),
    "--grep text": (
        f"{VIEWS} {SHELL} {WORDS} bounds cli.grep ops.matching ops.search ops.sessions",
        "_json _sre select",
    ),
    "--label work a=b": (f"{CALL} cli.sessions ops.sessions", "_json select"),
    "--message work text": (f"{CALL} {WORDS} cli.sessions ops.sessions", "_json select"),
    "--rename shell other": (f"{CALLS} attached_last cli.sessions ops.sessions writing", "_json errno select"),
    "--export": (LAYOUT, "_json errno select"),
    "--restore": (LAYOUT, "_json errno select"),
    "--completions zsh": ("cli.scripts completions", ""),
    "--shell-init bash": ("cli.scripts completions", ""),
    "--skill": ("cli.agents", ""),
    "--status work --json": (f"{STATUS}", "_json select"),
}
EXISTING = (
    f"""
    {CALLS} {ATTACHES} {EXPRESSIONS} client.attach client.attachment client.channel client.display client.keys
    client.ledger client.outcome client.overlays client.predict client.predict.round_trip client.shown client.terminal
    client.unacknowledged_input keynames loop.timers typed
    """,
    "_json _sre errno fcntl select termios",
)
"""Attaching to a session that runs."""
ATTACHING = (
    f"{EXISTING[0]} {CREATES} client.hint vt.render.clean_screen vt.render.overlay",
    "_json _sre errno fcntl select termios",
)
"""The same to a new one, which shows a hint."""
ASKED = f"{CALL} {ASKS} daemon.spawn.zygote identity"
FROM_ZYGOTE = {
    "--open four -- sleep 100": (f"{ASKED} cli.sessions ops.sessions", "_ctypes _json errno select"),
    "--exec -- true": (f"{ASKED} {JOBS}", "_ctypes _json errno select"),
}
"""Having a daemon made by the zygote."""
STANDARD = "__future__ _socket gc os"

ADVICE = """
Loaded and not listed: import it in the function that needs it, or use what sesh.lean has in its place; list it only if
the verb cannot do without. Listed and not loaded: take it off the list, the verb is faster now."""

REPORT = """
import sys
sys.path[:0] = {path!r}
from sesh import loading
from sesh.__main__ import main
loading.hasten()
try:
    code = main()
finally:
    with open({report!r}, "w") as file:
        file.write(" ".join(sys.modules))
sys.exit(code)
"""
PATIENT = REPORT.replace(
    "loading.hasten()", "loading.hasten(); from sesh.daemon.spawn import zygote; zygote.ANSWER_TIMEOUT = 9"
)
AT_FORKS = """
import os, sys
sys.path[:0] = {path!r}
fork = os.fork
def reported():
    with open({report!r}, "a") as file:
        file.write(" ".join(["", *sys.modules]))
    return fork()
os.fork = reported
from sesh.__main__ import start
start()
"""

EACH = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from sesh.cli.verbs import VERBS
for verb in VERBS:
    child = os.fork()
    if child == 0:
        verb.function()
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(verb.name)
"""


def test_every_verb_loads_where_nothing_is_loaded_yet(home: Home) -> None:
    """Other tests start sesh in a process that has loaded most of it (`support/warm.py`)."""
    words = [sys.executable, "-IS", "-c", EACH]
    done = subprocess.run(words, env=home.env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@cache
def standard(modules: str) -> set[str]:
    """These modules of the standard library with all that they load in this Python."""
    code = f"import sys, {', '.join(modules.split())}; print(*sys.modules)"
    words = [sys.executable, "-IS", "-c", code]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


def expected(own: str, more: str) -> set[str]:
    """The names in `sys.modules`."""
    names = {f"sesh.{name}" for name in f"{EVERY_VERB} {own}".split()}
    packages = {name.rpartition(".")[0] for name in names}
    packages |= {name.rpartition(".")[0] for name in packages} - {""}
    return names | packages | standard(f"{STANDARD} {more}")


class Reporting:
    """A home whose command starts as the installed one does, and writes down at its end what it has loaded."""

    def __init__(self, home: Home) -> None:
        self.home, self._report = home, home.write("loaded", "")
        self.start_with(REPORT)

    def start_with(self, code: str) -> None:
        """Has the command report at another moment."""
        self.home.command = [sys.executable, "-IS", "-c", code.format(path=sys.path, report=self._report)]

    @property
    def loaded(self) -> set[str]:
        """What the last command has loaded by then."""
        with open(self._report, encoding="utf-8") as file:
            return set(file.read().split()) - {"__main__"}

    def differences(self, own: str, more: str) -> str:
        """How that differs from a list; empty if it does not."""
        found, listed = self.loaded, expected(own, more) - {"__main__"}
        return " ".join([*(f"+{name}" for name in sorted(found - listed)), *(f"-{n}" for n in sorted(listed - found))])


@pytest.fixture
def reporting(home: Home) -> Reporting:
    return Reporting(home)


def test_the_verbs_that_start_fast_load_what_is_listed(reporting: Reporting) -> None:
    found = {}
    for line, modules in VERBS.items():
        reporting.home.sesh(*line.split())
        if difference := reporting.differences(*modules):
            found[line] = difference
    assert not found, "\n".join(f"{line}: {difference}" for line, difference in found.items()) + ADVICE


@pytest.mark.skipif(not (platform.LINUX and hasattr(os, "pidfd_open")), reason="there is no zygote here")
def test_what_asks_the_zygote_for_a_daemon_loads_what_is_listed(reporting: Reporting) -> None:
    home = reporting.home
    for name in ("one", "two", "three"):
        home.sesh("--open", name, "--", "sleep", "100")
    wait_until(lambda: glob.glob(f"{home.directory}/.zygote/[!.]*.sock"), what="a zygote")
    reporting.start_with(PATIENT)
    for line, modules in FROM_ZYGOTE.items():
        assert home.sesh(*line.split()).code == 0
        difference = reporting.differences(*modules)
        assert not difference, line + difference + ADVICE


def test_attaching_loads_what_is_listed(reporting: Reporting) -> None:
    screen = reporting.home.terminal("work", "--", "sh", "-c", "echo ready; exec cat")
    screen.wait_for("ready")
    screen.type(b"\x1c")
    assert screen.exit_code() == 0
    difference = reporting.differences(*ATTACHING)
    assert not difference, difference + ADVICE
    screen = reporting.home.terminal("work")
    screen.wait_for("ready")
    screen.type(b"\x1c")
    assert screen.exit_code() == 0
    difference = reporting.differences(*EXISTING)
    assert not difference, difference + ADVICE


def test_a_daemon_carries_nothing_of_the_client_that_has_made_it(reporting: Reporting) -> None:
    """It takes some 130 KiB, for as long as the session lives."""
    reporting.start_with(AT_FORKS)
    reporting.home.terminal("work", "--", "sh", "-c", "echo ready; exec cat").wait_for("ready")
    clients = {name for name in reporting.loaded if name.startswith("sesh.client")}
    assert clients == {"sesh.client", "sesh.client.outcome"}


def test_typer_loads_for_help_alone(reporting: Reporting) -> None:
    reporting.home.sesh("--exec", "--nonsense")
    assert "typer" not in reporting.loaded
    reporting.home.sesh("--exec", "--help")
    assert "typer" in reporting.loaded
