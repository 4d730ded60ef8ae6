"""The launcher that pip before 25.2 writes for sesh: it imports `re` before sesh, which takes longer than sesh's start.

A wheel cannot choose its launcher, so the first run exchanges it for what a newer pip writes. That is done only to a
file with exactly the text of an old pip, in the virtual environment of this Python, which belongs to the user.
"""

from __future__ import annotations

import os
import stat
import sys

_LARGEST = 4096
_HEAD = b"# -*- coding: utf-8 -*-\n"
_CALL = b"from sesh.__main__ import start\nif __name__ == '__main__':\n"
_END = b"    sys.exit(start())\n"
_SLOW = (
    _HEAD
    + b"import re\nimport sys\n"
    + _CALL
    + b"    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n"
    + _END
)
_FAST = _HEAD + b"import sys\n" + _CALL + _END


def exchange() -> None:
    """Exchanges the launcher of this process; whatever fails, it stays as it is."""
    path = os.path.realpath(sys.argv[0])
    if sys.prefix == sys.base_prefix or os.path.dirname(path) != os.path.realpath(os.path.dirname(sys.executable)):
        return
    temporary = f"{path}.{os.getpid()}"
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_size > _LARGEST:
            return
        with open(path, "rb") as file:
            text = file.read()
        if text[:2] != b"#!" or not text.endswith(b"\n" + _SLOW):
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o600)
    except OSError:
        return
    try:
        with open(descriptor, "wb") as file:
            file.write(text[: -len(_SLOW)] + _FAST)
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass  # the file system is read-only by now
