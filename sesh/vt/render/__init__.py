"""From a terminal's state to bytes: replay for a terminal, diffs for another size, text, JSON, SVG and HTML."""
