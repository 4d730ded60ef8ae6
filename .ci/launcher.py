"""Run by an environment's own Python: writes its `sesh`, which starts at once what pip's own script starts later.

The interpreter looks at no variable and no directory of the user's (-I) and does not search for what it is told right
here: where the environment keeps its packages (-S). Where the path is too long for a `#!` line, or has a blank in it,
pip's script stays.
"""

import os
import sys
import sysconfig

LONGEST = 127  # Linux before 5.1 cuts the line there

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
    os.chmod(temporary, 0o755)  # noqa: S103 (a program, for whoever may read its home)
    os.replace(temporary, program)
