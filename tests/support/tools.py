"""Programs of the machine that tests drive: zsh, vim, sshd and others."""

from __future__ import annotations

import os
import shutil

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""The checkout."""

says_who_reads = pytest.mark.skipif(not os.path.exists("/proc/self/syscall"), reason="this kernel does not say it")

# Servers lie outside of an ordinary user's PATH.
_SYSTEM = "/usr/sbin:/sbin:/usr/local/sbin"


def find(tool: str) -> str | None:
    """Return the path of a program, or None."""
    return shutil.which(tool) or shutil.which(tool, path=_SYSTEM)


def need(tool: str) -> str:
    """Return the path of a program; without it, skip the test or fail in CI."""
    path = find(tool)
    if path is None:
        message = f"{tool} is not installed"
        if os.environ.get("CI"):
            pytest.fail(f"{message}, and CI skips nothing (tests/packages.sh installs it)", pytrace=False)
        pytest.skip(message)
    return path
