"""How a session comes into the world: a daemon of its own, and word at once to its creator where that cannot be.

The order is plain data: name, directory (empty for the caller's), command (a list, None for the user's shell),
environment (the creator's), extra (variables that win), columns, rows, width, height (0 where there is no terminal),
labels, keep, job, timeout (seconds, for a job), stdin (whether the job is fed), login, term, colorterm, id (None for
any), persist (whether its daemon keeps checkpoints), before (text that stands above what it prints),
gate (whether the command begins only after Enter).
"""

from __future__ import annotations

import gc
import os
import sys
import time

from sesh import lean, names, paths, protocol, wire
from sesh.errors import InternalError, Refused, SeshError, Unreachable
from sesh.lean import signal, socket
from sesh.store import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.clients.listener import Listener
    from sesh.daemon.session import Session

    Order = dict[str, Any]

_HEAVY = ("typer", "rich", "pydantic", "fabric", "asyncio", "threading")
"""Whoever has loaded one of these is not forked: its memory, or its threads, would live on in the daemon."""
_MANY = 3
"""Sessions, running or not, from which on it is looked whether a nest is worth it."""
_CHANNEL, _TETHER = 3, 4
_ORDER = 10.0
"""Seconds that a fork of the nest waits for its order."""


def start(order: Order) -> wire.Connection:
    """Starts the daemon and its program; the daemon's first connection, on which no HELLO has been said yet.

    Raises Exists, CannotStart (127, 126), Refused (the directory, or that of the sessions), InvalidName.
    """
    from sesh.daemon.spawn.scope import own_scope

    names.check_name(order["name"])
    paths.ready_directory()
    order = {**order, "directory": order.get("directory") or _here(), "umask": _umask()}
    if not os.path.isdir(order["directory"]):
        raise Refused(f"there is no directory {order['directory']}; make it first, or name another")
    scope = own_scope()
    if scope:
        try:
            return _spawned(order, scope)
        except Unreachable:
            pass  # systemd-run does not work for this user: the daemon starts where its creator is
    if os.path.isdir(paths.nest_path()):
        from sesh.daemon.spawn import zygote

        hatched = zygote.knock()
        if hatched is not None:
            return _ordered(hatched, order)
    heavy = any(module in sys.modules for module in _HEAVY)
    connection = _spawned(order, []) if heavy else _forked(order)
    if not (heavy or order.get("job")):
        _provide()
    return connection


def _provide() -> None:
    """Sees to it that the sessions after many have a nest. What goes wrong there is not the matter of this one."""
    try:
        if len(paths.names()) >= _MANY:
            from sesh.daemon.spawn import zygote

            zygote.begin()
    except (OSError, Refused):
        return


def _here() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise Refused("the current directory was removed; go to another one") from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _forked(order: Order) -> wire.Connection:
    """The daemon as a fork of this process: the fastest way, for one that has loaded little."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    child = os.fork()
    if child == 0:
        # What the parent left to be collected may hold descriptors whose numbers are used again below.
        gc.freeze()
        gc.disable()
        _become(theirs.fileno(), order)
    theirs.close()
    _reap(child)
    return _heard(wire.adopt(ours))


def _spawned(order: Order, before: list[str]) -> wire.Connection:
    """The daemon in an interpreter of its own, behind the words `before`; the order goes over the connection."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    os.set_inheritable(theirs.fileno(), True)
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import reborn; reborn({theirs.fileno()})"
    words = [*before, sys.executable, "-I", "-c", code]
    child = os.posix_spawn(words[0], words, os.environ)
    theirs.close()
    try:
        return _ordered(wire.adopt(ours), order)
    finally:
        _reap(child)


def _ordered(connection: wire.Connection, order: Order) -> wire.Connection:
    """Tells a process that is to be the daemon what it is to serve, and waits until it does."""
    try:
        connection.send(wire.asking("birth", 1, lean.to_json(order, ascii_only=True).encode()))
    except Unreachable:
        connection.close()
        raise
    return _heard(connection)


