"""Follows the shells of a session by their marks: who is at a prompt, which command runs, when it has ended. Sans-I/O.

FinalTerm's marks (OSC 133): A, a prompt begins; B, the command line begins; C, a command begins; D, its output has
ended. Those of sesh's integration name their shell (`sesh=PID`), others are of another integration. Of sesh alone is O:
the hooks that run before a command have ended, and its output begins. Between them comes the switch of bracketed paste,
which every line editor makes (`CSI ? 2004 h` and `l`).

           A, B, line editor        Enter, editor off             C             D
    UNKNOWN ───────────────▶ PROMPT ─────────────────▶ ENTERED ─────▶ RUNNING ─────▶ ENDED
                              ▲ ▲                                       │              │
                              │ └── A, B ── CODE_DUE ◀──────────────────┘              │
                              │                       D of sesh without a code         │
                              └───────────────── A, B, line editor ────────────────────┘

C begins a command in each phase: a shell need not mark its prompts. A, B and the line editor lead to PROMPT from each
phase; from RUNNING, if they end the command. Enter and the end of the line editor lead from ENDED to ENTERED, too.

    what has come since C                       the command has ended
    D of sesh with a code                       with its code and output
    D of sesh without a code, then A            with the code of A, if it has one
    the same, if the last prompt had no A       with nothing
    another integration's D                     with its code, if it has one, and its output; without that, if the line
                                                editor has come in front. A and B in front do not matter
    A, B or another C                           with nothing, unless A has a code; A and B only if they are sesh's
    the line editor                             with nothing, if the shell has not marked how the last one ended
    the end of its shell, or `exec` of another  with nothing

A shell that has marked its prompts marks the next one, too. So the line editor alone does not end its command: that may
be `read -e`. D without a command, and a second D, end nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Optional, Union

from sesh.daemon.shell.history import Begun
from sesh.daemon.shell.integration import Announcement, Integration
from sesh.text.integration import Lack

MAX_SHELLS = 16  # shells in each other; at the limit, a further one takes the place of the innermost


class Phase(str, Enum):
    """What a shell does, as far as its marks say."""

    UNKNOWN = "unknown"  # nothing has come yet: the kernel knows more
    PROMPT = "prompt"  # it draws its prompt or reads a line
    ENTERED = "entered"  # a line was entered, and no command has begun: the kernel knows more
    RUNNING = "running"  # a command runs
    CODE_DUE = "code due"  # the command has ended, and the next mark A has its code
    ENDED = "ended"  # the command has ended, and no prompt has come


class Mark(NamedTuple):
    """One mark; what it does not say is None, and `shell_id` is empty in those of another integration."""

    letter: str
    shell_id: str = ""
    code: Optional[int] = None
    number: Optional[int] = None  # in A, of the history's next entry; in C, of the command's
    text: Optional[str] = None  # of the command
    report: Optional[int] = None  # seconds of processor time from which on the shell adds a line to the output
    mixed: bool = False  # others, such as a trap, may print into the output
    expanded: bool = True  # False: bash has left variables in it as they are

    @property
    def ours(self) -> bool:
        return bool(self.shell_id)


@dataclass
class MarkedCommand:
    """A command that a mark C began."""

    start: int  # the position of its output
    ours: bool  # its C was sesh's: so is its D
    shell: str  # bash, zsh or fish; empty if it is not known
    text: Optional[str] = None  # None if it is kept out of the history
    of_run: bool = False  # `run` has typed it, and records it
    report: Optional[int] = None  # as in its mark
    mixed: bool = False  # as in its mark
    begun: Optional[Begun] = None  # its entry in the history, if it has one
    ended_at: Optional[float] = None  # time (monotonic) of its end, while its code is due
    edited_at: Optional[float] = None  # when the line editor last began: perhaps its end


class CommandBegan(NamedTuple):
    """The step: a command has begun."""

    command: MarkedCommand


class CommandEnded(NamedTuple):
    """The step: a command has ended; what is not known exactly is None."""

    command: MarkedCommand
    code: Optional[int] = None
    end: Optional[int] = None  # the position of the end of mark D, before which its output ends
    at: float = 0.0  # time (monotonic)


Step = Union[CommandBegan, CommandEnded]


@dataclass
class MarkedShell:
    """One shell, and what its marks have said."""

    shell_id: str = ""  # its process, by its marks; empty while only others' have come
    group: int = 0  # its process group
    integration: Optional[Integration] = None
    ours: bool = False  # a mark of sesh has come: others do not count any more
    phase: Phase = Phase.UNKNOWN
    editing: bool = False  # its line editor is on
    seen: str = ""  # the letters of its marks since the last C
    seen_before: str = ""  # those between the last C and the one before
    image: str = ""  # of its process, at its last prompt
    number: Optional[int] = None  # of its history's next entry, as its last mark said
    command: Optional[MarkedCommand] = None

    @property
    def runs(self) -> bool:
        """True if a command runs that marks have begun."""
        return self.command is not None and self.phase != Phase.CODE_DUE

    @property
    def marks_prompts(self) -> bool:
        """True if the prompt before the last command had mark A: the next one will have it, too."""
        return "A" in self.seen_before

    @property
    def marks_ends(self) -> bool:
        """True if any mark stood between the last command and the one before: one will tell the next end, too."""
        return bool(self.seen_before)

    def learn(self, lack: Lack, *, lacks: bool = True) -> None:
        """Note what marks show of sesh's integration: that it lacks something, or that it does not."""
        known = self.integration or Integration()
        if self.ours and Lack.READONLY not in known.missing:  # which explains all that comes
            self.integration = known.with_(lack) if lacks else known.without(lack)

    def note(self, letter: str) -> None:
        """Note a mark that is not C."""
        if letter not in self.seen:
            self.seen += letter

    def end(self, now: float, code: int | None = None, end: int | None = None) -> list[Step]:
        """End the command that runs, if one does."""
        command, self.command = self.command, None
        if command is None:
            return []
        return [CommandEnded(command, code, end, now if command.ended_at is None else command.ended_at)]


