"""What the marks of shells say of their commands, in whatever order marks, keys and other programs come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from sesh.daemon.shell.command_marks import parse_mark
from sesh.daemon.shell.integration import Announcement, Integration
from sesh.daemon.shell.marked_shells import MAX_SHELLS, CommandBegan, MarkedCommand, MarkedShells, Phase, Step
from sesh.text.integration import Lack
from tests.support import rounds

SHELL, INNER, PROGRAM = 100, 200, 300  # process groups
Outcome = tuple[str | None, int | None, bool]
"""A command that has ended: its text, its code, and whether its output is exact."""


@dataclass
class Told:
    """Shells that are told what is printed, one thing after the other, and what they made of it."""

    shells: MarkedShells = field(default_factory=MarkedShells)
    position: int = 0
    began: list[MarkedCommand] = field(default_factory=list)
    ended: list[Outcome] = field(default_factory=list)
    events: str = ""  # + a command has begun, - one has ended
    outputs: list[tuple[int, int]] = field(default_factory=list)

    def take(self, steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, CommandBegan):
                self.began.append(step.command)
                self.events += "+"
            else:
                self.ended.append((step.command.text, step.code, step.end is not None))
                self.events += "-"
                if step.end is not None:
                    self.outputs.append((step.command.start, step.end))

    def tell(self, words: str, group: int = SHELL) -> None:
        """Tell of marks, `2004h` and `2004l`, `bash` (which announces itself) and Enter."""
        for word in words.split():
            self.position += 10
            if word in ("2004h", "2004l"):
                self.take(self.shells.take_editor(group, self.position, on=word == "2004h"))
            elif word == "Enter":
                self.shells.line_entered()
            elif word.startswith("bash"):
                announced = Announcement.parse(word.encode())
                assert announced is not None
                self.take(self.shells.take_announcement(announced, group, self.position))
            else:
                self.take(self.shells.take_mark(parse_mark(word.encode()), self.position, group, self.position))

    @property
    def missing(self) -> set[Lack]:
        return set((self.shells.integration or Integration()).missing)


def ours(words: str, pid: int = SHELL) -> str:
    """Return marks of sesh's integration: `C=ls` is a command, `D=1` its code, `A=1` a prompt that knows it."""
    marks = []
    for word in words.split():
        letter, _, value = word.partition("=")
        if letter in ("A", "B", "C", "D"):
            named = {"A": ";code=", "C": ";cmdline_url="}.get(letter, "")
            word = f"D;{value};sesh={pid}" if letter == "D" and value else f"{letter};sesh={pid}"
            word += f"{named}{value}" if named and value else ""
        marks.append(word)
    return " ".join(marks)


def others(words: str) -> str:
    """Return the same marks as another integration prints them."""
    return ours(words).replace(f";sesh={SHELL}", "")


def told(*words: str) -> Told:
    made = Told()
    for each in words:
        made.tell(each)
    return made


@pytest.mark.parametrize("prints", [ours, others])
def test_a_command_ends_with_its_code_and_what_it_printed(prints: Callable[[str], str]) -> None:
    made = told(prints("D=0 2004h A B 2004l C=ls D=1 2004h A B 2004l C D=0"))
    assert made.ended == [("ls", 1, True), (None, 0, True)]
    assert made.events == "+-+-"
    assert made.missing == set()


@pytest.mark.parametrize(
    ("prompt", "number", "recorded"),
    [(";h=7;code=0", 7, True), (";h=7;", 6, False), (";h=7;", 8, False), ("", 7, False)],
)
def test_a_command_has_no_text_unless_the_history_got_it(prompt: str, number: int, *, recorded: bool) -> None:
    """The text is that of the history's last entry, which may be of an older command."""
    made = told(f"A;sesh=100{prompt} C;sesh=100;h={number};cmdline_url=ls D;0;sesh=100")
    assert made.ended == [("ls" if recorded else None, 0, True)]


