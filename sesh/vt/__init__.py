"""The terminal emulator: parses bytes into a screen's state, and renders the state as bytes.

It knows nothing of sessions. Each module imports only those below it. Where a row names several modules, semicolons
separate what they contain:

`render.export`                  the screen as text, text with SGR, or data; the start of `logs -f`
`render.screen_data`             the screen as data
`render.patch`                   a few cells printed over a row
`render.last_row`                the last row put back after a line was drawn over it
`render.viewport`                a clipped part of the screen for a terminal of another size; only changed rows
`render.replay`                  bytes for a terminal that attaches, or (`repainting`) that already shows the session
`render.clean_screen`            bytes that empty a terminal's screen, without an emulator
`lines` `emulator`               an emulator of one row, which yields finished lines; the whole terminal
`bulk` `parser`                  a shortcut for bulk output; bytes into calls of the screen
`wrapping`                       where a text without line feeds wraps, for `bulk`
`screen` `pyte_face`             control strings, images, resizing; pyte's interface
`titles` `osc_values`            the stack of titles; colours, directory, progress and pointer that a program has set
`sized_text`                     the cells of a text of another size (OSC 66)
`modes` `defaults`               modes, saved cursors, keyboard protocols; modes that a terminal may have on
`printing`                       characters into cells, wrapping
`edit`                           line feeds, scrolling, erasing, inserting; rectangles
`moves`                          cursor movements, margins, tab stops
`grid`                           rows of both screens, cursors, pen; up to `screen` each class extends the one below
`charsets`                       G0 to G3
`images` `reflow` `scrollback`   sizes of images in cells; rewrapping to another width; lines that scrolled off
`encoded` `row` `pen`            a row as text with SGR, and back; a row: two parallel lists; attributes and SGR
`graphemes`                      widths of characters, and their joining into graphemes
`grammar`                        control functions (ECMA-48) as regular expressions

Beside the emulator stand `queries`, which finds what asks and tells in output, and `effects`, what acts.
"""
