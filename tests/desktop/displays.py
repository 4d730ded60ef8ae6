"""Displays of a person's machine, with the real tools of their clipboards: X11 (Xvfb), Wayland (sway, headless)."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Sequence

from tests.support import need, wait_until


def picture(side: int) -> bytes:
    """Return a square PNG of noise, of about 3 * side ** 2 bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + os.urandom(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows, 1)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


class Display:
    """A display and its clipboard. `variables`: how programs find it."""

    variables: dict[str, str]

    def _put(self, words: Sequence[str], data: bytes) -> None:
        subprocess.run(words, input=data, env={**os.environ, **self.variables}, check=True, timeout=30)

    def _got(self, words: Sequence[str]) -> bytes:
        environment = {**os.environ, **self.variables}
        done = subprocess.run(words, env=environment, capture_output=True, check=False, timeout=30)
        return done.stdout

    def put(self, data: bytes, mime: str) -> None:
        """Put something on the clipboard, as another program of this machine."""
        raise NotImplementedError

    def content(self, mime: str = "text/plain") -> bytes:
        """Return what the clipboard has."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class X11(Display):
    """An X server."""

    def __init__(self) -> None:
        for tool in ("Xvfb", "xclip"):
            need(tool)
        number, theirs = os.pipe()
        words = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]
        self._server = subprocess.Popen(words, pass_fds=(theirs,), stderr=subprocess.DEVNULL)
        os.close(theirs)
        with open(number, encoding="ascii") as display:
            self.variables = {"DISPLAY": f":{display.readline().strip()}"}

    def put(self, data: bytes, mime: str) -> None:
        target = "UTF8_STRING" if mime.startswith("text/") else mime
        self._put(["xclip", "-selection", "clipboard", "-t", target, "-i"], data)

    def content(self, mime: str = "text/plain") -> bytes:
        target = "UTF8_STRING" if mime.startswith("text/") else mime
        return self._got(["xclip", "-selection", "clipboard", "-o", "-t", target])

    def close(self) -> None:
        self._server.terminate()
        self._server.wait()


class Sway(Display):
    """A compositor without a screen; it runs as an ordinary user, since it refuses root."""

    def __init__(self) -> None:
        for tool in ("sway", "wl-copy", "setpriv"):
            need(tool)
        self._folder = tempfile.mkdtemp(prefix="sesh-", dir="/tmp")
        words = ["sway", "-c", "/dev/null"]
        if os.geteuid() == 0:
            os.chown(self._folder, 65534, 65534)
            words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]
        headless = {"WLR_BACKENDS": "headless", "WLR_LIBINPUT_NO_DEVICES": "1", "WLR_RENDERER": "pixman"}
        own = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": self._folder, "HOME": self._folder, **headless}
        self._server = subprocess.Popen(words, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def sockets() -> list[str]:
            return [each for each in os.listdir(self._folder) if each.startswith("wayland-") and "." not in each]

        socket = wait_until(sockets, "sway listens")[0]
        self.variables = {"WAYLAND_DISPLAY": os.path.join(self._folder, socket)}

    def put(self, data: bytes, mime: str) -> None:
        self._put(["wl-copy", "-t", mime], data)

    def content(self, mime: str = "text/plain") -> bytes:
        return self._got(["wl-paste", "--no-newline", "-t", mime])

    def close(self) -> None:
        self._server.terminate()
        self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