def spawn_apart(words: list[str], kept: int) -> None:
    """Starts a program in a session of its own, not as a child; of all descriptors it gets `kept`, as number 3."""
    child = os.fork()
    if child:
        _reap(child)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            _detach(kept)
            os.set_inheritable(_CHANNEL, True)
            os.execve(words[0], words, os.environ)
    finally:
        os._exit(1)


def _reap(child: int) -> None:
    """Waits for the process between this one and the daemon."""
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        pass  # this process was started with SIGCHLD ignored, and the kernel has reaped it


def _heard(connection: wire.Connection) -> wire.Connection:
    """Waits for the daemon's word that it serves. Raises the error that kept it from it."""
    try:
        connection.answer(0)
    except SeshError:
        connection.close()
        raise
    return connection


def reborn(channel: int) -> None:
    """The daemon's side of `_spawned`: reads the order, then goes on as a fork would."""
    _become(channel, _told(wire.Connection(channel, channel), None))


def hatch(channel: int, tether: int) -> None:
    """The same in a fork of the nest, which knows by `tether` how long the daemon lives; never returns."""
    try:
        _depart()
        connection = wire.Connection(channel, channel)
        connection.send(protocol.frame(protocol.PONG, b""))
        order = _told(connection, time.monotonic() + _ORDER)
        folder = paths.directory()
        # A plain dict: nothing here asks the C library for variables, and to tell it of each costs a page for each.
        os.environ = {**order["environment"], "SESH_DIR": folder}  # type: ignore[assignment]  # noqa: B003
    except BaseException:
        os._exit(1)  # the creator went another way
    _live(channel, order, tether)


def _told(connection: wire.Connection, deadline: float | None) -> Order:
    """The order that comes over a connection. Raises what `Connection.receive` raises."""
    carried = bytearray()
    while True:
        kind, payload = connection.receive(deadline)
        if kind == protocol.DATA:
            carried += payload
        elif kind == protocol.REQUEST:
            order: Order = lean.parse_json(carried.decode())
            return order


def _become(channel: int, order: Order) -> None:
    """Leaves the caller's session and terminal, then serves; never returns."""
    try:
        _depart()
    except BaseException:
        os._exit(1)
    _live(channel, order)


def _depart() -> None:
    """Goes on in a process that no terminal can reach, and nobody waits for."""
    os.setsid()
    if os.fork():
        os._exit(0)


def _live(channel: int, order: Order, tether: int = -1) -> None:
    """The daemon's whole life; never returns."""
    try:
        _detach(channel, tether)
        calm()
        first = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, _CHANNEL)
        try:
            session, agent, listener = _begun(order)
        except SeshError as error:
            _failed(first, error)
            os._exit(1)
        try:
            first.sendall(protocol.message(protocol.RESPONSE, {"id": 0, "ok": True, "session": order["name"]}))
        except OSError:
            pass  # the creator has died; its session lives
        _serve(session, agent, listener, first)
    except BaseException as error:
        if os.environ.get("SESH_DEBUG"):
            import traceback

            with open(os.path.join(paths.directory(), f".crash.{os.getpid()}"), "w", encoding="utf-8") as file:
                traceback.print_exception(type(error), error, error.__traceback__, file=file)
        os._exit(1)
    os._exit(0)


def _detach(channel: int, tether: int = -1) -> None:
    """Keeps of the caller's descriptors the channel, as number 3, and a tether, as 4, and none of its directories."""
    os.environ["SESH_DIR"] = paths.directory()  # a relative one means nothing from / on
    os.chdir("/")
    if tether >= 0:
        import fcntl

        tether = fcntl.fcntl(tether, fcntl.F_DUPFD_CLOEXEC, _TETHER + 1)  # out of the channel's way
    if channel != _CHANNEL:  # it may be 0, 1 or 2, where the caller has none of these
        os.dup2(channel, _CHANNEL)
    os.set_inheritable(_CHANNEL, False)
    if tether >= 0:
        os.dup2(tether, _TETHER, inheritable=False)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        if nothing != descriptor:
            os.dup2(nothing, descriptor)
    os.closerange(_TETHER + (tether >= 0), _most_descriptors())


