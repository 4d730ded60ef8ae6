"""How well `stopped` tells real agents that think from those whose turn is over; a measurement, no test.

    AGENTS=FOLDER python -m bench.agents.stopped --minutes 30 --out FILE [codex gemini ...]

FOLDER holds the agents (`real_agents` says how they are installed).

Each runs in a session of its own against a stand-in for the model's service, and gets prompts, one after the other,
that have it think or stream for some seconds and then answer, or ask for permission, after which it thinks again. A
moment of thinking is a second from the request, or the permission, to the model's last word, in which the session must
not be waiting. A moment of asking is the end of a turn: the session must be waiting, or done by the agent's own word,
within 5 s of that word. An agent shows that later: so the time from the last change of the screen's text, looked at
each quarter of a second from that word on, is noted too.
FILE gets a line of JSON for each turn, appended, so that runs add up; `--table FILE...` prints the table of them all.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from http.server import ThreadingHTTPServer
from typing import Any

from bench.agents import model_service, real_agents
from sesh import Session

KINDS = ("THINK{}", "STREAM{}", "THINK{} TOOL", "STREAM{} TOOL")
SHORTEST, LONGEST, AGAIN = 5, 14, 9
"""Seconds of thinking in a turn, and after a permission. The first of the latter may pass until the agent asks."""
STARTED = 20.0
"""Seconds for a verb to start on a busy machine."""
SOON = 5.0
"""Seconds after the end of a turn within which sesh has to report that the session waits."""
LATEST, POLL = 20.0, 0.25
"""Seconds for which the screen is watched after a turn, if it goes on changing; and seconds between two looks."""
QUIET = 2.5
"""Seconds without another event after which all events have arrived."""
STARTS, SETTLES = 90.0, 4.0
"""Seconds for an agent to start, and those after an answer until the next prompt."""
ANSWERS = {"aider": ("n", "--enter"), "cline": ("y",)}
"""What answers an agent's question, other than Enter."""
ASKS_NOTHING = ("pi",)
"""Agents without a question for permission."""
RESTS = ("done", "hook"), ("idle", "hook")
"""The end of a turn by an agent's own word (OSC 7501)."""
_TRUSTS = "Do you trust"


class Trial:
    """One agent in its session."""

    def __init__(self, name: str, root: str, service: ThreadingHTTPServer, log: str) -> None:
        self.name, self.log, self.seen, self.sent = name, log, 0, ""
        self.home = os.path.join(root, name)
        os.makedirs(self.home, exist_ok=True)
        command, env, project = real_agents.prepare(name, self.home, service.server_address[1])
        words = [f"{key}={value}" for key, value in env.items()]
        self.sesh("--open", name, "--", "sh", "-c", 'cd "$0" && exec env "$@"', project, *words, *command)
        until = time.monotonic() + STARTS
        while not re.search(real_agents.AGENTS[name].ready, self.screen()):
            if time.monotonic() > until:
                raise TimeoutError(f"{name} did not start:\n{self.screen()}")
            time.sleep(0.5)
            if _TRUSTS in self.screen():
                self.sesh("--send", name, "--key", "Enter")
        time.sleep(SETTLES)

    def sesh(self, *words: str, seconds: float = 20.0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "sesh", *words], capture_output=True, text=True, timeout=seconds, check=False
        )
        return done.stdout

    def screen(self) -> str:
        return self.sesh("--screen", self.name)

    def turn(self, number: int) -> dict[str, Any] | None:
        """Sends one prompt; returns what sesh reported of the session, None if the agent did not take the prompt."""
        seconds = random.randint(SHORTEST, LONGEST)
        kind = KINDS[number % len(KINDS)].format(seconds)
        asked = "TOOL" in kind and self.name not in ASKS_NOTHING
        kind += f" AGAIN{AGAIN}" if asked else ""
        word = f"{self.name}{number}x"
        self.sent = self.sesh("--send", self.name, f"{kind} {word}", "--enter", "--json")
        began = self._asked_at(word)
        if began is None:
            return None
        end = began + seconds
        time.sleep(max(0.0, end - time.time()))
        shown = self._watch(end)
        said = list(self._said(began))
        before = [each for each in said if each[0] < end]
        wrong = [each for each in before if each[1] == "waiting"]
        told_by = (each for each in said if each[1] == "waiting" or (not asked and each[1:3] in RESTS))
        at_end = [each for each in told_by if each[0] >= end]
        told = at_end[0][0] if at_end else None
        drawn = max(at for at, _ in shown if told is None or at <= max(told, shown[0][0]))
        found: dict[str, Any] = {
            "agent": self.name, "kind": kind, "seconds": seconds, "asked": asked, "load": os.getloadavg()[0],
            "wrong_seconds": _waited(before, began, end), "wrong": len(wrong), "drawn": round(drawn - end, 2),
            "after": round(told - end, 2) if told else None,
            "after_drawn": round(told - drawn, 2) if told else None,
            "why": at_end[0][2] if at_end else (said[-1][2] if said else ""),
            "stays": bool(at_end) and said[-1] == at_end[-1], "said": said,
            "question": at_end[-1][3] if at_end else None, "screen": shown[-1][1], "changes": len(shown) - 1,
        }  # fmt: skip
        if asked:
            self.sesh("--send", self.name, *ANSWERS.get(self.name, ("--key", "Enter")))
            answered = time.time()
            time.sleep(max(0.0, answered + AGAIN - time.time()))
            since = list(self._said(answered))
            found["again_wrong_seconds"] = _waited(since, answered, answered + AGAIN)
            found["seconds"] += AGAIN
            found["wrong_seconds"] += found["again_wrong_seconds"]
            time.sleep(2 * SETTLES)
        time.sleep(SETTLES)
        return found

    def _watch(self, end: float) -> list[tuple[float, str]]:
        """Returns the screens from the end of a turn on, each with the time at which it was first seen."""
        shown: list[tuple[float, str]] = []
        while (now := time.time()) < min(end + LATEST, (shown[-1][0] if shown else end) + SOON + 3.0):
            text = Session(self.name).screen()
            if not shown or text != shown[-1][1]:
                shown.append((now, text))
            time.sleep(POLL)
        return shown

    def _asked_at(self, word: str) -> float | None:
        """Returns when the service got the prompt that has this word."""
        for _ in range(80):
            with open(self.log, encoding="utf-8") as file:
                for line in file:
                    request = json.loads(line)
                    if word in str(request.get("last")) and (request.get("tools") or self.name == "aider"):
                        return float(request["time"])
            time.sleep(0.25)
        return None

    def _said(self, since: float) -> Iterator[tuple[float, str, str, str | None]]:
        """Yields the reported states from that moment on, first the one that held at that moment."""
        following = subprocess.Popen(
            [sys.executable, "-m", "sesh", "--events", self.name, "--since", str(self.seen), "--json"],
            stdout=subprocess.PIPE,
        )
        assert following.stdout is not None
        told_all, until = b"", time.monotonic() + STARTED + 4 * QUIET  # a title may blink for ever
        while time.monotonic() < until and select.select([following.stdout], [], [], QUIET if told_all else STARTED)[0]:
            told_all += os.read(following.stdout.fileno(), 1 << 16)
        following.kill()
        following.wait()
        last = None
        for line in told_all.rpartition(b"\n")[0].splitlines():  # the last one may be cut
            event = json.loads(line)
            self.seen = max(self.seen, event["seq"] - 1 if event["event"] == "activity" else 0)
            if event["event"] != "activity":
                continue
            at = datetime.fromisoformat(event["ts"].replace("Z", "+00:00")).timestamp()
            told = (at, event["state"], event["why"], event["question"])
            if at < since:
                last = told
                continue
            if last is not None:
                yield last
                last = None
            yield told
        if last is not None:
            yield last


