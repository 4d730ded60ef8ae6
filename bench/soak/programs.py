"""Shell scripts that show the session's token, and run as long as the session.

They count in seven digits: a line, and the memory that holds it, never gets longer.
"""

from __future__ import annotations

MIB = 1 << 20
FILLED = 10_500
"""Lines that a steady program prints at once when it starts: the scrollback is full from there on."""

# A line at every tick, as a build or a log has it: colours, now and then a title, a prompt's marks and a link.
STEADY = f"""
stty -echo
show() {{
    i=$((i + 1))
    printf '%s \\e[3%d;1m%07d\\e[m \\e[38;5;%dmtext that goes by\\e[m and \\e[48;2;%d;90;30mmore\\e[m\\n' \\
        "$TOKEN" $((i % 8)) $i $((i % 256)) $((i % 256))
    case $((i % 20)) in
        3) printf '\\e]0;%s at %07d\\a' "$TOKEN" $i ;;
        7) printf '\\e]133;D;0\\a\\e]133;A\\a%s $ \\e]133;B\\amake\\n\\e]133;C\\a' "$TOKEN" ;;
        11) printf '\\e]8;;https://example.org/%d\\alink\\e]8;;\\a äöü 日本語 👩‍💻 e\\u0301\\n' $i ;;
        13) printf '10%%\\r50%%\\r100%%\\n' ;;
    esac
}}
i=0
while [ $i -lt {FILLED} ]; do show; done
while :; do
    show
    read -rt "$TICK" line
done
"""

# The alternate screen, drawn again at every tick and after a change of size.
FULL_SCREEN = """
draw() {
    i=$((i + 1))
    set -- $(stty size)
    printf '\\e[?2026h\\e[H\\e[7m%s %07d\\e[m\\e[K' "$TOKEN" $i
    row=2
    while [ $row -le "$1" ]; do
        printf '\\e[%d;1H\\e[3%dm%*s\\e[m\\e[K' $row $((row % 8)) $((i % 40 + 5)) "$i"
        row=$((row + 1))
    done
    printf '\\e[H\\e[?2026l'  # a smaller terminal shows the part where the cursor is
}
trap draw WINCH
stty -echo
printf '\\e[?1049h\\e[?7l\\e[?25l\\e[?1000h'
i=0
while :; do
    draw
    read -rt "$TICK" line
done
"""

# At a line with a kind and a number, so many times a file of a MiB, byte for byte; then a line that says so.
FLOOD = """
stty -echo -opost
printf '%s END 0000000\\r\\n' "$TOKEN"
i=0
while read -r kind times; do
    i=$((i + 1))
    while [ $times -gt 0 ]; do
        cat "$HOME/flood/$kind"
        times=$((times - 1))
    done
    printf '\\e[m\\e[r\\e[999;1H\\r\\n%s END %07d\\r\\n' "$TOKEN" $i
done
"""

# A job that ends with the code that it is told.
JOB = 'stty -echo; echo "$TOKEN"; read -r code; exit $code'

# Lines with a number on the other host, without end.
NUMBERED = "i=0; while :; do i=$((i+1)); echo line-$i-; read -rt 0.02 x; done"

WEIGHTS = {"plain": 6, "yes": 6, "colour": 4, "wide": 2, "screens": 1}
"""The weights of the kinds of floods: a kind that takes the emulator long comes seldom."""


def material() -> dict[str, bytes]:
    """Return a MiB of output of each kind of flood."""
    wide = "".join(f"{n:07d} Grüße, 日本語のテキスト, привет, 🙂\r\n" for n in range(18_000)).encode()
    kinds = {
        "plain": b"".join(b"line %07d of a flood, as compilers and logs print them\r\n" % n for n in range(19_000)),
        "yes": b"y\r\n" * (MIB // 3),
        "colour": b"".join(b"\x1b[3%dm%07d\x1b[0m \x1b[1;38;5;%dmwarning\x1b[m\r\n" % (n % 8, n, n % 256)
                           for n in range(26_000)),
        "wide": wide,
        "screens": b"".join(b"\x1b[%d;%dH\x1b[4%dm%07d\x1b[K" % (n % 24 + 1, n % 70 + 1, n % 8, n)
                            for n in range(50_000)),
    }  # fmt: skip
    return {name: data[:MIB] for name, data in kinds.items()}
