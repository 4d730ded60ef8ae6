"""Where ops are carried out: this machine, or a host over a link. An op is asked for by its name, with plain data.

On a host `sesh --bridge` carries out the same function (`bridge`), and its result comes back as data: JSON, with bytes
as `{"$bytes": base64}`. Questions and notes for the person travel back and are asked and shown here.
"""

from __future__ import annotations

import time

from sesh import __version__, protocol, wire
from sesh.errors import SeshError, TimedOut, Unreachable, UsageError, rebuild
from sesh.ops.route import Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sesh.ops.caller import Caller
    from sesh.remote.ssh.destination import Destination
    from sesh.remote.ssh.link import Link

_REQUEST = 1


class Target:
    """This machine."""

    host: str | None = None

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def call(self, op: str, /, **data: Any) -> Any:
        """Carries out an op (`module.function` of sesh.ops); its result. Raises what it raises."""
        return carry_out(self.caller, op, data)

    def stream(self, op: str, /, **data: Any) -> Iterator[Any]:
        """The same for an op that yields its results one by one."""
        yield from carry_out(self.caller, op, data)

    def route(self, name: str) -> Route:
        """The way to the daemon of a session, for verbs that speak with it for a while: a context manager."""
        return Route()

    def sync(self) -> None:
        """Pushes the user's files to a host before something begins there; nothing to do here."""


class HostTarget(Target):
    """Another host. Each call opens a link of its own, over the shared ssh connection.

    `offer`: whether the person may be asked to install sesh there if it is missing.
    """

    def __init__(self, caller: Caller, host: str, *, offer: bool = False) -> None:
        from sesh.ops import links

        super().__init__(caller)
        self.host: str | None = host
        self.destination: Destination = links.destination(caller, host)
        self._offer = offer

    def open(self) -> Link:
        """A link. Raises Unreachable, NotDeployed."""
        from sesh.ops import links

        return links.opened(self.caller, self.destination, offer=self._offer)

    def call(self, op: str, /, **data: Any) -> Any:
        """Has the host carry out an op; its result. Raises what it raises there, Unreachable."""
        try:
            with self.open() as through:
                return request(self.caller, through, op, data)
        except SeshError as error:
            error.host = error.host or self.host
            raise

    def stream(self, op: str, /, **data: Any) -> Iterator[Any]:
        """The same for an op that yields. Raises Unreachable where the link is lost."""
        try:
            with self.open() as through:
                check_version(through)
                through.send(_frames(op, data, asks=False, answers=[]))
                for kind, payload in _heard(through):
                    if kind == protocol.DATA:
                        yield decoded(payload)
                    elif kind == protocol.RESPONSE:
                        _checked(protocol.parse(payload))
                        return
        except SeshError as error:
            error.host = error.host or self.host
            raise

    def route(self, name: str) -> Route:
        """The way to a session there. Raises NotFound."""
        from sesh.ops.remote_route import RemoteRoute

        try:
            through = self.open()
            try:
                through.open_session("connect", name=name, passing=True)
            except BaseException:
                through.close()
                raise
        except SeshError as error:
            error.host = error.host or self.host
            raise
        return RemoteRoute(self.caller, self.destination, name, through)

    def sync(self) -> None:
        """Pushes the user's files there; what fails is noted, and keeps nobody from going on."""
        from sesh.remote.sync import sync

        if sync.wanted():
            try:
                sync.sync(self.destination)
            except Unreachable:
                return  # the link that comes next meets the same, and says it
            except SeshError as error:
                self.caller.note(str(error))


def carry_out(caller: Caller, name: str, data: dict[str, Any]) -> Any:
    """Calls an op of this machine by its name. Raises UsageError for one, or for data, that this sesh does not know."""
    module, _, function = name.partition(".")
    if not (module.isidentifier() and function.isidentifier()):
        raise UsageError("the name of an op is module.function")
    found: Any = None
    try:
        found = getattr(__import__(f"sesh.ops.{module}", fromlist=[function]), function, None)
    except ModuleNotFoundError:
        pass
    if getattr(found, "is_op", False) is not True:
        raise UsageError(f"this is sesh {__version__}, which does not know {name}; run: sesh --upgrade")
    code = found.__code__
    if not set(data) <= set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]):
        raise UsageError(f"this is sesh {__version__}, which knows another {name}; run: sesh --upgrade")
    return found(caller, **data)


