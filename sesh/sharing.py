"""Checks whether others may change a file or be in its directory: groups, access control lists, other namespaces."""

from __future__ import annotations

import grp
import os
import pwd
import stat

from sesh import identity, platform
from sesh.about import THERE
from sesh.errors import Refused


def check_writers(path: str, status: os.stat_result, variable: str) -> None:
    """Raises Refused if a user other than root and the caller may change a directory, a link or a file."""
    elsewhere = f"set {variable} to a directory of yours"
    if status.st_uid not in (0, os.geteuid()) and not _is_unmapped(status.st_uid):
        raise Refused(f"{path} belongs to another user (uid {status.st_uid}), who may change it; {elsewhere}")
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode) or (mode & stat.S_ISVTX and stat.S_ISDIR(status.st_mode)):
        return
    if mode & 0o002 or (mode & 0o020 and (not _is_own_group(status.st_gid) or _has_acl(path))):
        fix = f"run: {THERE}chmod go-w {path}" if status.st_uid == os.geteuid() else elsewhere
        raise Refused(f"{path} is writable by other users (mode {mode:04o}); {fix}")


def _is_unmapped(uid: int) -> bool:
    """Returns whether a uid stands for users that this user namespace does not map, as root in some containers.

    They all have the overflow uid (user_namespaces(7)), a user like others if the namespace maps it. Linux only.
    """
    if not platform.LINUX or identity.content("/proc/sys/kernel/overflowuid").strip() != str(uid).encode():
        return False
    ranges = [[int(number) for number in line.split()] for line in identity.content("/proc/self/uid_map").splitlines()]
    return bool(ranges) and not any(first <= uid < first + count for first, _, count in ranges)


def _has_acl(path: str) -> bool:
    """Returns whether a file has an access control list: the group's bits then are its mask (acl(5)). Linux only."""
    try:
        return platform.LINUX and "system.posix_acl_access" in os.listxattr(path, follow_symlinks=False)
    except OSError:
        return False


def _is_own_group(group: int) -> bool:
    """Returns whether a group bears the caller's name and has no other members.

    Who has it as the group of their account is not asked: a directory server takes seconds to list all accounts.
    """
    try:
        name, own = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(group)
    except KeyError:
        return False
    return own.gr_name == name and {*own.gr_mem} <= {name}


def is_unshared(path: str, mode: int, home: str) -> bool:
    """Returns whether a directory may be closed to others: its content is closed to them already, and they can do
    without.

    They need directories in the root, the home directory, and any with the sticky bit, such as /tmp.
    """
    if mode & stat.S_ISVTX or os.path.dirname(path) == "/" or os.path.realpath(path) == os.path.realpath(home):
        return False
    try:
        with os.scandir(path) as entries:
            inner = [entry.stat(follow_symlinks=False) for entry in entries]
    except OSError:
        return False
    own = [status for status in inner if status.st_uid == os.geteuid()]
    return own == inner and all(stat.S_ISLNK(status.st_mode) or not status.st_mode & 0o077 for status in own)