def calm() -> None:
    """Takes nothing over from the caller that would keep a signal, or a file's mode, from being what it should."""
    os.umask(0o077)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would throw the program's wait status away
    signal.pthread_sigmask(signal.SIG_SETMASK, (signal.SIGTERM, signal.SIGUSR1))  # until the server hears them


def _most_descriptors() -> int:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(1 << 20, max(soft, hard)) if hard != resource.RLIM_INFINITY else 1 << 20


def _failed(first: socket.socket, error: SeshError) -> None:
    first.sendall(protocol.message(protocol.RESPONSE, {"id": 0, "error": error.facts()}))


def _begun(order: Order) -> tuple[Session, str, Listener]:
    """A session whose program runs and whose socket accepts, and its agent link. Raises what kept it from that."""
    from sesh.daemon.clients.listener import Listener

    listener = None
    try:
        listener = Listener.claim(order["name"])
        session, agent = _session(order)
        session.write_record()
    except BaseException as error:
        if listener is not None:
            listener.release()
        if isinstance(error, SeshError):
            raise
        kind = Refused if isinstance(error, OSError) else InternalError
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise kind(f"the session cannot be set up: {why}") from error
    return session, agent, listener


def _serve(session: Session, agent: str, listener: Listener, first: socket.socket) -> None:
    """Serves the session to its end. What that needs is loaded now: its creator need not wait for it."""
    try:
        from sesh.daemon.server import Server

        server = Server(session, listener, first, agent)
    except BaseException:
        listener.release()
        raise
    gc.freeze()  # what is there now stays
    gc.enable()
    server.run()


def _session(order: Order) -> tuple[Session, str]:
    """The session with its program started, and the path of its agent link."""
    from sesh.daemon.clients.client import clamp_size
    from sesh.daemon.pty.pty import Pty, cannot_start
    from sesh.daemon.pty.pump import point
    from sesh.daemon.session import Session
    from sesh.daemon.spawn.environment import behind_enter, environment, find_program, shell, shell_words

    creator = order["environment"]
    number = str(order.get("id") or os.urandom(8).hex())
    agent = records.agent_path(number)
    login = bool(order.get("login"))
    size = clamp_size(order.get("columns"), order.get("rows"), order.get("width"), order.get("height"))
    variables = environment(
        creator,
        session=order["name"],
        login=login,
        terminal=order.get("term"),
        colour=order.get("colorterm"),
        auth_sock=agent,
        extra=order.get("extra") or {},
    )
    if creator.get("SESH_DIR"):
        variables["SESH_DIR"] = paths.directory()
    variables["PWD"] = order["directory"]
    variables["SESH_ENV_FILE"] = records.environment_path(number)
    words = order.get("command")
    if words:
        program, wrong = find_program(words[0], variables.get("PATH", os.defpath), order["directory"])
        if program is None:
            raise cannot_start(words[0], "" if wrong == 127 else words[0], 2 if wrong == 127 else 13)
        argv = list(words)
        if order.get("gate"):
            program, argv = behind_enter(program, argv)
    else:
        program = shell(creator)
        argv = shell_words(program, login=login)
        words = [program]
    created = time.time()
    inbound, outbound = os.pipe() if order.get("stdin") else (-1, -1)
    try:
        pty = Pty.spawn(program, argv, order["directory"], variables, size, order["umask"], inbound)
    finally:
        if inbound >= 0:
            os.close(inbound)
    facts = {
        "name": order["name"],
        "id": number,
        "created": created,
        "directory": order["directory"],
        "command": list(words),
        "labels": dict(order.get("labels") or {}),
        "keep": bool(order.get("keep")),
        "job": bool(order.get("job")),
        "shell": not order.get("command"),
        "persist": order.get("persist") is True,
        "deadline": created + float(order["timeout"]) if order.get("timeout") is not None else None,
        "pid": pty.pid,
    }
    if creator.get("SSH_AUTH_SOCK"):
        point(agent, creator["SSH_AUTH_SOCK"])
    session = Session(facts, size, pty)
    if order.get("before"):
        session.log.append(order["before"].encode("utf-8", "replace"))
    if outbound >= 0:
        from sesh.daemon.pty.input import StdinPipe

        session.stdin = StdinPipe(outbound)
    return session, agent
