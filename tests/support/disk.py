"""A file system of a few pages, which a test fills and frees."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.tools import need

_SIZE = 512 << 10


class SmallDisk:
    """A tmpfs on `folder`, whose own files are out of sight meanwhile."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._filler = os.path.join(folder, ".filler")

    def fill(self) -> None:
        """Leave no byte free."""
        with open(self._filler, "ab", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while file.write(bytes(size)):
                        continue
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        os.unlink(self._filler)

    def protect(self) -> None:
        """Let nothing be written any more."""
        subprocess.run([need("mount"), "-o", "remount,ro", self._folder], check=True)


class Disks:
    """Mounts small disks; see the fixture `disks`."""

    def __init__(self) -> None:
        self._folders: list[str] = []

    def __call__(self, folder: str) -> SmallDisk:
        """Mount a small disk on a folder."""
        if os.geteuid() != 0:
            pytest.skip("mounting takes root")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        words = ["-t", "tmpfs", "-o", f"size={_SIZE},mode=700", "none", folder]
        done = subprocess.run([need("mount"), *words], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        self._folders.append(folder)
        return SmallDisk(folder)

    def close(self) -> None:
        """Unmount all, and remove the folders, which the end of their home has left."""
        for folder in reversed(self._folders):
            subprocess.run([need("umount"), "-l", folder], check=True)
            os.removedirs(folder)


@contextmanager
def opened() -> Iterator[Disks]:
    """Yield what mounts small disks, and unmount them."""
    own = Disks()
    try:
        yield own
    finally:
        own.close()
