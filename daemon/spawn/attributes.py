"""The attributes of a creator that a fork of the zygote gives itself, and with it its session."""

from __future__ import annotations

from contextlib import suppress

from sesh.schema.facts import Inherited
from sesh.system import kernel_calls
from sesh.system.kernel_calls import Keyring


def take_on(attributes: Inherited, creator: int) -> None:
    """Take on the attributes of the creator, whose pid this is."""
    with suppress(OSError):
        if (priority := kernel_calls.io_priority(creator)) != kernel_calls.io_priority():
            kernel_calls.set_io_priority(priority)
    with suppress(OSError, ValueError):
        if policy := attributes.get("memory_policy"):
            kernel_calls.set_memory_policy(policy)
    join_own_keyring(attributes.get("keyring", ""), attributes.get("keyring_id", 0))


def join_own_keyring(name: str = "", number: int = 0) -> None:
    """Join a session keyring that leads to the user's, and that ends with no login.

    `name`, `number`: of the creator's session keyring, if somebody has named it. Who has it may search it, but need not
    allow others to join it: then a new one of that name leads to it.
    """
    with suppress(OSError):
        joined = kernel_calls.join_keyring(name)
        if number and joined != number:
            kernel_calls.link_key(number, Keyring.SESSION)
        if not number:
            kernel_calls.link_key(Keyring.USER, Keyring.SESSION)