@dataclass
class MarkedShells:
    """The shells of a session that have printed marks, each in the one before it.

    All methods that take `group` want the foreground's process group as it is now. What the program printed may be read
    late, when that is another one already; so a mark that names its shell counts for that shell.
    """

    stack: list[MarkedShell] = field(default_factory=list)

    # -- what is known

    @property
    def _front(self) -> MarkedShell | None:
        return self.stack[-1] if self.stack else None

    @property
    def integration(self) -> Integration | None:
        """The integration of the innermost shell that has one."""
        return next((shell.integration for shell in reversed(self.stack) if shell.integration is not None), None)

    @property
    def prompt_group(self) -> int:
        """The process group of the shell that is at its prompt, by its marks, until a line is entered; else 0."""
        front = self._front
        at_prompt = front is not None and front.phase in (Phase.PROMPT, Phase.CODE_DUE, Phase.ENDED)
        return front.group if front is not None and at_prompt else 0

    @property
    def command_group(self) -> int:
        """The process group of the shell whose command runs, if its marks are evidence of that; else 0.

        They are if the shell has marked how the command before ended. Then a line editor that comes without a mark is
        the command's: `read -e`, or zsh's `select`.
        """
        front = self._front
        runs = front is not None and front.phase == Phase.RUNNING and front.marks_ends
        return front.group if front is not None and runs else 0

    @property
    def image(self) -> str:
        """The image of the innermost shell's process as it drew its last prompt; `exec` gives the process another."""
        return self._front.image if self._front is not None else ""

    def note_image(self, image: str) -> None:
        """Note the image of the innermost shell's process."""
        if self._front is not None:
            self._front.image = image

    # -- what comes

    def take_mark(self, mark: Mark, position: int, group: int, now: float, *, of_run: bool = False) -> list[Step]:
        """Take a mark that ends at `position`. `of_run`: a line of `run` was typed, and has not ended."""
        if self._is_inherited(mark, group) or (mark.letter == "O" and not mark.ours):
            return []
        steps, shell = self._enter_shell_of(mark, group, now)
        if shell.ours != mark.ours:
            return steps  # another integration beside sesh's: neither drops a command nor reports it twice
        if mark.letter == "C":
            return steps + _begin(shell, mark, position, now, of_run=of_run)
        if mark.letter == "D":
            return steps + _end(shell, mark, position, now)
        if mark.letter == "O":  # what hooks print in front of the command's output ends here
            if shell.command is not None and shell.runs:
                shell.command.start = position
                shell.phase = Phase.RUNNING  # after its C, another integration may have marked a prompt
            return steps
        return steps + _draw_prompt(shell, mark, now)

    def take_editor(self, group: int, now: float, *, on: bool) -> list[Step]:
        """Take a switch of bracketed paste: the line editor begins or ends, if it is a shell's."""
        front = self._front
        if not on:
            if front is not None and front.editing:
                front.editing = False
                self._leave_prompt(front)
            return []
        owner = next((shell for shell in reversed(self.stack) if shell.group == group), None)
        if not group or owner is None:
            return []  # another program edits a line
        steps = self._return_to(owner, now)
        owner.editing = True
        if owner.command is not None and owner.marks_ends:
            owner.command.edited_at = now
            return steps  # a command that edits a line; or its end, which a mark will tell
        if owner.command is not None:
            owner.learn(Lack.REPLACED)
        owner.phase = Phase.PROMPT
        return steps + owner.end(now)

    def take_announcement(self, announced: Announcement, group: int, now: float) -> list[Step]:
        """Take the announcement of a shell that begins: in another one, or in the place of one (`exec`)."""
        shell_id = announced.shell_id or str(group)
        shell = next((each for each in self.stack if each.shell_id == shell_id), None)
        front = self._front
        if shell is None and front is not None and not front.shell_id and front.group == group:
            shell = front  # it has marks of its own
        steps = self._push(MarkedShell(shell_id), now) if shell is None else self._return_to(shell, now)
        shell = self.stack[-1]
        steps += shell.end(now)
        self.stack[-1] = MarkedShell(shell_id, group, announced.integration)
        return steps

    def line_entered(self) -> None:
        """Note that a line was typed: the prompt is over, whatever follows."""
        if (front := self._front) is not None:
            self._leave_prompt(front)

    # -- which shell it is

    def _leave_prompt(self, shell: MarkedShell) -> None:
        if shell.phase in (Phase.PROMPT, Phase.ENDED):
            shell.phase = Phase.ENTERED

    def _enter_shell_of(self, mark: Mark, group: int, now: float) -> tuple[list[Step], MarkedShell]:
        """Make the shell that has printed a mark the innermost one, and return it; shells in it have ended."""
        shell = self._known(mark, group)
        if shell is None:
            shell = MarkedShell(mark.shell_id)
            steps = self._push(shell, now)
        else:
            steps = self._return_to(shell, now)
        if mark.ours and not shell.ours:
            shell.ours, shell.shell_id = True, mark.shell_id
            shell.integration = shell.integration or Integration()
        if mark.letter == "C" and mark.ours and not shell.group:
            # The command may be in the foreground already. The shell's own group is that of its process.
            shell.group = int(mark.shell_id)
        elif mark.shell_id == str(group) or not shell.group:
            # The shell itself is in the foreground. Or nothing else is known of its group.
            shell.group = group
        elif not mark.ours and mark.letter != "C":
            # A mark that does not name its shell is one of the foreground, except C, which may be read late.
            shell.group = group
        return steps, shell

    def _known(self, mark: Mark, group: int) -> MarkedShell | None:
        """Return the shell in the stack that a mark is of; None if it is of another one."""
        front = self._front
        if mark.ours:
            named = next((shell for shell in self.stack if shell.shell_id == mark.shell_id), None)
            is_front = front is not None and not front.ours and front.group == group
            return front if named is None and is_front else named
        if front is None or mark.letter == "C":
            return front
        own = next((shell for shell in reversed(self.stack) if shell.group == group), None)
        is_within = front.phase == Phase.RUNNING and mark.letter in ("A", "B")
        return own if own is not None or is_within else front

    def _is_inherited(self, mark: Mark, group: int) -> bool:
        """Return whether a shell within another one draws that one's prompt, which was exported."""
        named = next((shell for shell in self.stack if shell.shell_id == mark.shell_id), None)
        if named is None or not mark.ours or mark.letter not in ("A", "B") or named.phase != Phase.RUNNING:
            return False
        return named.shell_id == str(named.group) and group not in (0, named.group)

    def _push(self, shell: MarkedShell, now: float) -> list[Step]:
        steps = self.stack.pop().end(now) if len(self.stack) >= MAX_SHELLS else []
        self.stack.append(shell)
        return steps

    def _return_to(self, shell: MarkedShell, now: float) -> list[Step]:
        """Drop the shells in `shell`: they have ended."""
        steps: list[Step] = []
        while self.stack[-1] is not shell:
            steps += self.stack.pop().end(now)
        return steps


