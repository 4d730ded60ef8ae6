"""The commands of a session, for `--history`, for events, and for callers that reconnect for an answer.

They come from `--run` and from shell integration (see `command_marks`).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

from sesh.about import SESH
from sesh.daemon.shell.run import Run
from sesh.errors import NotFound, SeshError, rebuild
from sesh.schema import RunFacts

MAX_ENTRIES = 100  # commands kept, and answers; the oldest is dropped
MAX_OUTPUT = 256 << 10  # bytes kept of one command's output, the last ones
MAX_OUTPUT_IN_ALL = 4 << 20  # bytes kept of all outputs; above it, the oldest output is dropped whole
_FACTS_SIZE = 150  # characters of an entry's JSON besides command and directory


class History:
    def __init__(self) -> None:
        self.count = 0
        self.last: RunFacts | None = None  # the run that was active at the session's end, with its `key`
        self.entries: deque[tuple[RunFacts, bytes]] = deque(maxlen=MAX_ENTRIES)  # each with its output
        self.answers: OrderedDict[str, tuple[int, dict[str, Any]]] = OrderedDict()
        """The number of a run and its answer, by the run's key."""

    def find(self, number: int, session: str) -> tuple[RunFacts, bytes]:
        """Return a command and its output. Raises NotFound; its message names `session`."""
        for entry, output in self.entries:
            if entry["n"] == number:
                if entry["output_bytes"] and not output:  # dropped, or restored without output
                    message = f"the output of command {number} is not kept any more"
                    raise NotFound(message, hint=f"see: {SESH} --logs {session}")
                return entry, output
        raise NotFound(f"{session} has no command {number}", hint=f"see: {SESH} --history {session}")

    def newest(self, budget: int) -> list[RunFacts]:
        """Return the newest commands that fit into `budget` characters, the oldest first."""
        newest: list[RunFacts] = []
        for entry, _ in reversed(self.entries):
            budget -= sum(map(len, map(str, entry["command"]))) + len(str(entry["cwd"])) + _FACTS_SIZE
            if budget < 0:
                break
            newest.append(entry)
        return newest[::-1]

    def restore(self, count: int, entries: list[tuple[RunFacts, bytes]]) -> None:
        self.count = count
        self.entries.extend(entries)

    def next_number(self) -> int:
        self.count += 1
        return self.count

    def add(
        self, number: int, words: list[str], cwd: str, started: float, duration: float, code: int | None, output: bytes
    ) -> None:
        """Keep a command that has ended, and its output within `MAX_OUTPUT` and `MAX_OUTPUT_IN_ALL`."""
        entry: RunFacts = {
            "n": number,
            "command": words,
            "cwd": cwd,
            "started": started,
            "duration": round(duration, 3),
            "exit_code": code,
            "output_bytes": len(output),
        }
        self.entries.append((entry, output[-MAX_OUTPUT:]))
        budget = MAX_OUTPUT_IN_ALL
        for index in range(len(self.entries) - 1, -1, -1):
            entry, output = self.entries[index]
            budget -= len(output)
            if budget < 0 and output:
                self.entries[index] = (entry, b"")

    def add_answer(self, run: Run, answer: RunFacts | SeshError) -> None:
        """Keep the first answer to a run that has a key."""
        if run.key and run.key not in self.answers:
            plain_answer = {"error": answer.facts()} if isinstance(answer, SeshError) else dict(answer)
            self.answers[run.key] = run.number, plain_answer
            if len(self.answers) > MAX_ENTRIES:
                self.answers.popitem(last=False)

    def answer_again(self, run: Run) -> bool:
        """Repeat the answer to a caller that reconnects; return False if there was no answer yet."""
        if run.key not in self.answers or run.request is None:
            return False
        number, answer = self.answers[run.key]
        if "error" in answer:
            run.request.refuse(rebuild(answer["error"]))
            return True
        rows = ((entry["output_bytes"], output) for entry, output in self.entries if entry["n"] == number)
        size, output = next(rows, (0, b""))
        first = size - len(output)
        since = run.sent or 0
        truncated = answer["truncated"] or first > since
        facts: RunFacts = {**answer, "truncated": truncated}  # type: ignore[typeddict-item]  # `add_answer` kept RunFacts
        run.request.respond(facts, output[max(0, since - first) :])
        return True
