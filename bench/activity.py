"""`python -m bench.activity [WORD…]` shows how soon sesh reports the states of real programs.

Each program is started at the prompt of a shell, in a session of its own, and left alone. For each program the table
has: the state that a person would name; the state that sesh reports some seconds later, and why; the seconds from the
start to that report; and how often sesh reported another state before. Programs that are not installed are named and
left out. With words, only lines that hold one of them are tried.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from sesh.api import Session
from tests.remote.sshd import Sshd
from tests.support import PROMPT, Home
from tests.support.waiting import rest_until

AT_ONCE = 6
WATCHED = 13.0
"""Seconds for which a program is watched. sesh reports silence after ten."""
_LOOK = 0.1

_RAW = "import os, select, socket, sys, time, tty\ntty.setraw(0)\n"
_SPINS = (
    "for turn in range(40):\n    os.write(1, b'\\r' + b'-/|\\\\'[turn % 4:][:1] + b' thinking')\n    time.sleep(0.1)\n"
)
_ASKS = "os.write(1, b'\\r\\nMay I push? ')\n"
_SITS = "poll = select.epoll()\npoll.register(0, select.EPOLLIN)\n{}poll.poll()\n"
_TALKS = "a, b = socket.socketpair()\npoll.register(a, select.EPOLLIN)\n"
_WORKS, _WAITS = "os.system('sesh state working')\n", "os.system('sesh state waiting \"May I push?\"')\n"
SCRIPTS = {
    "agent_network.py": _RAW + _SPINS + _ASKS + _SITS.format(_TALKS),
    "agent_alone.py": _RAW + _SPINS + _ASKS + _SITS.format(""),
    "agent_hooks.py": _RAW + _WORKS + _SPINS + _ASKS + _WAITS + _SITS.format(_TALKS),
    "agent_works.py": _RAW + _WORKS + "time.sleep(60)\n",
    "selects.py": "import select\nselect.select([0], [], [])\n",
    "ticks.py": "import select\nwhile True:\n    select.select([0], [], [], 0.5)\n",
    "Makefile": "all: a b\na b:\n\t@while :; do :; done\n",
    "apt": "printf 'Reading package lists... Done\\nDo you want to continue? [Y/n] '; read answer\n",
    "numbers": "".join(f"{number}\n" for number in range(500)),
}
TRIALS = {
    "idle": ("bash --norc -i", "zsh -f", "fish --no-config", "dash -i"),
    "waiting": (
        "{unprivileged} sudo -k true", "{ssh} -o StrictHostKeyChecking=no", "{ssh} -o StrictHostKeyChecking=ask",
        "read -p 'sure? ' x", "read -s -p 'secret? ' x", "sh -c 'printf \"sure? \"; read x'", "sh apt",
        "{python} -c 'import getpass; getpass.getpass()'", "ed numbers", "cat", "dd of=/dev/null",
        "{python} -IS agent_hooks.py", "{python} -IS agent_alone.py", "{python} -IS agent_network.py",
    ),
    "working": (
        "{python} -IS agent_works.py", "while :; do echo line; sleep 0.05; done",
        "while :; do echo line; sleep 3; done", "top", "htop",
    ),
    "quiet": (
        "GIT_EDITOR='vim -u NONE' git commit --allow-empty", "GIT_EDITOR=nano git commit --allow-empty",
        "vim -u NONE numbers", "nvim --clean numbers", "nano numbers", "less numbers", "seq 100000 | less",
        "more numbers", "man bash", "{python} -q", "{python} -IS selects.py", "{python} -IS ticks.py", "node",
        "npm init --no-update-notifier", "gdb -q", "bc -q", "dialog --yesno 'go on?' 8 40",
        "whiptail --yesno 'go on?' 8 40", "seq 100 | fzf", "make -j2", "dd if=/dev/zero of=/dev/null",
        "curl -s http://127.0.0.1:{port}", "sleep 60", "tail -f numbers", "(sleep 60; true) | less",
        "tmux -L bench -f /dev/null", "{python} -u -m http.server 0 --bind 127.0.0.1",
    ),
}  # fmt: skip
"""The lines that start programs, by the state that a person would name."""


class Told(NamedTuple):
    """What sesh reported last, after how many seconds, and the number of other reports before."""

    expected: str
    word: str
    why: str
    seconds: float
    changes: int


def judge(name: str, line: str, expected: str) -> Told:
    """Run a program in a new session, and watch what sesh reports of it."""
    session = Session(name)
    session.ensure(command=["bash", "--norc", "-i"], env={"PS1": f"{PROMPT} "})
    session.wait(prompt=True, timeout=20)
    session.send(line, enter=True)
    began = time.monotonic()
    told = Told(expected, "", "", 0.0, -1)
    while (passed := time.monotonic() - began) < WATCHED:
        activity = session.status()["activity"]
        state, why = (activity["state"], str(activity["why"])) if activity else ("", "")
        word = "quiet" if why == "quiet" else state
        if word != told.word:
            told = Told(expected, word, why, passed, told.changes + 1)
        rest_until(began + passed + _LOOK)
    session.kill()
    return told


def missing(line: str) -> bool:
    """Return whether a program of this line is not installed."""
    plain = re.sub(r"^\w+=('[^']*'|\S+) ", "", line)  # without a variable that is set for it
    words = [part.strip("( ").split()[0] for part in plain.split("|")]
    words += re.findall(r"sudo|vim|nano", line)
    known = subprocess.run(["bash", "-c", 'type "$@"', "bash", *words], capture_output=True, check=False)
    return known.returncode != 0


def main(home: Home, wanted: list[str]) -> int:
    """Print the table; return 1 if a report by hook or terminal read is wrong."""
    for name, content in SCRIPTS.items():
        home.write(name, content)
    os.environ.clear()
    os.environ.update(home.env, LESS="", ENV="")
    os.chdir(home.path)
    for words in (["init", "-q"], ["config", "user.email", "a@example.org"], ["config", "user.name", "A"]):
        subprocess.run(["git", *words], check=True)
    sshd = Sshd(os.path.join(home.root, "sshd"), {"PasswordAuthentication": "yes"})
    with socket.create_server(("127.0.0.1", 0)) as deaf, ThreadPoolExecutor(AT_ONCE) as pool:
        filled = {
            "python": sys.executable,
            "port": deaf.getsockname()[1],
            "ssh": f"ssh -F none -p {sshd.port} -o PubkeyAuthentication=no -o UserKnownHostsFile=~/hosts$$ 127.0.0.1",
            "unprivileged": "" if os.geteuid() else "setpriv --reuid 65534",
        }
        found: dict[str, Future[Told]] = {}
        absent = []
        for expected, lines in TRIALS.items():
            for line in lines:
                if wanted and not any(word in line for word in wanted):
                    continue
                if missing(line.format(**filled)):
                    absent.append(line)
                else:
                    found[line] = pool.submit(judge, f"t{len(found)}", line.format(**filled), expected)
        results = {line: future.result() for line, future in found.items()}
    sshd.remove()
    print(f"{'program':<52}{'expected':<10}{'told':<10}{'why':<10}{'after, s':>8}{'changes':>9}")
    for line, told in results.items():
        wrong = "" if told.word == told.expected else "   wrong"
        print(f"{line:<52}{told.expected:<10}{told.word:<10}{told.why:<10}{told.seconds:>8.1f}{told.changes:>9}{wrong}")
    right = [told.word == told.expected for told in results.values()]
    sure = [told.word == told.expected for told in results.values() if told.why in ("hook", "tty-read")]
    print(f"right: {sum(right)} of {len(right)}; by hook and tty-read {sum(sure)} of {len(sure)}")
    print(f"not installed: {', '.join(absent) or 'nothing'}")
    return 0 if all(sure) else 1


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m bench.activity", description=__doc__)
    _parser.add_argument("words", nargs="*")
    _words = _parser.parse_args().words
    _home = Home()
    _home.strict, _home.patience = False, 2.0  # a server of tmux outlives its session
    try:
        sys.exit(main(_home, _words))
    finally:
        _home.close()
