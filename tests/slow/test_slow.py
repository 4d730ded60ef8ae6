import pytest
from tests.slow.cells import CELLS, SHORT, run, Cell
@pytest.mark.parametrize("cell", [pytest.param(c, id=c.name) for c in CELLS.values()])
def test_each_line_comes_once(cell, home, beside, xterm):
    import time
    t=time.time()
    o = run(cell, home, beside, xterm)
    print("OUT", cell.name, o.verdict, o.echo, time.time()-t)
    assert o.holds, o
