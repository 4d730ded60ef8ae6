"""sesh of which a part is replaced, to wait for less or longer, or to stop at a step: here, and on a host."""

from __future__ import annotations

from tests.remote.farm import Far
from tests.support import Home, warm


def patched(launcher: str, code: str) -> str:
    """The text of a launcher that runs `code` before sesh begins, and before the daemons that it starts."""
    before, begins, rest = launcher.partition(warm.BEGINS)
    assert begins, launcher
    return f"{before}{code}\n{warm.in_daemons(code)}\n{begins}{rest}"


def command(home: Home, code: str) -> list[str]:
    """The words that start sesh here, with `code` run before it begins; `import sys` stands above it."""
    with open(home.command[-1], encoding="utf-8") as file:
        return [*home.command[:-1], home.write("bin/patched-sesh", patched(file.read(), code), 0o755)]


def patch(home: Home, code: str) -> None:
    """From now on the test starts sesh so."""
    home.command = command(home, code)


def patch_host(far: Far, code: str) -> None:
    """From now on the sesh on the host is one that runs `code` before it begins."""
    far.write(".local/bin/sesh", patched(far.read(".local/bin/sesh"), code), 0o755)