def _waited(said: list[tuple[float, str, str, str | None]], start: float, end: float) -> float:
    """Returns how many seconds between two moments were reported as waiting, without the first second after `start`."""
    total = 0.0
    for index, (at, state, _, _) in enumerate(said):
        until = said[index + 1][0] if index + 1 < len(said) else end
        if state == "waiting":
            total += max(0.0, min(until, end) - max(at, start + 1.0))
    return round(total, 2)


def measure(names: list[str], minutes: float, out: str) -> None:
    """Runs the agents side by side, and appends their results to a file."""
    root = tempfile.mkdtemp(prefix="stopped-")
    os.environ.update(SESH_DIR=os.path.join(root, ".sesh"), TERM="xterm-256color", LANG="C.UTF-8")
    os.mkdir(os.environ["SESH_DIR"], 0o700)
    log, lock, until = os.path.join(root, "log"), threading.Lock(), time.monotonic() + 60 * minutes
    open(log, "w", encoding="utf-8").close()
    service = model_service.serve(0, log)

    def run(name: str) -> None:
        try:
            trial = Trial(name, root, service, log)
        except (TimeoutError, OSError, subprocess.SubprocessError) as error:
            print(f"{name}: {error}", flush=True)
            return
        number = 0
        while time.monotonic() < until:
            number += 1
            found = trial.turn(number)
            if found is None or not found["said"]:
                print(f"{name}: the prompt did not arrive ({trial.sent}):\n{trial.screen()}", flush=True)
                trial.sesh("--send", name, "--key", "Escape")
                time.sleep(SETTLES)
                continue
            with lock, open(out, "a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    subprocess.run([sys.executable, "-m", "sesh", "--kill-all", "-y"], capture_output=True, check=False)
    shutil.rmtree(root, ignore_errors=True)


def table(paths: list[str]) -> str:
    """Returns the table of all results in these files."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                each = json.loads(line)
                found[each["agent"]].append(each)
    moments_head = "told  in 5 s  of drawn"
    rows = [f"agent     turns | thinking s  wrong s  wrong % | asks  {moments_head} | ends  {moments_head} | why"]
    every = [each for some in found.values() for each in some]
    for name, some in [*sorted(found.items()), ("all", every)]:
        thinking = sum(each["seconds"] - 1 for each in some)
        wrong = sum(each["wrong_seconds"] for each in some)
        cells = [f"{name:<10}{len(some):>5} | {thinking:>8} {wrong:>9.1f} {100 * wrong / max(1, thinking):>8.2f} "]
        for asked in (True, False):
            moments = [each for each in some if each["asked"] == asked]
            told = [each for each in moments if each["after"] is not None]
            soon, drawn = (sum(each[key] <= SOON for each in told) for key in ("after", "after_drawn"))
            cells.append(f" {len(moments):>4} {len(told):>5} {soon:>7} {drawn:>9} ")
        why = Counter(each["why"] for each in some if each["after"] is not None)
        rows.append("|".join(cells) + "| " + ", ".join(f"{word} {count}" for word, count in why.most_common()))
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.agents.stopped", description=__doc__)
    parser.add_argument("agents", nargs="*")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--out", default="stopped.jsonl")
    parser.add_argument("--table", nargs="+")
    chosen = parser.parse_args()
    if chosen.table is None:
        measure(chosen.agents or list(real_agents.AGENTS), chosen.minutes, chosen.out)
    print(table(chosen.table or [chosen.out]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
