"""Makes system calls of a process fail: stands between `os`, `fcntl`, `termios`, `select`, sockets and their callers.

A *site* is a function with the line of sesh that calls it: `read daemon/pty/pty.py:149`. Armed with a plan that has no
faults the shim only counts, and `report` says which sites were reached, how often, and with which errors the kernel can
answer there (by the manual pages, and by what the descriptor is). A fault makes the n-th call of one site fail, once
or from there on. It has to be installed before sesh is imported, and uses nothing that sesh would not load.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import stat
import sys
from collections.abc import Callable
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep

SHORT, SIGNAL = "SHORT", "SIGNAL"
"""Errors that are none: one byte is read or written; a signal arrives (Python itself goes on after EINTR, PEP 475)."""

_READ_ERRORS = {"socket": ("ECONNRESET", SHORT), "tty": ("EIO", SHORT), "file": ("EIO", SHORT), "pipe": ("EIO",)}
_WRITE_ERRORS = {
    "socket": ("EPIPE", "ECONNRESET", SHORT),
    "tty": ("EIO", SHORT),
    "file": ("ENOSPC", "EIO", SHORT),
    "pipe": ("EPIPE", SHORT),
}
ERRORS: dict[str, tuple[str, ...]] = {
    "accept": ("EMFILE", "ENFILE", "ENOMEM", "ECONNABORTED", "EAGAIN", SIGNAL),
    "bind": ("ENOSPC", "EIO", "ENOMEM"),
    "close": ("EIO", "EINTR"),
    "connect": ("ECONNREFUSED", "EAGAIN"),
    "dup2": ("EBUSY", "EMFILE"),
    "epoll_create": ("EMFILE", "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": (SIGNAL,),
    "execve": ("ENOMEM", "ENOENT"),
    "fchmod": ("EIO",),
    "fcntl": ("EMFILE",),
    "flock": ("ENOLCK", SIGNAL),
    "fork": ("EAGAIN", "ENOMEM"),
    "forkpty": ("EAGAIN", "ENOMEM", "ENOENT"),
    "fstat": ("EIO", "ENOMEM"),
    "fsync": ("EIO", "ENOSPC"),
    "getsid": ("ESRCH",),
    "ioctl": ("EIO", "EINTR"),
    "kill": ("ESRCH", "EPERM"),
    "killpg": ("ESRCH", "EPERM"),
    "listdir": ("EMFILE", "EIO", "ENOMEM"),
    "listen": ("EADDRINUSE",),
    "lseek": ("EIO",),
    "lstat": ("EIO", "ENOMEM"),
    "memfd_create": ("EMFILE", "ENOMEM"),
    "mkdir": ("ENOSPC", "EIO"),
    "open": ("EMFILE", "ENFILE", "EIO", "ENOMEM"),
    "openpty": ("ENOENT", "ENOSPC"),
    "pidfd_open": ("EMFILE", "ENOMEM"),
    "pipe": ("EMFILE", "ENFILE"),
    "poll": ("ENOMEM", SIGNAL),
    "posix_spawn": ("EAGAIN", "ENOMEM"),
    "ptsname": ("ENOTTY",),
    "readlink": ("ENOMEM", "EIO"),
    "rename": ("ENOSPC", "EIO"),
    "replace": ("ENOSPC", "EIO"),
    "rmdir": ("EBUSY",),
    "scandir": ("EMFILE", "EIO", "ENOMEM"),
    "socket": ("EMFILE", "ENFILE", "ENOMEM"),
    "socketpair": ("EMFILE", "ENFILE", "ENOMEM"),
    "stat": ("EIO", "ENOMEM"),
    "symlink": ("ENOSPC", "EIO"),
    "tcgetattr": ("EIO",),
    "tcgetpgrp": ("ENOTTY", "EIO"),
    "tcsetattr": ("EIO", "EINTR"),
    "ttyname": ("ENOENT",),
    "unlink": ("EIO", "EBUSY"),
    "wait4": (SIGNAL,),
    "waitpid": (SIGNAL,),
}
_BY_DESCRIPTOR = {
    "read": _READ_ERRORS, "recv": _READ_ERRORS, "write": _WRITE_ERRORS, "send": _WRITE_ERRORS,
    "sendmsg": _WRITE_ERRORS,
}  # fmt: skip
_BY_DESCRIPTOR["sendall"] = {"socket": ("EPIPE", "ECONNRESET")}  # it goes on by itself after a short write
_SHARED = ("sesh/paths.py", "sesh/wire.py", "sesh/platform.py", "sesh/loop/", "daemon/pty/pty.py")
"""Modules that many call: a site in one of them names its caller too."""
_LOST_ANYWAY = ("close",)
"""What the kernel has done although it reports an error."""

_write, _open, _close, _fstat, _getpid, _kill, _exit = (
    os.write, os.open, os.close, os.fstat, os.getpid, os.kill, os._exit
)  # fmt: skip
_get_blocking, _dup, _real_socket = os.get_blocking, os.dup, socket.socket


class Fault:
    """One fault of a plan: `error` at the `nth` call of `site`, or at the `after`-th call since another one fired.

    `part`: of all sites that hold this text. `functions`: of all of these functions. `times`: so many calls fail from
    there on.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.site: str = plan.get("site", "")
        self.part: str = plan.get("part", "")
        self.functions: list[str] = plan.get("functions", [])
        self.nth: int = plan.get("nth", 1)
        self.after: int = plan.get("after", 0)
        self.error: str = plan["error"]
        self.left: int = plan.get("times", 1)
        self._seen = 0

    def due(self, name: str, site: str, possible: tuple[str, ...], fired: int) -> str:
        """The error with which this call fails; empty where it is to succeed."""
        if not self.left or not possible:
            return ""
        if self.after:
            if not fired:
                return ""
        elif not (self.site == site or (self.part and self.part in site) or name in self.functions):
            return ""
        self._seen += 1
        if self._seen < (self.after or self.nth):
            return ""
        error = self.error if self.error in possible else possible[0] if self.after else ""
        self.left -= bool(error)
        return error


