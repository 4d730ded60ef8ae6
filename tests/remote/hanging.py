"""Ways in which a host hangs: it stops responding, and no error says so."""

from __future__ import annotations

from collections.abc import Callable

from tests.remote.farm import SshHost


def _silent(far: SshHost) -> None:
    far.proxy.silence()


def _no_banner(far: SshHost) -> None:
    far.proxy.silence()
    far.proxy.cut()


def _pending_request(far: SshHost) -> None:
    far.proxy.swallow()
    far.proxy.cut()


def _login_files(far: SshHost) -> None:
    far.write(".bashrc", "exec sleep 3000\n")


def _stopped(far: SshHost) -> None:
    far.write(".local/bin/sesh", "#!/bin/sh\n# starts sesh.__main__\nkill -STOP $$\n", 0o755)


WAYS: dict[str, Callable[[SshHost], None]] = {
    "silent": _silent,
    "no banner": _no_banner,
    "unanswered": _pending_request,
    "login files": _login_files,
    "stopped": _stopped,
}
"""In this order: connections pass nothing; a new connection gets no banner; a new connection is not accepted; the login
does not end; sesh on the host is stopped. The host must be `proxied`, and its shell must be bash."""
