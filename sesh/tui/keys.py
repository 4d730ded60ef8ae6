"""Parse the bytes of a terminal into keys."""

from __future__ import annotations

from sesh.text.keys import ESCAPE, RELEASE, chord_of, name_of, tokens


class Keys:
    """Parses bytes into keys: a printable character, or a name (`up`, `enter`, `C-c`).

    A read may end anywhere. Keys without a name, key releases, mouse events and other reports are dropped.
    """

    def __init__(self) -> None:
        self.partial = b""  # an unfinished escape sequence or character

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that `data` completes."""
        data, self.partial = self.partial + data, b""
        keys = []
        for token, whole in tokens(data):
            if not whole:
                self.partial = token
            elif name := _name(token):
                keys.append(name)
        return keys

    def flush(self) -> list[str]:
        """Return the key in `partial` if nothing follows it: Escape, or none."""
        partial, self.partial = self.partial, b""
        return ["escape"] if partial == ESCAPE else []


def _name(token: bytes) -> str:
    """Return the name of a key, empty for none."""
    code = token[0]
    if code == 0x1B and len(token) > 1:
        if token[1:2] == b"O":
            return name_of((chr(token[-1]), 1, 0))
        chord, event = chord_of(token) or (None, RELEASE)
        return name_of(chord) if chord is not None and event != RELEASE else ""
    if code < 0x20 or code == 0x7F:
        return name_of(("u", code, 0)) or f"C-{chr(code + 0x40).lower()}"
    text = token.decode("utf-8", "replace")
    return text if text.isprintable() and text != "\ufffd" else ""


def edited(text: str, key: str) -> str:
    """Return the text as it is after a key was pressed at its end."""
    if key == "bspace":
        return text[:-1]
    if key == "C-u":
        return ""
    if key == "C-w":
        return text[: text.rstrip(" ").rfind(" ") + 1]
    return text + key if len(key) == 1 else text