class Shim:
    """What stands between: it counts and fails calls of the process that armed it."""

    def __init__(self) -> None:
        self.pid = 0
        self.faults: list[Fault] = []
        self.path = ""
        self.sites: dict[str, list[Any]] = {}
        self.fired: list[str] = []
        self.waits = 0
        self.signal = 0
        self._inside = False

    def arm(self, plan: dict[str, Any]) -> None:
        """Begins to count, and to fail what the plan says; `plan["report"]` is the path to write to at the end."""
        self.pid = _getpid()
        self.faults = [Fault(each) for each in plan["faults"]]
        self.path = plan["report"]
        self.signal = plan["signal"]
        self.sites, self.fired, self.waits = {}, [], 0

    def call(self, name: str, real: Callable[..., Any], args: tuple[Any, ...], words: dict[str, Any]) -> Any:
        """One call of a function: carried out, or failed."""
        if self._inside or not self.pid or _getpid() != self.pid:
            return real(*args, **words)
        self._inside = True
        try:
            site = _site(name)
            possible = _possible(name, args) if site else ()
            error = self._count(name, site, possible) if site else ""
        finally:
            self._inside = False
        if not error:
            return real(*args, **words)
        return self._fail(name, error, real, args, words)

    def _count(self, name: str, site: str, possible: tuple[str, ...]) -> str:
        self.waits += name in ("epoll_wait", "poll")
        known = self.sites.setdefault(site, [0, []])
        known[0] += 1
        known[1] += [error for error in possible if error not in known[1]]
        errors = [fault.due(name, site, possible, len(self.fired)) for fault in self.faults]
        error = next(filter(None, errors), "")
        if error:
            self.fired.append(f"{error} {site} #{known[0]}")
            self.note(self.fired[-1])
        return error

    def _fail(self, name: str, error: str, real: Callable[..., Any], args: tuple[Any, ...], words: Any) -> Any:
        if error == SIGNAL:
            _kill(_getpid(), self.signal)
            return real(*args, **words)
        if error == SHORT:
            return real(*_shortened(name, args), **words)
        if name in _LOST_ANYWAY:
            real(*args, **words)
        if error in ("EPIPE", "ECONNRESET"):
            _break(args[0])
        number = getattr(errno, error)
        if name in ("tcgetattr", "tcsetattr"):
            import termios

            raise termios.error(number, os.strerror(number))
        named = [arg for arg in args[:1] if isinstance(arg, str)]
        raise OSError(number, os.strerror(number), *named)

    def note(self, line: str) -> None:
        """Appends a line to what the test reads, at once: the process may not come to its end."""
        descriptor = _open(f"{self.path}.fired", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        _write(descriptor, f"{line}\n".encode())
        _close(descriptor)

    def report(self) -> None:
        """Writes what was counted."""
        if not self.pid or _getpid() != self.pid:
            return
        self.pid = 0
        import json

        with open(f"{self.path}.new", "w", encoding="utf-8") as file:
            json.dump({"sites": self.sites, "fired": self.fired, "waits": self.waits}, file)
        os.rename(f"{self.path}.new", self.path)


shim = Shim()


def _site(name: str) -> str:
    """The call's function with the innermost line of sesh; empty where it is not sesh's."""
    frame = sys._getframe(3)
    places: list[str] = []
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(ROOT) and "/site-packages/" not in path:
            inside = path[len(ROOT) :]
            if inside.startswith("tests/"):
                break
            inside = inside.removeprefix("sesh/") if inside.startswith(("sesh/daemon/", "sesh/client/")) else inside
            places.append(f"{inside}:{frame.f_lineno}")
            if len(places) == 2 or not inside.startswith(_SHARED):
                break
        frame = frame.f_back  # type: ignore[assignment]
    return f"{name} {' < '.join(places)}" if places else ""


def _kind(descriptor: int) -> str:
    mode = _fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        return "socket"
    if stat.S_ISCHR(mode):
        return "tty"
    return "pipe" if stat.S_ISFIFO(mode) else "file"


def _break(broken: Any) -> None:
    """A connection that reports that it is broken stays so, for both sides."""
    try:
        if not isinstance(broken, int):
            broken.shutdown(socket.SHUT_RDWR)
        elif _kind(broken) == "socket":
            copy = _real_socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, _dup(broken))
            copy.shutdown(socket.SHUT_RDWR)
            copy.close()
    except OSError:
        return  # it is broken already


