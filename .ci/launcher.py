"""Replaces pip's launcher of `sesh` with one that starts faster; run it with the Python of the environment.

The interpreter ignores PYTHON* variables and the user's site-packages (-I), and does not load `site` (-S): the launcher
knows where the environment keeps its packages. If the path is too long for a `#!` line, or contains a blank, pip's
launcher stays.
"""

import os
import sys
import sysconfig

LONGEST = 127  # Linux before 5.1 truncates the line

program = os.path.join(os.path.dirname(sys.executable), "sesh")
first = f"#!{sys.executable} -IS"
if len(os.fsencode(first)) <= LONGEST and not set(" \t") & set(sys.executable):
    packages = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    text = f"""{first}
import sys

sys.path += {list(packages)!r}
from sesh.__main__ import start

start()
"""
    temporary = f"{program}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(temporary, 0o755)  # noqa: S103 (a program for all who can read the directory)
    os.replace(temporary, program)
