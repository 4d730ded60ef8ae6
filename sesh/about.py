"""What this program is called, and its version."""

from __future__ import annotations

import sys

__version__ = "0.1.0"
PROGRAM = "sesh"
"""The program's name: of the command, and of its launcher on other hosts."""
DISTRIBUTION = "sesh-mux"
"""The name to install it by, and the program's second name: other projects are called `sesh` too."""
CALLED = DISTRIBUTION if sys.argv[:1] and sys.argv[0].rpartition("/")[2] == DISTRIBUTION else PROGRAM
"""What this process was called by, so that the commands in its messages and in its help can be typed as they stand."""
