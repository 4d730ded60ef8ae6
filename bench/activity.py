"""`python -m bench.activity [PROGRAM…]`: the states that sesh reports of sessions with real programs, and how soon.

Each program is started at the prompt of a shell, in a session of its own, and left alone. For each program the table
has: the state that a person would name; the state that sesh reports some seconds later, and why; the seconds from the
last output before that report to the report; and how often sesh reported another state before. Programs that are not
installed are named and left out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from sesh import protocol, wire
from sesh.api import Session
from sesh.errors import SeshError

AT_ONCE = 6
WATCHED = 13.0
"""Seconds for which a program is watched. sesh reports silence after ten."""
SURE = 3.0
"""Seconds for which sesh must have reported that a waiting program waits."""

_RAW = "import os, select, socket, sys, time, tty\ntty.setraw(0)\n"
_SPINS = (
    "for turn in range(40):\n    os.write(1, b'\\r' + b'-/|\\\\'[turn % 4:][:1] + b' thinking')\n    time.sleep(0.1)\n"
)
_ASKS = "os.write(1, b'\\r\\nMay I push? ')\n"
_SITS = "poll = select.epoll()\npoll.register(0, select.EPOLLIN)\n{}poll.poll()\n"
_TALKS = "a, b = socket.socketpair()\npoll.register(a, select.EPOLLIN)\n"
_SAYS = "os.system('sesh --state {}')\n"
SCRIPTS = {
    "agent.py": _RAW + _SPINS + _ASKS + _SITS.format(_TALKS),
    "agent_alone.py": _RAW + _SPINS + _ASKS + _SITS.format(""),
    "agent_hooks.py": _RAW
    + _SAYS.format("working")
    + _SPINS
    + _ASKS
    + _SAYS.format('waiting "May I push?"')
    + _SITS.format(_TALKS),
    "agent_works.py": _RAW + _SAYS.format("working") + "time.sleep(60)\n",
    "selects.py": "import select\nselect.select([0], [], [])\n",
    "ticks.py": "import select\nwhile True:\n    select.select([0], [], [], 0.5)\n",
    "Makefile": "all: a b\na b:\n\t@while :; do :; done\n",
    "apt": "printf 'Reading package lists... Done\\nDo you want to continue? [Y/n] '; read answer\n",
    "numbers": "".join(f"{number}\n" for number in range(500)),
}


class Trial(NamedTuple):
    """A program: the line that starts it, the state that a person would name, and the programs that it needs."""

    name: str
    expected: str
    line: str
    needs: tuple[str, ...] = ()


def trials(python: str, port: int, ssh: str) -> list[Trial]:
    """Returns all trials. `port`: of a server that never answers; `ssh`: the command for a login that asks for a
    password."""
    run = f"{python} -IS"
    return [
        Trial("bash", "idle", "bash --norc -i", ("bash",)),
        Trial("zsh", "idle", "zsh -f", ("zsh",)),
        Trial("fish", "idle", "fish --no-config", ("fish",)),
        Trial("dash", "idle", "dash -i", ("dash",)),
        Trial("sudo", "waiting", f"{'setpriv --reuid 65534 ' if not os.geteuid() else ''}sudo -k true", ("sudo",)),
        Trial("ssh, password", "waiting", f"{ssh} -o StrictHostKeyChecking=no", ("ssh", "sshd")),
        Trial("ssh, host key", "waiting", f"{ssh} -o StrictHostKeyChecking=ask", ("ssh", "sshd")),
        Trial("git commit, vim", "quiet", "GIT_EDITOR='vim -u NONE' git commit --allow-empty", ("git", "vim")),
        Trial("git commit, nano", "quiet", "GIT_EDITOR=nano git commit --allow-empty", ("git", "nano")),
        Trial("read -p", "waiting", "read -p 'sure? ' x"),
        Trial("read -s", "waiting", "read -s -p 'secret? ' x"),
        Trial("read in sh", "waiting", "sh -c 'printf \"sure? \"; read x'"),
        Trial("apt (stand-in)", "waiting", "sh apt"),
        Trial("vim", "quiet", "vim -u NONE numbers", ("vim",)),
        Trial("nvim", "quiet", "nvim --clean numbers", ("nvim",)),
        Trial("nano", "quiet", "nano numbers", ("nano",)),
        Trial("less", "quiet", "less numbers", ("less",)),
        Trial("seq | less", "quiet", "seq 100000 | less", ("less",)),
        Trial("more", "quiet", "more numbers", ("more",)),
        Trial("man", "quiet", "man bash", ("man",)),
        Trial("python", "quiet", f"{python} -q"),
        Trial("getpass", "waiting", f"{python} -c 'import getpass; getpass.getpass()'"),
        Trial("python, select", "quiet", f"{run} selects.py"),
        Trial("node", "quiet", "node", ("node",)),
        Trial("npm init", "quiet", "npm init --no-update-notifier", ("npm",)),
        Trial("npm init, asks for news", "quiet", "rm -rf ~/.npm; npm init", ("npm",)),
        Trial("gdb", "quiet", "gdb -q", ("gdb",)),
        Trial("bc", "quiet", "bc -q", ("bc",)),
        Trial("ed", "waiting", "ed numbers", ("ed",)),
        Trial("dialog", "quiet", "dialog --yesno 'go on?' 8 40", ("dialog",)),
        Trial("whiptail", "quiet", "whiptail --yesno 'go on?' 8 40", ("whiptail",)),
        Trial("fzf", "quiet", "seq 100 | fzf", ("fzf",)),
        Trial("cat", "waiting", "cat"),
        Trial("dd of the terminal", "waiting", "dd of=/dev/null"),
        Trial("agent with hooks", "waiting", f"{run} agent_hooks.py"),
        Trial("agent, hook, silent", "working", f"{run} agent_works.py"),
        Trial("agent, no hooks, alone", "waiting", f"{run} agent_alone.py"),
        Trial("agent, no hooks, network", "waiting", f"{run} agent.py"),
        Trial("make -j, silent", "quiet", "make -j2", ("make",)),
        Trial("dd of zeros", "quiet", "dd if=/dev/zero of=/dev/null"),
        Trial("output that streams", "working", "while :; do echo line; sleep 0.05; done"),
        Trial("output every 3 s", "working", "while :; do echo line; sleep 3; done"),
        Trial("top", "working", "top", ("top",)),
        Trial("htop", "working", "htop", ("htop",)),
        Trial("curl, slow server", "quiet", f"curl -s http://127.0.0.1:{port}", ("curl",)),
        Trial("sleep", "quiet", "sleep 60"),
        Trial("tail -f", "quiet", "tail -f numbers"),
        Trial("python, select, 0.5 s", "quiet", f"{run} ticks.py"),
        Trial("(sleep; true) | less", "quiet", "(sleep 60; true) | less", ("less",)),
        Trial("tmux", "quiet", "tmux -L bench -f /dev/null", ("tmux",)),
        Trial("a server", "quiet", f"{python} -u -m http.server 0 --bind 127.0.0.1"),
    ]


class Told(NamedTuple):
    """What sesh reported: the state, why, after how many seconds, and how often it reported another state before."""

    word: str
    why: str
    seconds: float
    changes: int


def judge(trial: Trial, name: str, watched: float = WATCHED) -> Told:
    """Runs a program in a new session, and watches what sesh reports of it."""
    session = Session(name)
    session.ensure(command=["bash", "--norc", "-i"], directory=os.environ["HOME"], env={"PS1": "$ "})
    session.wait(prompt=True, timeout=20)
    with _Observer(name) as observer:
        session.send(trial.line, enter=True)
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < watched:
            observer.take(watched - passed)
            told_at = observer.said[-1][0] if observer.said else time.monotonic()
            if observer.word == trial.expected == "waiting" and time.monotonic() - told_at > SURE:
                break
        found = session.status()["activity"]
        state, why = (found["state"], found["why"]) if found else ("", None)
        word = "quiet" if why == "quiet" else state
        last = [(at, printed) for at, said, printed in observer.said if said == word]
        seconds = last[-1][0] - last[-1][1] if last else 0.0
        changes = max(0, len(observer.said) - 1)
    with contextlib.suppress(SeshError):
        session.kill()
    return Told(word, str(why), seconds, changes)


_FOLLOW: dict[str, Any] = {"follow": True, "from": "screen"}


class _Observer:
    """Two connections to a session, for its output and for its events, which note when something arrives."""

    def __init__(self, name: str) -> None:
        self.printed_at = time.monotonic()
        self.said: list[tuple[float, str, float]] = []
        """The reports: when, which state, and when the program had printed last."""
        self._output, self._events = wire.connect(name), wire.connect(name)
        self._output.send(wire.hello_frame("request") + wire.asking("wait", 1, b"", **_FOLLOW))
        self._events.send(wire.hello_frame("request") + wire.asking("events", 1))

    def __enter__(self) -> _Observer:
        return self

    def __exit__(self, *_: object) -> None:
        self._output.close()
        self._events.close()

    @property
    def word(self) -> str:
        """The state that was reported last."""
        return self.said[-1][1] if self.said else ""

    def take(self, seconds: float) -> None:
        """Reads what arrives within that many seconds."""
        ready, _, _ = select.select([self._output.inbound, self._events.inbound], [], [], min(0.05, max(0.0, seconds)))
        if self._output.inbound in ready and self._output.receive()[0] == protocol.OUTPUT:
            self.printed_at = time.monotonic()
        if self._events.inbound in ready:
            kind, payload = self._events.receive()
            event = protocol.parse(payload) if kind == protocol.DATA else {}
            if event.get("event") == "activity":
                word = "quiet" if event["why"] == "quiet" else str(event["state"])
                self.said.append((time.monotonic(), word, self.printed_at))


@contextlib.contextmanager
def ground() -> Iterator[tuple[int, str]]:
    """Creates a home with the scripts, a silent server, and an sshd. Yields the server's port and the ssh command."""
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(tempfile.TemporaryDirectory(prefix="a"))
        home = os.path.join(root, "home")
        os.makedirs(os.path.join(home, "bin"))
        for name, content in SCRIPTS.items():
            with open(os.path.join(home, name), "w", encoding="utf-8") as file:
                file.write(content)
        launcher = os.path.join(home, "bin", "sesh")
        with open(launcher, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m sesh "$@"\n')
        os.chmod(launcher, 0o700)
        os.environ.update(HOME=home, SESH_DIR=os.path.join(home, ".sesh"), TERM="xterm-256color", LESS="", ENV="")
        os.environ["PATH"] = f"{home}/bin:{os.environ['PATH']}:/usr/sbin"
        os.mkdir(os.environ["SESH_DIR"], 0o700)
        for words in (["init", "-q"], ["config", "user.email", "a@example.org"], ["config", "user.name", "A"]):
            subprocess.run(["git", *words], cwd=home, check=False)
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        yield deaf.getsockname()[1], stack.enter_context(_sshd(root))
        stack.callback(subprocess.run, [sys.executable, "-m", "sesh", "--kill-all", "-y"], check=False)


@contextlib.contextmanager
def _sshd(root: str) -> Iterator[str]:
    """Yields the ssh command for a server on loopback that asks for a password."""
    program, key = shutil.which("sshd"), os.path.join(root, "key")
    if program is None:
        yield "ssh localhost"
        return
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = os.path.join(root, "sshd_config")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"Port {port}\nListenAddress 127.0.0.1\nHostKey {key}\nPidFile none\nUsePAM no\n")
        file.write("PasswordAuthentication yes\nPermitRootLogin yes\n")
    server = subprocess.Popen([program, "-D", "-f", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"ssh -F none -p {port} -o PubkeyAuthentication=no -o UserKnownHostsFile={root}/hosts$$ 127.0.0.1"
    finally:
        server.terminate()
        server.wait()


def main() -> int:
    """Prints the table. Returns 1 if a report is wrong that rests on a hook or on which process reads the terminal."""
    parser = argparse.ArgumentParser(prog="python -m bench.activity", description=__doc__)
    parser.add_argument("programs", nargs="*", help="only these")
    wanted = parser.parse_args().programs
    lock = threading.Lock()
    with ground() as (port, ssh):
        chosen = [each for each in trials(sys.executable, port, ssh) if not wanted or each.name in wanted]
        missing = [each.name for each in chosen if not all(map(shutil.which, each.needs))]
        chosen = [each for each in chosen if each.name not in missing]
        print(f"{'program':<26}{'expected':<10}{'told':<10}{'why':<10}{'after, s':>8}{'changes':>9}")

        def carry_out(numbered: tuple[int, Trial]) -> tuple[Trial, Told]:
            number, trial = numbered
            told = judge(trial, f"t{number}")
            wrong = "" if told.word == trial.expected else "   wrong"
            row = f"{trial.name:<26}{trial.expected:<10}{told.word:<10}{told.why:<10}"
            with lock:
                print(f"{row}{told.seconds:>8.2f}{told.changes:>9}{wrong}", flush=True)
            return trial, told

        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(carry_out, enumerate(chosen)))
    right = [told.word == trial.expected for trial, told in found]
    sure = [told.word == trial.expected for trial, told in found if told.why in ("hook", "tty-read")]
    soon = [told.seconds for _, told in found if told.word in ("waiting", "idle")]
    print(f"right: {sum(right)} of {len(right)}; by hook and tty-read {sum(sure)} of {len(sure)}")
    print(f"waiting and idle were told {max(soon, default=0):.2f} s after the last output at the latest")
    if missing:
        print(f"not installed: {', '.join(missing)}")
    return 0 if all(sure) else 1


if __name__ == "__main__":
    sys.exit(main())
