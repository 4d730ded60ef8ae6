"""Only the keeper of links, which replaces lost ones; `Link` is in `remote/ssh/link`."""