@pytest.mark.parametrize(
    "first", ["", "2004h 2004l", "A B Enter", "D=0", "D=0 2004h A B 2004l", "2004h A 2004l D=130 2004h A 2004l"]
)
def test_an_end_without_a_command_is_none(first: str) -> None:
    """Enter without a command and Ctrl-C have a mark D, too."""
    made = told(ours(f"{first} D=0 D=1 A B"))
    assert (made.ended, made.events) == ([], "")
    made.tell(ours("C=ls D=2 D=0 D"))
    assert made.ended == [("ls", 2, True)]


def test_two_integrations_neither_drop_a_command_nor_report_it_twice() -> None:
    prompt = f"{others('D=0')} {ours('D=0')} {others('A')} 2004h {ours('A B')} {others('B')} 2004l"
    for begin in (f"{ours('C=ls')} {others('C=list')}", f"{others('C=list')} {ours('C=ls')}"):
        for end in (f"{ours('D=3')} {others('D=3')}", f"{others('D=0')} {ours('D=3')}"):
            made = told(prompt, begin, end, prompt, begin, end)
            assert made.ended == [("ls", 3, True)] * 2
            assert made.events == "+-+-"
    alone = told(others("A B C=a C D=1 D=0 A"), others("A B C=b D=2 C A C=c D=3"))
    assert [each for each in alone.ended if each[0]] == [("a", 1, True), ("b", 2, True), ("c", 3, True)]


def test_an_end_that_something_precedes_has_the_code_of_the_prompt_and_no_output() -> None:
    made = told(ours("D 2004h A=0 B 2004l C=ls D 2004h A=7 B"))
    assert made.ended == [("ls", 7, False)]
    assert made.missing == {Lack.NOT_FIRST}
    without = told(ours("D 2004h 2004l C=ls D 2004h 2004l C=cd D"))
    assert without.ended == [("ls", None, False), ("cd", None, False)], "a theme draws each prompt, without a mark"
    made.tell(ours("A C=ls D=0"))
    assert made.missing == set(), "it is whole again"


@pytest.mark.parametrize(
    ("words", "phase"),
    [
        ("bash;;100", Phase.UNKNOWN),
        (ours("D=0 2004h A B"), Phase.PROMPT),
        (ours("D=0 2004h A B") + " Enter", Phase.ENTERED),
        (ours("D=0 2004h A B 2004l"), Phase.ENTERED),
        (ours("D=0") + " Enter", Phase.ENTERED),
        (ours("D=0 2004h A B 2004l C=ls"), Phase.RUNNING),
        (ours("D=0 2004h A B 2004l C=ls") + " Enter", Phase.RUNNING),
        (ours("D=0 2004h A B 2004l C=ls D=0"), Phase.ENDED),
        (ours("D=0 2004h A B 2004l C=ls D"), Phase.CODE_DUE),
        (ours("D=0 2004h A B 2004l C=ls D D=0") + " Enter", Phase.CODE_DUE),
        (ours("D=0 2004h A B 2004l C=ls D A=0"), Phase.PROMPT),
        (ours("D=0 2004h 2004l C=ls D"), Phase.ENDED),
    ],
)
def test_a_shell_goes_from_its_prompt_over_a_line_and_a_command_to_the_next(words: str, phase: Phase) -> None:
    made = told(words)
    (shell,) = made.shells.stack
    assert shell.phase == phase
    at_prompt = phase in (Phase.PROMPT, Phase.CODE_DUE, Phase.ENDED)
    assert made.shells.prompt_group == (SHELL if at_prompt else 0)


@pytest.mark.parametrize(
    ("came", "outcome"),
    [
        (ours("A C=ls D A=7"), ("ls", 7, False)),
        (ours("A C=ls D A"), ("ls", None, False)),
        (ours("C=ls D A=7"), ("ls", None, False)),
        (ours("A C=ls A=7"), ("ls", 7, False)),
        (others("A C=ls D"), ("ls", None, True)),
        (others("A C=ls A D=7"), ("ls", 7, True)),
        (others("A C=ls 2004h D=7"), ("ls", 7, False)),
        (ours("A C=ls") + " bash;;100", ("ls", None, False)),
    ],
)
def test_what_comes_behind_a_command_says_how_it_ended(came: str, outcome: Outcome) -> None:
    assert told(came).ended == [outcome]


