"""What a session that is to be created shall be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHELL = ("sh", "-c")


@dataclass(frozen=True)
class Order:
    """`command`: None for the user's shell. `env`, `labels`: `K=V` each. `timeout` (seconds), `keep`: of a job."""

    command: list[str] | None = None
    directory: str | None = None
    env: Sequence[str] = ()
    labels: Sequence[str] = ()
    timeout: float | None = None
    keep: bool = False


def program(command: str | Sequence[str]) -> list[str]:
    """The words that a program is started with: a text is a line for the shell `sh`, a list is taken as it is."""
    return [*SHELL, command] if isinstance(command, str) else list(command)


def source(command: str | Sequence[str]) -> list[str]:
    """The words of a command for a live shell: a text is that shell's own source, a list is quoted for it."""
    return [command] if isinstance(command, str) else list(command)


def pairs(values: Mapping[str, str] | None) -> list[str]:
    """Variables or labels as `K=V`."""
    return [f"{key}={value}" for key, value in (values or {}).items()]