def _possible(name: str, args: tuple[Any, ...]) -> tuple[str, ...]:
    """The errors that this call can give."""
    by_kind = _BY_DESCRIPTOR.get(name)
    if by_kind is not None:
        descriptor = args[0] if isinstance(args[0], int) else args[0].fileno()
        try:
            errors, blocking = by_kind[_kind(descriptor)], _get_blocking(descriptor)
        except OSError:
            return ()
        return (*errors, SIGNAL) if blocking else (*errors, "EAGAIN", SIGNAL)
    if name == "open" and len(args) > 1 and isinstance(args[1], int) and args[1] & os.O_CREAT:
        return (*ERRORS["open"], "ENOSPC")
    if name == "fcntl":
        return ERRORS["fcntl"] if args[1] in (0, 1030) else ()  # F_DUPFD, F_DUPFD_CLOEXEC
    return ERRORS[name]


def _shortened(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same call for one byte."""
    if name in ("read", "recv"):
        return (args[0], 1, *args[2:])
    if name == "sendmsg":
        return (args[0], [memoryview(part)[:1] for part in args[1] if len(part)][:1], *args[2:])
    return (args[0], memoryview(args[1])[:1], *args[2:])


# -- the functions and classes that take the place of the real ones


def _wrap(owner: Any, attribute: str, name: str = "") -> None:
    real = getattr(owner, attribute, None)
    if real is None:
        return
    label = name or attribute

    def called(*args: Any, **words: Any) -> Any:
        return shim.call(label, real, args, words)

    setattr(owner, attribute, called)


def _wrap_fork(attribute: str) -> None:
    real = getattr(os, attribute)

    def forked(*args: Any) -> Any:
        daemonizes = "leave_session" in (sys._getframe(1).f_code.co_name, sys._getframe(2).f_code.co_name)
        result = shim.call(attribute, real, args, {})
        child = (result if isinstance(result, int) else result[0]) == 0
        if shim.pid and (child or daemonizes):  # the plan goes with the daemon; what it forks is on its own
            shim.pid = _getpid() if child and daemonizes else 0
        return result

    setattr(os, attribute, forked)


class _Poll:
    """`select.poll` and `select.epoll`: the calls that wait or change what is waited for."""

    def __init__(self, real: Any, wait: str, change: str) -> None:
        self._real = real
        self.poll = lambda *args: shim.call(wait, real.poll, args, {})
        self.unregister = real.unregister
        if change:
            self.register = lambda *args: shim.call(change, real.register, args, {})
            self.modify = lambda *args: shim.call(change, real.modify, args, {})
        else:
            self.register, self.modify = real.register, real.modify

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _socket_class(real: Any) -> Any:
    class Socket(real):  # type: ignore[misc]
        """A socket whose calls can fail."""

        def __init__(self, *args: Any, **words: Any) -> None:
            if len(args) > 3 or words.get("fileno") is not None:
                real.__init__(self, *args, **words)
            else:
                shim.call("socket", lambda *_: real.__init__(self, *args, **words), (), {})

        def _accept(self) -> Any:
            return shim.call("accept", real._accept, (self,), {})

    for name in ("bind", "connect", "listen", "recv", "send", "sendall", "sendmsg"):
        _wrap_method(Socket, name, getattr(real, name))
    return Socket


def _wrap_method(owner: Any, name: str, real: Any) -> None:
    def called(self: Any, *args: Any) -> Any:
        return shim.call(name, real, (self, *args), {})

    setattr(owner, name, called)


def _ending(status: int) -> Any:
    shim.report()
    _exit(status)


def install() -> None:
    """Takes the place of the functions, in this process and those forked from it."""
    import builtins
    import fcntl
    import termios

    apart = ("accept", "bind", "connect", "epoll_create", "epoll_ctl", "epoll_wait", "fork", "forkpty",
             "ioctl", "fcntl", "flock", "listen", "poll", "socket", "socketpair", "tcgetattr", "tcsetattr")  # fmt: skip
    for name in [*ERRORS, "read", "write"]:
        if name not in apart:
            _wrap(os, name)
    for name in ("fork", "forkpty"):
        _wrap_fork(name)
    for name in ("ioctl", "fcntl", "flock"):
        _wrap(fcntl, name)
    for name in ("tcgetattr", "tcsetattr"):
        _wrap(termios, name)
    _wrap(builtins, "open")
    os._exit = _ending
    poll, epoll = select.poll, getattr(select, "epoll", None)
    select.poll = lambda: _Poll(poll(), "poll", "")  # type: ignore[assignment, misc, return-value]
    if epoll is not None:
        created: Any = lambda *args: _Poll(shim.call("epoll_create", epoll, args, {}), "epoll_wait", "epoll_ctl")  # noqa: E731
        select.epoll = created  # type: ignore[misc]
    own = _socket_class(socket.socket)
    pair = socket.socketpair

    def socketpair(*args: Any) -> Any:
        ends = shim.call("socketpair", pair, args, {})
        return tuple(own(socket.AF_UNIX, socket.SOCK_STREAM, 0, end.detach()) for end in ends)

    socket.socket = own  # type: ignore[misc]
    socket.socketpair = socketpair  # type: ignore[assignment]


SIGCHLD, SIGWINCH = int(signal.SIGCHLD), int(signal.SIGWINCH)
"""What arrives as `SIGNAL`: in a daemon, in a client."""