def test_a_prompt_without_the_number_of_the_next_command_is_named() -> None:
    """PS1 was set anew below, and a hook there changes the history: no command was recorded, and nothing said why."""
    made = told("bash;;100", "D;0;sesh=100 A;sesh=100; C;sesh=100;h=3;cmdline_url=ls D;0;sesh=100 A;sesh=100;")
    assert (made.missing, made.ended) == ({Lack.NO_NUMBER}, [(None, 0, True)])
    made.tell("A;sesh=100;h=4; C;sesh=100;h=4;cmdline_url=ls D;0;sesh=100")
    assert (made.missing, made.ended[1:]) == (set(), [("ls", 0, True)])
    assert told("zsh;;100", ours("D=0 A C=ls D=0")).missing == set(), "zsh and fish need no numbers"


def test_a_shell_whose_prompts_have_no_mark_is_not_whole() -> None:
    """As zsh, where both lists of hooks were assigned below."""
    assert told("bash;;100", ours("D=0")).missing == set()
    assert told("bash;;100", ours("D=0 D=1")).missing == {Lack.REPLACED}
    assert told("bash;;100", ours("D=0 C=ls D=1")).missing == {Lack.REPLACED}
    assert told("bash;;100", ours("D=0 A D=1 A C=ls D=0 D")).missing == set()


def test_what_is_changed_below_the_line_shows_in_the_marks() -> None:
    """PS0 is set anew, or bash's option promptvars is switched off."""
    silent = told("bash;;100", "D;0;sesh=100 A;sesh=100;h=3; D;0;sesh=100 A;sesh=100;h=3;")
    assert silent.missing == set(), "after Enter alone"
    silent.tell("D;0;sesh=100 A;sesh=100;h=4;")
    assert silent.missing == {Lack.REPLACED}
    unexpanded = told("bash;;100", "D;0;sesh=100 A;sesh=100;h=3; C;sesh=100;h=3;${__sesh_shell:0:0} D;0;sesh=100")
    assert (unexpanded.missing, unexpanded.ended) == ({Lack.PROMPTVARS}, [(None, 0, True)])
    unexpanded.tell("A;sesh=100;h=4; C;sesh=100;h=4;cmdline_url=ls D;0;sesh=100")
    assert (unexpanded.missing, unexpanded.ended[1:]) == (set(), [("ls", 0, True)])


def test_a_shell_that_marks_no_ends_is_at_its_prompt_when_its_line_editor_begins() -> None:
    made = told("bash;;100", ours("2004h 2004l C=ls"))
    assert made.shells.command_group == 0, "nothing says that the command's end will be marked"
    made.tell("2004h")
    assert made.ended == [("ls", None, False)]
    assert made.missing == {Lack.REPLACED}
    assert made.shells.prompt_group == SHELL
    made.tell(ours("D=1 2004l D=0"))
    assert made.ended == [("ls", None, False)], "what comes only now is not its end"
    bare = told(ours("C=ls"), ours("C=cd"))
    assert bare.ended == [("ls", None, False)], "without a line editor the next command tells it"


def test_a_prompt_alone_ends_a_command_with_the_code_that_it_knows() -> None:
    made = told(ours("2004h A=0 B 2004l C=ls 2004h A=4 B"))
    assert made.ended == [("ls", 4, False)]
    assert made.missing == {Lack.REPLACED}
    assert made.shells.prompt_group == SHELL


def test_a_shell_that_has_not_marked_an_end_is_no_evidence_against_the_kernel() -> None:
    made = told(ours("C=ask"))
    assert made.shells.command_group == 0


def test_a_command_that_edits_a_line_goes_on() -> None:
    """As `read -e`, zsh's vared and select, and fish's read do."""
    made = told(ours("D=0 2004h A B 2004l C=ask"))
    for switch in ("", "2004h", "2004l"):
        made.tell(switch)
        assert (made.shells.command_group, made.ended) == (SHELL, []), "a prompt would have begun with a mark"
    made.tell(ours("2004h D=0"))
    assert made.ended == [("ask", 0, True)]


