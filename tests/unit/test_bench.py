"""What a run of the benchmark is told as: six lines, a chart, a table, and what became slower; from made-up rows."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from xml.etree import ElementTree

import pytest

from bench import __main__ as bench
from bench import before, document, verb_starts
from bench.chart import WIDTH, chart
from bench.control_group import ControlGroup
from bench.field import Field
from bench.figures import ECHO, LINES, MANY, MEMORY, OUTPUT, REST, STARTS, Row, Run, in_turns
from bench.summary import headlines, six_lines
from bench.tables import Figure, as_json, as_table, read
from bench.window import Late, processor_time
from sesh.cli.verbs import VERBS
from tests.house.source import read as page

Values = Mapping[str, float]
SVG = "{http://www.w3.org/2000/svg}"


def row(name: str, values: Values, **more: object) -> Row:
    """A row with one sample of each; its unit stands behind the comma."""
    title, _, unit = name.rpartition(", ")
    made = Row(title, title, unit, unit == "MB/s", **{"line": STARTS, "short": title, **more})  # type: ignore[arg-type]
    for contender, value in values.items():
        made.add(contender, value)
    return made


def line(rows: list[Row], subject: str) -> str:
    return six_lines(rows)[LINES.index(subject)]


def run(rows: list[Row]) -> Run:
    return Run({"cpu": "one", "memory": ""}, {"sesh": "sesh 1", "tmux": "tmux 2"}, [], rows, seconds=1200)


# -- who is ahead


def test_times_above_one_are_ahead_whatever_is_better() -> None:
    faster, quicker = row("speed, MB/s", {"sesh": 20, "tmux": 10}), row("time, ms", {"sesh": 5, "tmux": 10})
    for each in (faster, quicker):
        standing = each.beside("tmux")
        assert standing is not None
        assert (standing.times, standing.ahead, standing.behind) == (2, True, False)
    assert faster.beside("screen") is None


def test_the_best_peer_is_the_one_that_sesh_is_furthest_behind() -> None:
    for name, values in (("time, ms", {"tmux": 4, "dtach": 1, "screen": 2}), ("speed, MB/s", {"tmux": 1, "dtach": 4})):
        best = row(name, {"sesh": 2, **values, "bare": 0.1, "plain": 99}).beside_best()
        assert best is not None
        assert (best.other, best.times) == ("dtach", 0.5)


@pytest.mark.parametrize(("ours", "theirs", "times"), [(0, 0, 1), (0, 7, math.inf), (3, 0, 0), (-0.2, 0, 1)])
def test_nothing_at_all_is_a_figure(ours: float, theirs: float, times: float) -> None:
    standing = row("wakeups, ", {"sesh": ours, "tmux": theirs}).beside("tmux")
    assert standing is not None
    assert standing.times == times
    assert standing.factor in (1, math.inf)


def test_few_samples_have_a_spread_too() -> None:
    made = Row("a", "a", "ms")
    for value in (8.0, 10.0, 12.0):
        made.add("sesh", value)
    assert made.spread("sesh") == pytest.approx(0.2)
    made.add("tmux", 5)
    assert made.spread("tmux") == 0


# -- six lines


def test_there_are_six_lines_also_of_nothing() -> None:
    assert [each[:1] for each in six_lines([])] == list("123456")
    assert all(each.endswith("Not measured.") for each in six_lines([]))


def test_a_headline_gives_the_best_and_the_worst_figure_and_counts_the_goals_that_are_missed() -> None:
    rows = [
        row("bursts, MB/s", {"sesh": 60, "tmux": 20, "dtach": 50}, line=OUTPUT),
        row("plain, MB/s", {"sesh": 49, "dtach": 50}, line=OUTPUT),
        row("sustained, MB/s", {"sesh": 10, "tmux": 5, "dtach": 50}, line=OUTPUT, said="20", goal=lambda _: 20.0),
        row("memory, MiB", {"sesh": 79, "tmux": 20}, line=MEMORY),
    ]
    rows[2].higher = True
    told = headlines(rows)
    assert told[LINES.index(OUTPUT)].endswith(
        "Best: bursts 60 MB/s, 1.2 x ahead of dtach. Worst: sustained 10 MB/s, 5.0 x behind dtach. Goals missed: 1."
    )
    assert told[LINES.index(MEMORY)].endswith("** Worst: memory 79 MiB, 3.9 x behind tmux. Goals missed: 0.")
    assert told[LINES.index(STARTS)].endswith("Not measured.")
    assert all(len(line) < 200 for line in told)


def test_a_loss_says_to_whom_and_by_how_much() -> None:
    told = line([row("attach, ms", {"sesh": 14, "tmux": 2, "dtach": 1})], STARTS)
    assert told == "1. **Starts.** Lost: attach 14 ms, 14 x behind dtach."


def test_a_win_and_what_is_even_are_told_apart_from_losses() -> None:
    rows = [
        row("bursts, MB/s", {"sesh": 60, "tmux": 20, "dtach": 50}, line=OUTPUT),
        row("plain, MB/s", {"sesh": 49, "dtach": 50}, line=OUTPUT),
        row("sustained, MB/s", {"sesh": 10, "tmux": 5, "dtach": 50}, line=OUTPUT),
    ]
    told = line(rows, OUTPUT)
    assert "Won: bursts 60 MB/s, 1.2 x ahead of dtach." in told
    assert "Even: plain 49 MB/s with dtach." in told
    assert "Lost: sustained 10 MB/s, 5.0 x behind dtach (2.0 x ahead of tmux)." in told


def test_rows_of_one_name_are_told_as_a_range_with_their_number() -> None:
    rows = [
        row(f"{kind}, MB/s", {"sesh": ours, "tmux": 10}, line=OUTPUT, short="bursts")
        for kind, ours in (("plain", 20.0), ("colour", 30.0), ("full-screen", 5.0))
    ]
    told = line(rows, OUTPUT)
    assert "Won: bursts (2 of 3) 2.0 to 3.0 x ahead of tmux." in told
    assert "Lost: bursts (1 of 3) 2.0 x behind tmux." in told


def test_goals_that_are_missed_are_named_and_those_that_are_met_are_not() -> None:
    rows = [
        row("all, MiB", {"sesh": 79, "tmux": 90}, line=MEMORY, said="55 MiB", goal=lambda _: 55.0),
        row("long, MiB", {"sesh": 79, "tmux": 90}, line=MEMORY, said="tmux", goal=lambda m: m["tmux"]),
    ]
    assert line(rows, MEMORY).endswith("Goals missed: all (goal 55 MiB).")
    assert line(rows[1:], MEMORY).endswith("All goals are met.")


def test_the_interpreter_and_a_relay_are_no_peers() -> None:
    rows = [
        row("--send, ms", {"sesh": 15, "bare": 10}, said="1.6 x bare", goal=lambda m: 1.6 * m["bare"]),
        row("echo, ms", {"sesh": 3, "relay": 2, "dtach": 1}, line=ECHO, said="1.15 x relay"),
    ]
    assert line(rows, STARTS) == "1. **Starts.** Times bare Python: 1.5 (--send). All goals are met."
    assert "Times a bare relay: 1.5 (echo)." in line(rows, ECHO)
    rows += [row("--new, ms", {"sesh": 22, "bare": 10}, said="1.6 x bare", goal=lambda m: 1.6 * m["bare"])]
    assert "Times bare Python: 1.5 (--send) to 2.2 (--new)." in line(rows, STARTS)


def test_nothing_at_all_is_told_as_it_is() -> None:
    assert "Won: wakeups 0, 0 to 7 ahead of tmux." in line([row("wakeups, ", {"sesh": 0, "tmux": 7}, line=REST)], REST)
    assert "Lost: wakeups 7, 7 to 0 behind tmux." in line([row("wakeups, ", {"sesh": 7, "tmux": 0}, line=REST)], REST)


def test_rows_without_a_short_name_stand_in_the_table_alone() -> None:
    rows = [row("a, ms", {"sesh": 2, "tmux": 1}, line=MANY, short="", said="1 ms", goal=lambda _: 1.0)]
    assert line(rows, MANY).endswith("Not measured.")


# -- the chart


def bars(rows: list[Row]) -> list[tuple[str, float, float]]:
    """Class, left end and width of each bar."""
    tree = ElementTree.fromstring(chart(rows))  # noqa: S314 (our own)
    found = [each.attrib for each in tree.iter(f"{SVG}rect")]
    return [(each["class"], float(each["x"]), float(each["width"])) for each in found if each["class"] != "ground"]


def test_a_loss_is_as_long_as_a_win_by_the_same_factor() -> None:
    rows = [row(f"{n}, ms", {"sesh": ours, "tmux": 10}, charted=True) for n, ours in enumerate((30.0, 10 / 3, 10.0))]
    (worse, left, lost), (better, middle, won), (even, _, _) = bars(rows)
    assert (worse, better, even) == ("behind", "ahead", "even")
    assert lost == pytest.approx(won, abs=0.2)
    assert left + lost == pytest.approx(middle, abs=0.2)


def test_the_chart_says_each_figure_and_stays_within_its_width() -> None:
    rows = [
        row("a <b> & c, ms", {"sesh": 1, "tmux": 100, "dtach": 0.001}, charted=True),
        row("nothing, ", {"sesh": 0, "tmux": 7}, charted=True),
        row("left out, ms", {"sesh": 1, "tmux": 2}),
    ]
    drawn = chart(rows)
    assert all(x >= 0 and x + wide <= WIDTH for _, x, wide in bars(rows))
    tree = ElementTree.fromstring(drawn)  # noqa: S314 (our own)
    texts = ["".join(each.itertext()) for each in tree.iter(f"{SVG}text")]
    assert {"a <b> & c", "1000 x slower than dtach", "nothing"} <= set(texts)
    assert "left out" not in texts
    assert "prefers-color-scheme: dark" in drawn
    assert not re.search(r"(?:href|src)=|url\(", drawn)


def test_the_letters_of_the_chart_are_legible_on_a_phone() -> None:
    sizes = [int(size) for size in re.findall(r"font-size: (\d+)px", chart([]))]
    assert min(sizes) * 360 / WIDTH >= 10


# -- the table and the document


def test_the_table_of_a_document_is_read_as_it_was_written() -> None:
    made = row("attach, ms", {"tmux": 2.34, "bare": 8})
    for value in (10.0, 11.0, 12.0, 13.0):
        made.add("sesh", value)
    rows = [made, row("wakeups, ", {"sesh": 0})]
    past = read("# Words\n\n| a | b |\n| --- | --- |\n| x | 1 |\n\n" + as_table(rows, markdown=True))
    assert past["attach, ms"] == {"tmux": Figure(2.34, 0), "bare": Figure(8, 0), "sesh": Figure(11.5, 0.11)}
    assert past["wakeups"] == {"sesh": Figure(0, 0)}
    assert set(past) == {"attach, ms", "wakeups"}


def test_the_table_says_better_and_worse() -> None:
    rows = [row("a, ms", {"sesh": 3, "tmux": 1}), row("b, MB/s", {"sesh": 3, "tmux": 1}), row("c, ms", {"sesh": 1})]
    lines = as_table(rows).splitlines()
    assert ["3.0 x worse than tmux" in lines[1], "3.0 x better than tmux" in lines[2]] == [True, True]


def test_a_document_keeps_its_text_and_gets_lines_chart_and_table(tmp_path: Path) -> None:
    page, tables = tmp_path / "page.md", tmp_path / "page-TABLES.md"
    page.write_text(f"# Top\n\n{document.BEGIN}old\n{document.END}\nText.\n")
    tables.write_text(f"# Tables\n\n{document.TABLE}old\n")
    made = run([row("attach, ms", {"sesh": 3, "tmux": 1}, charted=True)])
    for _ in range(2):
        document.write(str(page), made)
    text = page.read_text()
    assert text.count("Text.") == text.count("# Top") == text.count("speed.svg") == 1
    assert "old" not in text
    assert text.index("1. **Starts.**") < text.index("Text.")
    text = tables.read_text()
    assert "old" not in text
    assert text.index("# Tables") < text.index("cpu one; one run of 20 min. sesh 1, tmux 2.") < text.index("| attach,")
    assert (tmp_path / "speed.svg").read_text() == chart(made.rows)


def test_a_document_without_marks_stays_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Top\n\nText.\n\nold\n")
    (tmp_path / "page-TABLES.md").write_text(document.TABLE)
    with pytest.raises(ValueError, match="needs the lines"):
        document.write(str(page), run([]))
    assert page.read_text().endswith("old\n")


def test_what_a_run_has_not_measured_is_said() -> None:
    made = run([])
    made.missing, made.left_out = ["screen"], ["growth", "predict"]
    assert made.conditions.endswith("tmux 2. Not installed: screen. Left out, as time was up: growth, predict.")


def test_json_has_what_the_run_was_and_every_sample() -> None:
    found = json.loads(as_json(run([row("wakeups, ", {"sesh": 0, "tmux": 7})])))
    assert found["seconds"] == 1200
    (only,) = found["rows"]
    assert (only["samples"], only["best_peer"]) == ({"sesh": [0], "tmux": [7]}, "tmux")


def test_the_page_has_what_a_run_writes_and_what_the_next_is_compared_with() -> None:
    text, tables = page("docs/BENCHMARKS.md"), page(document.tables_beside("docs/BENCHMARKS.md"))
    assert [text.count(document.BEGIN), text.count(document.END), tables.count(document.TABLE)] == [1, 1, 1]
    told = text.partition(document.BEGIN)[2].partition(document.END)[0]
    assert re.findall(r"^\d\. \*\*([^*]+)\.\*\*", told, re.MULTILINE) == list(LINES)
    assert len([values for values in read(tables).values() if "sesh" in values]) > 20


# -- the parts


def test_the_quick_run_leaves_out_parts_that_there_are() -> None:
    assert set(bench.THOROUGH) < set(bench.PARTS)
    assert bench.QUICK < bench.QUICK_BROKEN_OFF < 60 < bench.MOST < bench.BROKEN_OFF < 40 * 60


def test_the_verbs_that_are_measured_are_verbs() -> None:
    known = {verb.name for verb in VERBS} | {"--hook", "--complete"}  # programs type these
    assert {verb.words.split()[0] for verb in verb_starts.VERBS if verb.key != verb_starts.ATTACH} <= known
    keys = [verb.key for verb in verb_starts.VERBS]
    assert len(keys) == len(set(keys))


def test_a_part_that_takes_too_long_is_broken_off_and_costs_no_other_its_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figures = [row("a, ms", {"sesh": 1})]

    def fails(_: object) -> list[Row]:
        raise OSError("it cannot")

    def waits(_: object) -> list[Row]:
        with contextlib.suppress(Exception):
            select.select([], [], [], 60)
        return figures

    parts = {"one": lambda _: figures, "bad": fails, "long": waits, "late": lambda _: figures}
    monkeypatch.setattr(bench, "PARTS", parts)
    made = run([])
    now = time.monotonic()
    bench.take(made, cast(Field, SimpleNamespace(log=lambda _: None)), parts, now + 0.1, now + 0.2)
    assert made.rows == figures
    assert (made.left_out, list(made.failed)) == (["long", "late"], ["bad"])


_LEAVING = ["sh", "-c", "(i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done) & exit"]


def test_what_ends_as_the_child_of_nobody_is_counted_too() -> None:
    with ControlGroup() as group:
        if not group:
            pytest.skip("this user may make no control group")
        with group.inside():
            subprocess.run(_LEAVING, check=True)
        first = group.seconds()
        assert group.rest() >= first > 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells it")
def test_the_processor_time_of_another_process_is_told_by_its_clock() -> None:
    before = processor_time(os.getpid())
    deadline = time.process_time() + 0.02
    while time.process_time() < deadline:
        pass
    assert before + 0.02 <= processor_time(os.getpid()) <= time.process_time()
    child = subprocess.Popen(["true"])
    child.wait()
    assert processor_time(child.pid) == 0


def test_what_fails_in_turns_is_left_out_and_the_first_turn_does_not_count() -> None:
    times, start = Row("times", "times", "ms"), Row("other", "other", "ms")
    counted = itertools.count(1)

    def fails() -> tuple[float]:
        raise Late("it did not come")

    logged: list[str] = []
    in_turns(
        {(times,): {"sesh": lambda: (float(next(counted)),)}, (start,): {"sesh": fails}}, 3, logged.append, lambda: 7
    )
    assert times.samples == {"sesh": [2, 3, 4], "bare": [7, 7, 7]}
    assert start.samples == {"bare": [7, 7, 7]}
    assert len(logged) == 1


# -- what became slower


def changed(name: str, then: Values, now: Values, spread: float = 0.02) -> before.Change | None:
    past = {name: {each: Figure(value, spread) for each, value in then.items()}}
    return next(iter(before.compared([row(name, now)], past)), None)


def test_a_figure_is_slower_by_its_multiple_of_what_ran_beside_it() -> None:
    change = changed("attach, ms", {"sesh": 14, "bare": 10}, {"sesh": 21, "bare": 10})
    assert change is not None
    assert change.slower
    assert before.report([change], "page.md").splitlines() == [
        "slower: attach, ms: 21, was 14; 1.50 times worse beside bare, noise 6%",
        "compared with page.md: 1 figures, 1 slower and 0 faster beyond noise",
    ]


def test_a_slower_machine_makes_nothing_slower() -> None:
    for name, then, now in (
        ("attach, ms", {"sesh": 14, "bare": 10}, {"sesh": 28, "bare": 20}),
        ("burst, MB/s", {"sesh": 60, "dtach": 50}, {"sesh": 30, "dtach": 25}),
    ):
        change = changed(name, then, now)
        assert change is not None
        assert (change.ratio, change.slower, change.faster) == (1, False, False)


def test_speed_is_slower_where_it_is_less() -> None:
    change = changed("burst, MB/s", {"sesh": 60, "dtach": 50}, {"sesh": 30, "dtach": 50})
    assert change is not None
    assert change.slower
    change = changed("burst, MB/s", {"sesh": 30, "dtach": 50}, {"sesh": 60, "dtach": 50})
    assert change is not None
    assert change.faster


def test_what_spreads_as_much_is_no_change() -> None:
    change = changed("attach, ms", {"sesh": 10, "bare": 10}, {"sesh": 13, "bare": 10}, spread=0.2)
    assert change is not None
    assert not change.slower


def test_the_steadiest_peer_decides_where_no_python_runs_beside() -> None:
    now = {"sesh": 1, "plain": 0.1, "dtach": 1}
    past = {"echo, ms": {"sesh": Figure(1, 0), "plain": Figure(1, 0.5), "dtach": Figure(1, 0.01)}}
    (change,) = before.compared([row("echo, ms", now)], past)
    assert (change.yardstick, change.slower) == ("dtach", False)
    past["echo, ms"]["relay"] = Figure(1, 0.3)
    (change,) = before.compared([row("echo, ms", {**now, "relay": 0.1})], past)
    assert change.yardstick == "relay"


def test_without_a_yardstick_time_goes_by_the_start_of_the_interpreter_and_memory_by_itself() -> None:
    past = {
        "attach, ms": {"sesh": Figure(14, 0), "bare": Figure(10, 0)},
        "emulator, MB/s": {"sesh": Figure(30, 0)},
        "memory, MiB": {"sesh": Figure(30, 0)},
    }
    rows = [
        row("attach, ms", {"sesh": 28, "bare": 20}),
        row("emulator, MB/s", {"sesh": 15}),
        row("memory, MiB", {"sesh": 60}),
    ]
    found = {change.row.title: change.ratio for change in before.compared(rows, past)}
    assert found == {"attach": 1, "emulator": 1, "memory": 2}


def test_a_peer_of_another_version_is_no_yardstick() -> None:
    past = {"echo, ms": {"sesh": Figure(1, 0), "dtach": Figure(1, 0), "tmux": Figure(1, 0)}}
    rows = [row("echo, ms", {"sesh": 2, "dtach": 2, "tmux": 1})]
    assert [change.yardstick for change in before.compared(rows, past, ["dtach"])] == ["tmux"]
    assert before.compared(rows, past, ["dtach", "tmux"]) == []


def test_rows_that_the_document_does_not_have_are_not_compared() -> None:
    assert before.compared([row("new, ms", {"sesh": 1, "bare": 1})], {"old, ms": {"sesh": Figure(1, 0)}}) == []
