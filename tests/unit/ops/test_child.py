"""Work that a forked child does."""

from __future__ import annotations

import os

from sesh import writing
from sesh.ops import child


def test_nobody_who_reads_is_an_error_of_the_work_and_not_its_end() -> None:
    """A daemon that ended while an op of a bridge asked it ended the op too, by SIGPIPE, and no answer came."""

    def work() -> int:
        inbound, outbound = os.pipe()
        os.close(inbound)
        try:
            writing.write_all(outbound, b"asked")
        except BrokenPipeError:
            return 7
        return 0

    _, status = os.waitpid(child.fork(work), 0)
    assert child.code(status) == 7