@pytest.mark.parametrize("program", ["2004h", "2004h 2004l", "2004h 2004h"])
def test_the_line_editor_of_a_program_is_no_prompt(program: str) -> None:
    made = told("bash;;100", ours("2004h 2004l C=python"))
    made.tell(program, PROGRAM)
    assert made.ended == []
    assert made.shells.prompt_group == 0
    made.tell("2004h")
    assert made.ended == [("python", None, False)]


def test_a_shell_in_a_shell_has_commands_of_its_own() -> None:
    made = told(ours("D=0 A B C=bash"))
    made.tell("bash;not-first;200", INNER)
    assert made.missing == {Lack.NOT_FIRST}
    made.tell(ours("D=0 A B C=ls D=1 A B C=exit", INNER), INNER)
    made.tell(ours("D=3 A"))
    assert made.ended == [("ls", 1, True), ("exit", None, False), ("bash", 3, True)]
    assert made.missing == set()


def test_a_shell_without_the_line_in_one_with_it_is_passed_over() -> None:
    made = told(ours("D=0 2004h A B 2004l C=bash"))
    made.tell("2004h 2004l 2004h 2004l", INNER)
    assert (made.ended, made.shells.prompt_group) == ([], 0)
    made.tell(ours("D=0 2004h A"))
    assert made.ended == [("bash", 0, True)]


def test_a_prompt_that_a_shell_within_has_inherited_is_none_of_the_shell_that_it_names() -> None:
    """As with `export PS1`."""
    made = told(ours("D=0 2004h A B 2004l C=bash"))
    made.tell(ours("2004h A=0 B 2004l 2004h A=1 B"), INNER)
    assert (made.ended, made.shells.prompt_group) == ([], 0)
    made.tell(ours("D=3 A"))
    assert made.ended == [("bash", 3, True)]
    assert made.missing == set()


def test_a_shell_of_another_integration_within_is_followed() -> None:
    """As fish 4, which marks by itself."""
    made = told(ours("D=0 A B C=fish"))
    made.tell(others("A B C=ls D=1 A B C=exit"), INNER)
    made.tell(ours("D=0 A"))
    assert made.ended == [("ls", 1, True), ("exit", None, False), ("fish", 0, True)]


def test_a_shell_in_the_place_of_another_begins_anew() -> None:
    made = told("bash;;100", ours("D=0 2004h A B 2004l C=exec"), "bash;promptvars;100", "2004h 2004l 2004h")
    assert made.ended == [("exec", None, False)]
    assert made.missing == {Lack.PROMPTVARS}
    assert made.shells.prompt_group == SHELL


def test_what_is_read_late_counts_for_the_shell_that_printed_it() -> None:
    """Keys were typed ahead: when the daemon reads, another program is in the foreground."""
    made = told(ours("D=0 2004h A B 2004l C=bash"))
    made.tell("bash;;200", INNER)
    made.tell(ours("D=0 A B C=ls D=1 A B C=exit", INNER) + " " + ours("D=3 A B C=make"), PROGRAM)
    made.tell(ours("D=2"), SHELL)
    assert made.ended == [("ls", 1, True), ("exit", None, False), ("bash", 3, True), ("make", 2, True)]


def test_the_output_begins_behind_what_hooks_print() -> None:
    told = Told()
    told.tell("A;sesh=100;h=1 C;sesh=100;h=1;cmdline_url=ls O;sesh=100 D;0;sesh=100 O;sesh=100 A;sesh=100;h=2")
    assert told.outputs == [(30, 40)]


def test_the_line_of_run_is_none_of_a_person() -> None:
    made = told(ours("D=0 A B"))
    mark = parse_mark(ours("C=before").encode())
    made.take(made.shells.take_mark(mark, 90, SHELL, 9.0, of_run=True))
    assert (made.began[0].of_run, made.began[0].text) == (True, None)