def request(caller: Caller, through: Link, name: str, data: dict[str, Any], deadline: float | None = None) -> Any:
    """Has the other end of a link carry out an op, questions to the person answered here; its result.

    `deadline` (monotonic): None for as long as the other side shows signs of life.
    """
    check_version(through)
    answers: list[str] = []
    while True:
        through.send(_frames(name, data, asks=caller.can_ask, answers=answers), deadline)
        result = bytearray()
        for kind, payload in _heard(through, deadline):
            if kind == protocol.DATA:
                result += payload
            elif kind == protocol.RESPONSE:
                answer = _checked(protocol.parse(payload))
                break
        else:
            raise Unreachable(f"the link to @{through.destination.host} is lost")
        show_notes(caller, answer)
        if "question" not in answer:
            return decoded(bytes(result))
        answers.append(answered(caller, answer))


def check_version(through: Link) -> None:
    """Raises Refused where the sesh at the other end is too old to be asked for ops."""
    from sesh.errors import Refused

    if "op" not in (through.remote_info.get("can") or ()):
        word, version = through.destination.host, str(through.remote_info.get("version") or "")[:40]
        raise Refused(f"@{word} has an older sesh ({version!a})", hint=f"install this one there: sesh --deploy @{word}")


def show_notes(caller: Caller, answer: dict[str, Any]) -> None:
    """Shows what the other side noted."""
    for note in answer.get("notes") or []:
        text, again = note
        caller.note(str(text))
        if again:
            caller.remember(str(text))


def answered(caller: Caller, question: dict[str, Any]) -> str:
    """The person's answer to a question of the other side."""
    from sesh.wording import plain

    answers = [(str(letter)[:1], plain(label)) for letter, label in question["answers"]]
    return caller.ask(plain(question["question"]), answers, str(question.get("default"))[:1])


def encoded(result: Any) -> bytes:
    """A result as JSON; bytes in it as `{"$bytes": base64}`."""
    import json

    return json.dumps(result, default=_packed, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> Any:
    """What `encoded` gave."""
    import json

    return json.loads(data, object_hook=_unpacked)


def _packed(value: object) -> dict[str, str]:
    from base64 import b64encode

    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} does not go over a link")
    return {"$bytes": b64encode(value).decode()}


def _unpacked(value: dict[str, Any]) -> Any:
    if value.keys() != {"$bytes"}:
        return value
    from base64 import b64decode

    return b64decode(value["$bytes"])


def _frames(name: str, data: dict[str, Any], *, asks: bool, answers: list[str]) -> bytes:
    return wire.asking("op", _REQUEST, encoded(data), op=name, asks=asks, answers=answers)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise rebuild(answer["error"])
    return answer


def _heard(through: Link, deadline: float | None = None) -> Iterator[tuple[int, bytes]]:
    """The frames that come, for as long as the other side is there. Raises Unreachable where it is not."""
    from sesh.keepalive import Keepalive

    keepalive = Keepalive(enabled=True)
    lost = f"the link to @{through.destination.host} is lost, and with it what it would have answered"
    while True:
        try:
            yield through.receive(keepalive.due if deadline is None else min(deadline, keepalive.due))
            keepalive.heard()
        except TimedOut:
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                raise Unreachable(f"{through.destination.host} does not answer") from None
            if now >= keepalive.due and not keepalive.check(now):
                raise Unreachable(lost) from None
            try:
                through.send(protocol.frame(protocol.PING), now + 1)
            except (TimedOut, Unreachable):
                continue  # what was said before the end is still to come, and then the end
        except Unreachable:
            raise Unreachable(lost) from None
