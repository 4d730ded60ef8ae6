"""The least that a session needs in Python, to compare with: a daemon and a client that only read and write.

`relay.py serve SOCKET COMMAND…` runs a command on a PTY of its own, `relay.py attach SOCKET` shows it in this terminal.
One client at a time, no frames, no screen, no detach key.
"""

import os
import pty
import select
import socket
import sys
import tty


def carry(pairs: dict[int, int]) -> None:
    """Writes what comes on each descriptor to another one, until one of them ends."""
    poll = select.poll()
    for descriptor in pairs:
        poll.register(descriptor, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            try:
                data = os.read(descriptor, 1 << 16)
            except OSError:
                data = b""
            if not data:
                return
            while data:
                data = data[os.write(pairs[descriptor], data) :]


def serve(path: str, words: list[str]) -> None:
    """Runs the command, and serves one client after the other until it is killed."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    if os.fork():
        return
    os.setsid()
    child, master = pty.fork()
    if not child:
        os.execvp(words[0], words)
    while True:
        client, _ = listener.accept()
        carry({master: client.fileno(), client.fileno(): master})


def attach(path: str) -> None:
    """Shows the session until one of both ends."""
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    tty.setraw(0)
    carry({0: server.fileno(), server.fileno(): 1})


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], sys.argv[3:])
    else:
        attach(sys.argv[2])
