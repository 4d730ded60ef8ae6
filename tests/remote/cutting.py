"""A link that breaks at a named frame, for `via`: `python cutting.py FOLDER COMMAND…`.

The file `moment` in the folder holds a moment and the request that it is about; the link that comes to it removes the
file, and breaks. Without the file, all passes. The file `moment-asked` appears once the request has passed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from enum import Enum

from sesh.wire import protocol

BLOCK = 1 << 16


class Moment(str, Enum):
    BEFORE_REQUEST = "before-request"
    AFTER_REQUEST = "after-request"
    BEFORE_ANSWER = "before-answer"
    WITHIN_ANSWER = "within-answer"
    BEFORE_END = "before-end"


class Cutter:
    """Passes bytes both ways, and breaks the link at a moment of one request."""

    def __init__(self, folder: str, command: list[str]) -> None:
        self._file = os.path.join(folder, "moment")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._far = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._number = 0  # the id of the request; 0 until it has passed
        self._lock = threading.Lock()

    def run(self) -> int:
        threading.Thread(target=self._pass_requests, daemon=True).start()
        self._pass_answers()
        return self._process.wait()

    def _moment(self) -> tuple[str, str]:
        try:
            with open(self._file, encoding="utf-8") as file:
                moment, request = file.read().split()
                return moment, request
        except FileNotFoundError:
            return "", ""

    def _break(self) -> None:
        """Break the link, once for each file."""
        with suppress(FileNotFoundError):
            os.unlink(self._file)
            self._process.kill()
            os._exit(1)  # both threads at once, and nothing that a buffer still has

    def _pass_requests(self) -> None:
        decoder = protocol.Decoder()
        while data := os.read(0, BLOCK):
            moment, wanted = self._moment()
            for kind, payload in decoder.feed(data):
                is_it = False
                if kind == protocol.REQUEST and wanted:
                    keys = json.loads(payload)
                    is_it = keys["verb"] == wanted
                    if is_it and moment == Moment.BEFORE_REQUEST:
                        self._break()
                    if is_it:
                        self._number = keys["id"]
                _write(self._far[0], protocol.frame(kind, payload))
                if is_it:
                    with open(f"{self._file}-asked", "w", encoding="utf-8"):
                        pass
                if is_it and moment == Moment.AFTER_REQUEST:
                    self._break()
        os.close(self._far[0])

    def _pass_answers(self) -> None:
        decoder, printed, begun = protocol.Decoder(), b"", False
        while data := os.read(self._far[1], BLOCK):
            if not begun:
                printed += data
                before, mark, data = printed.partition(protocol.BRIDGE)
                if not mark:
                    continue
                _write(1, before + mark)
                begun = True
            moment, _ = self._moment()
            for kind, payload in decoder.feed(data):
                frame = protocol.frame(kind, payload)
                if self._number and kind in (protocol.OUTPUT, protocol.DATA, protocol.RESPONSE):
                    is_end = kind == protocol.RESPONSE and protocol.response_number(payload) == self._number
                    if moment == Moment.WITHIN_ANSWER:
                        _write(1, frame[: len(frame) // 2])
                    if moment in (Moment.BEFORE_ANSWER, Moment.WITHIN_ANSWER) or (
                        moment == Moment.BEFORE_END and is_end
                    ):
                        self._break()
                _write(1, frame)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except OSError:
            os._exit(1)


if __name__ == "__main__":
    sys.exit(Cutter(sys.argv[1], sys.argv[2:]).run())