# -- what a mark means for its shell


def _begin(shell: MarkedShell, mark: Mark, position: int, now: float, *, of_run: bool) -> list[Step]:
    before = shell.command
    if before is not None and shell.runs:
        is_same = not shell.seen and before.edited_at is None
        if is_same and not (before.ours and mark.ours):
            before.ours = mark.ours
            return []  # two integrations mark the same command
        shell.learn(Lack.REPLACED)
    shell.learn(Lack.PROMPTVARS, lacks=not mark.expanded)
    if mark.number is not None and "A" in shell.seen:
        shell.learn(Lack.NO_NUMBER, lacks=shell.number is None)  # of the prompt, so that no command has its text
    steps = shell.end(now if before is None or before.edited_at is None else before.edited_at)
    is_recorded = mark.number is None or mark.number == shell.number  # else the text is of an older command
    text = mark.text if is_recorded and not of_run else None
    kind = shell.integration.shell if shell.integration is not None else ""
    shell.command = MarkedCommand(position, mark.ours, kind, text, of_run, mark.report, mark.mixed)
    shell.phase, shell.editing = Phase.RUNNING, False
    shell.seen, shell.seen_before = "", shell.seen
    return [*steps, CommandBegan(shell.command)]


def _end(shell: MarkedShell, mark: Mark, position: int, now: float) -> list[Step]:
    command = shell.command
    if command is None and mark.code is not None and "D" in shell.seen and "A" not in shell.seen:
        shell.learn(Lack.REPLACED)  # the last prompt had no mark
    shell.note(mark.letter)
    if shell.phase == Phase.CODE_DUE:
        return []
    if not (shell.phase == Phase.PROMPT and shell.editing):  # else D is a part of the prompt
        shell.phase = Phase.ENDED
    if command is None:
        return []
    if mark.ours and mark.code is None:
        shell.learn(Lack.NOT_FIRST)
        if not shell.marks_prompts:
            return shell.end(now)
        command.ended_at = now
        shell.phase = Phase.CODE_DUE
        return []
    shell.learn(Lack.NOT_FIRST, lacks=False)
    shell.learn(Lack.REPLACED, lacks=not shell.marks_prompts)
    is_exact = mark.ours or not shell.editing  # behind the line editor, D comes too late
    return shell.end(now, mark.code, position if is_exact else None)


def _draw_prompt(shell: MarkedShell, mark: Mark, now: float) -> list[Step]:
    shell.note(mark.letter)
    runs = shell.runs
    shell.phase = Phase.PROMPT
    if mark.letter == "A":
        if shell.command is None and not shell.marks_ends and (mark.number or 0) > (shell.number or mark.number or 0):
            shell.learn(Lack.REPLACED)  # the shell has recorded a command whose C has not come
        shell.number = mark.number
    if runs:
        if not shell.ours:
            return []  # anybody can print such a mark; D comes, or the next C
        shell.learn(Lack.REPLACED)
    return shell.end(now, mark.code)
