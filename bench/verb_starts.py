"""`python -m bench.verb_starts`: the processor time of each verb, typed right, by the launcher of `make install`.

Prints a Markdown table: multiples of `python -IS -c pass` with the interpreter that runs this, medians of interleaved
rounds. `--many COUNT` adds the same with so many idle sessions, as multiples of each verb without them; `--base
PROGRAM` adds another sesh, measured in the same rounds. The words left are the verbs to measure.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

from bench.building import copy
from bench.contenders import Sesh
from bench.material import SLEEPING
from bench.window import Window, run

CONTENT = b"@@CONTENT@@"
FAST, OTHER = 1.6, 2.5
"""The goals for what is typed, or run by scripts, all day, and for other verbs."""
MANY = 1.2
"""The goal for a verb with many sessions beside the one that it names, as a multiple of itself."""
ATTACH = "attach"
EXPORTED = "exported.json"


class Verb:
    """One line that is measured; `before` is run before each round and not measured."""

    def __init__(self, words: str, goal: float = OTHER, *, before: str = "", key: str = "") -> None:
        self.words, self.goal, self.before = words.split(), goal, before.split()
        self.key = key or self.words[0]


VERBS = (
    Verb("work", FAST, key=ATTACH),
    Verb("--send work x", FAST),
    Verb("--run shell -- true", FAST),
    Verb("--status work", FAST),
    Verb("--screen work", FAST),
    Verb("--logs work 5", FAST),
    Verb("--list", FAST),
    Verb("--list --json", FAST, key="--list --json"),
    Verb("--grep CONTENT"),
    Verb("--completions zsh"),
    Verb("--label work a=b"),
    Verb("--rename one two", before="--rename two one"),
    Verb("--message work text"),
    Verb("--export"),
    Verb(f"--import {EXPORTED}"),
    Verb("--open work"),
    Verb("--detach work"),
    Verb("--kill gone", before="--open gone -- cat"),
    Verb("--wait work --idle 0.01"),
    Verb("--history shell"),
    Verb("--resume-with work -- cat"),
    Verb("--reload work"),
    Verb("--restore"),
    Verb("--sweep"),
    Verb("--forget @nowhere"),
    Verb("--doctor"),
    Verb("--shell-init bash"),
    Verb("--complete zsh -- --se", key="--complete (Tab)"),
    Verb("--hook claude"),
    Verb("--skill"),
    Verb("--schema list"),
    Verb("--version"),
)


class Ground:
    """A program with a session of each kind that the verbs need."""

    def __init__(self, folder: str, name: str, program: str) -> None:
        self.name = name
        place = os.path.join(folder, f"of-{name}")
        os.mkdir(place)
        self.sesh = Sesh(place, program)
        os.mkdir(self.sesh.environment["SESH_DIR"], 0o700)
        for words in (
            self.sesh.create("work", ["sh", "-c", f"printf '{CONTENT.decode()}\\n'; exec cat"]),
            self.sesh.create("shell", ["sh"]),
            self.sesh.create("two", ["cat"]),
        ):
            run(words, self.sesh.environment)
        self.exported = os.path.join(self.sesh.root, EXPORTED)
        with open(self.exported, "w", encoding="utf-8") as file:
            subprocess.run([program, "--export"], env=self.sesh.environment, stdout=file, check=True)

    def take(self, verb: Verb) -> float:
        """Seconds of processor time of one call."""
        if verb.key == ATTACH:
            return self._attached(verb)
        if verb.before:
            _used([self.sesh.program, *verb.before], self.sesh.environment)
        words = [self.exported if word == EXPORTED else word for word in verb.words]
        return _used([self.sesh.program, *words], self.sesh.environment)

    def _attached(self, verb: Verb) -> float:
        window = Window([self.sesh.program, *verb.words], self.sesh.environment)
        try:
            window.until(CONTENT)
            with open(f"/proc/{window.pid}/schedstat", encoding="ascii") as file:
                return int(file.read().split()[0]) / 1e9
        finally:
            window.close(*self.sesh.detach)


def _used(words: list[str], environment: dict[str, str]) -> float:
    """Seconds of processor time of a command; what it answers, and how it ends, is for tests to judge."""
    actions = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
    pid = os.posix_spawn(words[0], words, environment, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise RuntimeError(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def measured(grounds: list[Ground], verbs: list[Verb], rounds: int, bare: list[str]) -> dict[str, dict[str, float]]:
    """The medians of each verb by the name of each ground, as multiples of the interpreter alone, taken in turns."""
    ratios: dict[str, dict[str, float]] = {}
    for verb in verbs:
        own: dict[str, list[float]] = {ground.name: [] for ground in grounds}
        starts = []
        for turn in range(rounds + 1):
            start = _used(bare, grounds[0].sesh.environment)
            taken = {ground.name: ground.take(verb) for ground in grounds}
            if turn:  # the first may write bytecode
                starts.append(start)
                for name, value in taken.items():
                    own[name].append(value)
        unit = statistics.median(starts)
        ratios[verb.key] = {name: statistics.median(values) / unit for name, values in own.items()}
    return ratios


def main() -> None:
    """Installs a copy, measures, prints."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--base", help="another sesh to measure in the same rounds")
    options.add_argument("--many", type=int, default=0, help="also with so many idle sessions")
    options.add_argument("--rounds", type=int, default=21)
    options.add_argument("verbs", nargs="*")
    given = options.parse_intermixed_args()
    verbs = [verb for verb in VERBS if not given.verbs or verb.key.lstrip("-") in given.verbs]
    with tempfile.TemporaryDirectory(prefix="sesh-verbs-") as folder:
        program, python = copy(folder)
        bare = [python, "-IS", "-c", "pass"]
        grounds = [Ground(folder, "sesh", program)]
        if given.base:
            grounds.append(Ground(folder, "base", given.base))
        try:
            few = measured(grounds, verbs, given.rounds, bare)
            many: dict[str, dict[str, float]] = {}
            if given.many:
                for ground in grounds:
                    for number in range(given.many):
                        run(ground.sesh.create(f"idle{number}", SLEEPING), ground.sesh.environment)
                many = measured(grounds, verbs, given.rounds, bare)
        finally:
            for ground in grounds:
                _used([ground.sesh.program, "--kill-all", "-y"], ground.sesh.environment)
                ground.sesh.quit()
    columns = [f"{ground.name}" for ground in grounds]
    columns += [f"{ground.name}, {given.many} sessions more" for ground in grounds if many]
    print(f"Python {sys.version.split()[0]}, multiples of `python -IS -c pass` (sessions more: of itself)\n")
    print("| verb |", " | ".join(columns), "| goal | met |")
    print("| --- |", " | ".join("---" for _ in columns), "| --- | --- |")
    for verb in verbs:
        ratios = few[verb.key]
        cells = [f"{ratio:.2f}" for ratio in ratios.values()]
        more = {name: ratio / ratios[name] for name, ratio in many.get(verb.key, {}).items()}
        cells += [f"{ratio:.2f}" for ratio in more.values()]
        met = ratios["sesh"] <= verb.goal and (verb.words[0] == "--list" or more.get("sesh", 0) <= MANY)
        print(f"| {verb.key} |", " | ".join(cells), f"| {verb.goal} | {'yes' if met else 'no'} |")


if __name__ == "__main__":
    main()
