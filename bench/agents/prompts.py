"""Sends prompts to real agents, and counts those that reach their model's service.

`AGENTS=FOLDER python -m bench.agents.prompts [--load] [--think 8] [--keep DIR] N AGENT…` prints a row for each agent
(`bench/agents/real_agents.py` says how to install them). A stand-in plays the service. With `--think` it answers after
so many seconds, and the row says for how long sesh took the agent that thinks for one that waits, and how often it told
the end of the turn within 5 s. If a prompt goes wrong, the agent's screen is kept in the directory that `--keep` names.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bench.agents.model_service import serve
from bench.agents.real_agents import AGENTS, prepare
from tests.support import Home
from tests.support.composers.kinds import TEXTS
from tests.support.load import loaded
from tests.support.waiting import rest_until, wait_until

_TITLES = re.compile(r"Generate a (title|concise)")
_RECEIVED = 90.0
"""Seconds for the service to receive a prompt: on a busy machine the first use of an agent takes half a minute."""
_REST = 1.0
"""Seconds from an answer to the next prompt."""
_SOON, _LOOK = 5.0, 0.25
"""Seconds after a turn in which sesh has to tell that it is over, and between two looks at what it tells."""


class Trial:
    """One agent in a session, with the counts of its prompts."""

    def __init__(self, home: Home, name: str, port: int, log: str, keep: str | None) -> None:
        self.home, self.name, self.log, self.keep = home, name, log, keep
        command, env, project = prepare(name, os.path.join(home.root, "agent"), port)
        words = ["env", "-u", "SESH_DIR", *(f"{key}={value}" for key, value in env.items()), *command]
        result = home.sesh("open", name, project, "--", *words)
        assert result.code == 0, result.stderr
        wait_until(lambda: re.search(AGENTS[name].ready, self.screen()), f"{name} takes prompts", timeout=90)
        rest_until(time.monotonic() + _REST)
        self.sent: list[str] = []
        self.received, self.entered, self.wrong, self.told = 0, 0, 0.0, 0

    def screen(self) -> str:
        return self.home.sesh("screen", self.name).stdout

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests that pass on prompts, without requests for a title."""
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file.read().splitlines(keepends=True) if line.endswith("\n")]
        return [
            each
            for each in lines
            if not any(map(_TITLES.match, each["users"])) and (each["tools"] or self.name == "aider")
        ]

    def arrival(self, text: str) -> float | None:
        """Return when the service got the whole text."""
        return next((each["time"] for each in self.requests() if text in each["users"][-1]), None)

    def send(self, text: str, think: int) -> None:
        """Send one prompt, and wait for its request."""
        self.sent.append(text)
        answer = self.home.sesh("send", self.name, text, "--enter", "--json", timeout=150).json()
        entered = "error" not in answer
        self.entered += entered
        try:
            arrived = wait_until(lambda: self.arrival(text), "the prompt", timeout=_RECEIVED if entered else 5)
        except AssertionError:
            self._note(f"{answer}, not received\n{self.screen()}")
            self.home.sesh("send", self.name, "--key", "Enter")
        else:
            self.received += 1
            if not entered:
                self._note(f"{answer}, yet received")
            if think:
                self._watch(arrived, arrived + think)
        rest_until(time.monotonic() + _REST)

    def _watch(self, began: float, end: float) -> None:
        """Note what sesh tells while the agent thinks, and after its answer."""
        told = False
        while (now := time.time()) < end + _SOON:
            state = (self.home.summary(self.name).get("activity") or {}).get("state")
            self.wrong += _LOOK if state == "waiting" and began + 1 < now < end else 0.0
            told = told or (now > end and state in ("waiting", "done", "idle"))
            rest_until(time.monotonic() + _LOOK)
        self.told += told

    def _note(self, story: str) -> None:
        if self.keep is not None:
            path = Path(self.keep, f"{self.name}-{len(self.sent)}.txt")
            path.write_text(f"prompt {len(self.sent)}: {story}", encoding="utf-8")

    def row(self) -> str:
        """Return the counts, with the number of prompts found once in the last conversation."""
        users = self.requests()[-1]["users"] if self.requests() else []
        once = sum(sum(each.count(text) for each in users) == 1 for text in self.sent)
        counts = f"{self.received}/{len(self.sent)} | {once}/{len(self.sent)} | {self.entered}"
        return f"{self.name} | {counts} | {self.wrong:.1f} | {self.told}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--think", type=int, default=0)
    parser.add_argument("--text", action="append", choices=TEXTS)
    parser.add_argument("--keep")
    parser.add_argument("count", type=int)
    parser.add_argument("agents", nargs="+", choices=AGENTS)
    words = parser.parse_args()
    texts = [TEXTS[name] for name in words.text or ("one line", "many lines")]
    print("agent | received | once at the end | Enter | s told waiting while it thinks | turns told over")
    for name in words.agents:
        home = Home()
        home.strict = False
        log = os.path.join(home.root, "log")
        server = serve(0, log)
        try:
            trial = Trial(home, name, server.server_address[1], log, words.keep)
            with loaded() if words.load else nullcontext():
                for number in range(words.count):
                    text = texts[number % len(texts)].replace("{number}", str(100 + number))
                    trial.send(f"{text} THINK{words.think}" if words.think else text, words.think)
            print(f"{trial.row()} | load {os.getloadavg()[0]:.1f}", flush=True)
        finally:
            home.close()
            server.shutdown()


if __name__ == "__main__":
    main()
