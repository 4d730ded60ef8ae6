"""Sends prompts to real agents by `sesh --send TEXT --enter`, and counts those that reach their model's service.

`AGENTS=FOLDER python -m bench.agents.prompts [--load] [--text NAME]… [--keep DIR] N AGENT…` prints a row for each agent
(`bench/agents/real_agents.py` says how to install them; `TEXTS` has the names of texts). A stand-in plays the service.
If a prompt goes wrong, the agent's screen is kept in the directory that `--keep` names.
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
from tests.support.composers.kinds import TEXTS as TYPED
from tests.support.load import loaded
from tests.support.waiting import rest_until, wait_until

TEXTS = {
    "one line": "Prompt {number} of the trial: which files are here?",
    "two lines": "Prompt {number} of the trial, first line,\nand its second line, the last one",
    "5 KB": "\n".join(f"{line:03} of a long prompt {{number}}, all work and no play" for line in range(110)),
    "wide": TYPED["wide"],
    "20 KB": TYPED["20 KB"],
}
_TITLES = re.compile(r"Generate a (title|concise)")
_RECEIVED = 90.0
"""Seconds for the service to receive a prompt: on a busy machine the first use of an agent takes half a minute."""
_REST = 1.0
"""Seconds from an answer to the next prompt."""


class Measured:
    """One agent in a session, with the counts of its prompts."""

    def __init__(self, home: Home, name: str, port: int, log: str, keep: str | None) -> None:
        self.home, self.name, self.log, self.keep = home, name, log, keep
        command, env, project = prepare(name, os.path.join(home.root, "agent"), port)
        words = ["env", "-u", "SESH_DIR", *(f"{key}={value}" for key, value in env.items()), *command]
        result = home.sesh("--open", name, project, "--", *words)
        assert result.code == 0, result.stderr
        wait_until(lambda: re.search(AGENTS[name].ready, self.screen()), 90, what=f"{name} takes prompts")
        rest_until(time.monotonic() + _REST)
        self.sent: list[str] = []
        self.first, self.late, self.entered, self.untrue, self.took = 0, 0, 0, 0, 0.0

    def screen(self) -> str:
        return self.home.sesh("--screen", self.name).stdout

    def asked(self) -> list[dict[str, Any]]:
        """Returns the requests in which the agent has passed prompts on, without requests for a title."""
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file.read().splitlines(keepends=True) if line.endswith("\n")]
        main = [each for each in lines if each.get("users") and not any(map(_TITLES.match, each["users"]))]
        return [each for each in main if each["tools"] or self.name == "aider"]

    def received(self, text: str) -> bool:
        """Returns whether the newest prompt of any request has the whole text."""
        return any(text in each["last"] for each in self.asked())

    def send(self, text: str) -> None:
        """Sends one prompt, and waits for its request."""
        self.sent.append(text)
        began = time.monotonic()
        answer = self.home.sesh("--send", self.name, text, "--enter", "--json", timeout=150).json()
        entered = "error" not in answer
        self.entered += entered
        taken = time.monotonic()
        self.took += taken - began
        try:
            wait_until(lambda: self.received(text), _RECEIVED if entered else 5, what="the prompt")
        except AssertionError:
            self.untrue += entered
            self._note(f"prompt {len(self.sent)}: {answer}, not received\n{self.screen()}")
            self.home.sesh("--send", self.name, "--key", "Enter")
            rest_until(time.monotonic() + 3)
            self.late += self.received(text)
        else:
            self.first += 1
            if not entered:
                self._note(f"prompt {len(self.sent)}: in {taken - began:.2f} s, {answer}, yet received")
        rest_until(time.monotonic() + _REST)

    def _note(self, story: str) -> None:
        if self.keep is not None:
            path = os.path.join(self.keep, f"{self.name}-{int(time.time())}")
            Path(f"{path}.txt").write_text(story, encoding="utf-8")
            rest_until(time.monotonic() + 2)

    def once(self) -> int:
        """Returns how many prompts are exactly once, and whole, in the conversation that the agent sent last."""
        users = self.asked()[-1]["users"] if self.asked() else []
        return sum(sum(each.count(text) for each in users) == 1 for text in self.sent)

    def row(self) -> str:
        count = len(self.sent)
        return (
            f"{self.name} | {self.first}/{count} | {self.once()}/{count} | {self.late} | {self.entered} |"
            f" {self.untrue} | {self.took / max(1, count):.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--text", action="append", choices=TEXTS)
    parser.add_argument("--keep")
    parser.add_argument("count", type=int)
    parser.add_argument("agents", nargs="+", choices=AGENTS)
    words = parser.parse_args()
    names = words.text or ["one line", "two lines"]
    print("agent | received | once at the end | by a further Enter | Enter | in vain | s each")
    for name in words.agents:
        home = Home()
        home.strict = False
        log = os.path.join(home.root, "log")
        server = serve(0, log)
        try:
            measured = Measured(home, name, server.server_address[1], log, words.keep)
            with loaded() if words.load else nullcontext():
                for number in range(words.count):
                    measured.send(TEXTS[names[number % len(names)]].replace("{number}", str(number + 1)))
            load = f"load {os.getloadavg()[0]:.1f}{', two busy processes' if words.load else ''}"
            print(f"{measured.row()} | {load}, {', '.join(names)}", flush=True)
        finally:
            home.close()
            server.shutdown()


if __name__ == "__main__":
    main()
