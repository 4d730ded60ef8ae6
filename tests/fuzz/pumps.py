"""What a regular expression may be slow on, made of its own parts: a word again and again, with a head and a tail.

The words are letters that the expression tells apart, and what its repeats and branches match; heads lead to a repeat,
tails break the match at the end.
"""

from __future__ import annotations

import importlib
import random
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import Any, NamedTuple

from tests.support.scale import rounds

_OLD = sys.version_info < (3, 11)
constants: Any = importlib.import_module("sre_constants" if _OLD else "re._constants")
parser: Any = importlib.import_module("sre_parse" if _OLD else "re._parser")

_VARIANTS = 6
"""Texts of one part of an expression, at most."""
_LONGEST_WORD = 64
_LETTERS = 10
_PAIRS, _TRIPLES, _HEADS = rounds(100, 300), rounds(100, 300), 6
_ANY = ("a", "\x00", "\n", "~", "0", " ", "\x1b", ";", "é")
_REPEATS = {constants.MAX_REPEAT, constants.MIN_REPEAT, getattr(constants, "POSSESSIVE_REPEAT", None)}


class Pump(NamedTuple):
    """An input of any length: `word` again and again between `head` and `tail`."""

    head: str
    word: str
    tail: str


def _in_category(char: str, category: Any) -> bool:
    name = str(category).lower()
    kind = name.rpartition("_")[2]
    holds = {
        "digit": char.isdigit(),
        "space": char.isspace(),
        "word": char.isalnum() or char == "_",
        "linebreak": char == "\n",
    }[kind]
    return holds != ("_not_" in name)


def _in_set(char: str, items: Any) -> bool:
    negated, inside = False, False
    for op, value in items:
        if op is constants.NEGATE:
            negated = True
        elif op is constants.LITERAL:
            inside |= ord(char) == value
        elif op is constants.RANGE:
            inside |= value[0] <= ord(char) <= value[1]
        else:
            inside |= _in_category(char, value)
    return inside != negated


class Parts:
    """The parts of an expression."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        self._most = 0xFF if isinstance(pattern.pattern, bytes) else 0x10FFFF
        self._flags = pattern.flags
        self._sets: list[Any] = []
        self._tree = parser.parse(pattern.pattern, pattern.flags)
        self._collect(self._tree)
        self.letters = self._told_apart()
        self.heads: list[str] = []
        self.bodies: list[str] = []
        self._walk(self._tree, [""])
        self.wholes = self._variants(self._tree)

    def _collect(self, tree: Any) -> None:
        """The sets of characters in a tree."""
        for op, value in tree:
            if op in (constants.LITERAL, constants.NOT_LITERAL):
                self._sets.append([(constants.LITERAL, value)])
            elif op is constants.IN:
                self._sets.append(value)
            for inner in _inner(op, value):
                self._collect(inner)

    def _told_apart(self) -> list[str]:
        """A character of each kind that the sets tell apart, one that is in none among them."""
        chosen = [ord(char) for char in _ANY]
        for items in self._sets:
            for op, value in items:
                if op is constants.LITERAL:
                    chosen += [value, value + 1]
                elif op is constants.RANGE:
                    chosen += [value[0] - 1, *value, value[1] + 1]
        kinds: dict[tuple[bool, ...], str] = {}
        for code in chosen:
            if 0 <= code <= self._most:
                kinds.setdefault(tuple(_in_set(chr(code), items) for items in self._sets), chr(code))
        return list(kinds.values())

    def _one_of(self, items: Any) -> list[str]:
        return [char for char in self.letters if _in_set(char, items)][:_VARIANTS]

    def _variants(self, tree: Any) -> list[str]:
        """Some texts that a tree matches, without regard to what must stand around."""
        texts = [""]
        for op, value in tree:
            more = self._texts(op, value)
            joined = dict.fromkeys(a + b for b in more for a in texts)
            texts = [text for text in joined if len(text) <= _LONGEST_WORD][:_VARIANTS] or texts
        return texts

    def _texts(self, op: Any, value: Any) -> list[str]:
        if op is constants.LITERAL:
            return [chr(value)]
        if op is constants.NOT_LITERAL:
            return [char for char in self.letters if ord(char) != value][:_VARIANTS]
        if op is constants.ANY:
            return [char for char in self.letters if char != "\n"][:_VARIANTS]
        if op is constants.IN:
            return self._one_of(value)
        if op in _REPEATS:
            least = value[0]
            body = self._variants(value[2])
            return [*dict.fromkeys([*(text * max(1, least) for text in body), *([""] if not least else [])])]
        if op is constants.BRANCH:
            return [text for tree in value[1] for text in self._variants(tree)[:2]]
        if op is constants.ASSERT_NOT or op is constants.ASSERT:
            return [""]
        return [text for inner in _inner(op, value) for text in self._variants(inner)] or [""]

    def _walk(self, tree: Any, before: list[str]) -> None:
        """Notes what leads to each repeat, and what it repeats."""
        for op, value in tree:
            if op in _REPEATS and value[1] > 1:
                self.heads += before
                self.bodies += self._variants(value[2])
            for inner in _inner(op, value):
                self._walk(inner, before)
            more = self._texts(op, value)
            before = [a + b for a, b in islice(product(before, more), 3) if len(a + b) <= _LONGEST_WORD] or before


def _inner(op: Any, value: Any) -> list[Any]:
    """The trees in a node."""
    if op in _REPEATS:
        return [value[2]]
    if op is constants.BRANCH:
        return list(value[1])
    if op is constants.SUBPATTERN:
        return [value[3]]
    if op in (constants.ASSERT, constants.ASSERT_NOT):
        return [value[1]]
    if op is constants.GROUPREF_EXISTS:
        return [tree for tree in value[1:] if tree is not None]
    return [value] if str(op) == "ATOMIC_GROUP" else []


def _unlike(words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word]


def _some(rng: random.Random, words: list[str], size: int, most: int) -> Iterator[str]:
    """Words put together from so many, all of them or `most` by chance."""
    if len(words) ** size <= most:
        yield from map("".join, product(words, repeat=size))
    else:
        for _ in range(most):
            yield "".join(rng.choices(words, k=size))


def pumps(pattern: re.Pattern[Any], rng: random.Random) -> list[Pump]:
    """Inputs for an expression, without two alike."""
    parts = Parts(pattern)
    letters = parts.letters[:_LETTERS]
    ends = _unlike([letters[0], parts.letters[-1]])
    words = _unlike([*letters, *parts.bodies, *parts.heads, *parts.wholes])
    made = [*words, *_some(rng, words, 2, _PAIRS), *_some(rng, letters, 3, _TRIPLES)]
    plain = [Pump("", word, tail) for word in _unlike(made) for tail in ("", *ends)]
    heads = _unlike(parts.heads)
    if len(heads) > _HEADS:
        heads = [*heads[:2], *rng.sample(heads[2:], _HEADS - 2)]
    tails = ["", *_unlike(["!", "\n", *ends, *(whole[-1:] for whole in parts.wholes[:1])])]
    behind = [Pump(head, word, tail) for head in heads for word in _unlike([*letters, *parts.bodies]) for tail in tails]
    return [*dict.fromkeys([*behind, *plain])]


def random_pump(pattern: re.Pattern[Any], rng: random.Random) -> Pump:
    """Random words over the letters and parts of an expression."""
    parts = Parts(pattern)
    words = _unlike([*parts.letters, *parts.bodies, *parts.heads, *parts.wholes])

    def some(most: int) -> str:
        return "".join(rng.choices(words, k=rng.randint(0, most)))

    return Pump(some(3), some(4) or words[0], some(2))
