"""The health of links, and their keeper; `Link` is in `remote/ssh/link`."""