GROUPS = st.sampled_from([SHELL, INNER, PROGRAM, 0])
MARKS = st.sampled_from(
    [mark for prints in (ours, others) for mark in prints("A B A=3 C C=ls C=cd D D=0 D=1").split()]
    + ["A;sesh=200", "C;sesh=200;cmdline_url=in", "D;0;sesh=200", "A;sesh=1;h=3", "C;sesh=1;h=3;cmdline_url=x"]
    + ["C;sesh=100;h=4;cmdline_url=refused", "A;sesh=100;h=7", "2004h", "2004l", "2004h", "2004l", "Enter", "bash;;100"]
    + ["bash;readonly;200", "O", "O;sesh=100", "O;sesh=200"]
)
ANYTHING: SearchStrategy[list[tuple[str, int]]] = st.lists(st.tuples(MARKS, GROUPS), max_size=40)


def alternates(shells: MarkedShells, events: str, most: int) -> bool:
    """Return whether no command ended that had not begun, and at most one runs in each shell."""
    running = 0
    for event in events:
        running += 1 if event == "+" else -1
        if not 0 <= running <= most:
            return False
    return running == sum(shell.command is not None for shell in shells.stack)


@settings(max_examples=rounds(100, 20_000))
@given(ANYTHING)
def test_each_command_that_began_ends_once_whatever_comes(things: list[tuple[str, int]]) -> None:
    made = Told()
    for word, group in things:
        made.tell(word, group)
        assert len(made.shells.stack) <= MAX_SHELLS
        for shell in made.shells.stack:
            assert shell.runs == (shell.phase == Phase.RUNNING) or not shell.ours
            is_due = shell.command is not None and shell.command.ended_at is not None
            assert is_due == (shell.phase == Phase.CODE_DUE)
    assert alternates(made.shells, made.events, MAX_SHELLS)
    assert all(start < end for start, end in made.outputs)
    assert "refused" not in {command.text for command in made.began}


NOISE = st.lists(
    st.tuples(st.sampled_from([*others("A B C C=x D D=0 D=9").split(), "2004h", "2004l"]), GROUPS), max_size=6
)
EDITS = st.sampled_from(["", "2004h", "2004h 2004l", "2004l", "2004h 2004l 2004h"])


@settings(max_examples=rounds(50, 5000))
@given(st.lists(st.tuples(st.integers(0, 255), NOISE, EDITS), max_size=4))
def test_no_command_is_dropped_that_sesh_marks_whole(commands: list[tuple[int, list[tuple[str, int]], str]]) -> None:
    """Whatever another integration marks meanwhile, of the same shell or of one in it, and whatever edits a line."""
    made = told(ours("D=0 2004h A B 2004l"))
    for number, (code, noise, edits) in enumerate(commands):
        made.tell(ours(f"C=c{number}"))
        for word, group in noise:
            made.tell(word, group)
        made.tell(edits)
        made.tell(ours(f"D={code}"))
        for word, _ in noise:
            made.tell(word)
        made.tell(ours("2004h A B 2004l"))
    own = [outcome for outcome in made.ended if str(outcome[0])[:1] == "c"]
    assert own == [(f"c{number}", code, True) for number, (code, *_) in enumerate(commands)]
    assert made.events.count("+") == made.events.count("-")
    assert made.missing == set()


@settings(max_examples=rounds(50, 5000))
@given(
    st.lists(
        st.tuples(st.integers(0, 255), st.booleans(), st.sampled_from(["", "2004h 2004l", "A", "A B"])), max_size=6
    )
)
def test_no_command_is_dropped_that_another_integration_marks_whole(commands: list[tuple[int, bool, str]]) -> None:
    made = told(others("A B"))
    for number, (code, twice, noise) in enumerate(commands):
        made.tell(others(f"C=c{number} {'C' if twice else ''} {noise} D={code} {'D=0' if twice else ''} A B"))
    assert made.ended == [(f"c{number}", code, True) for number, (code, *_) in enumerate(commands)]
    assert made.events == "+-" * len(commands)
