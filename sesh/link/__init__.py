"""The health of links, and their keeper. The links themselves are in `remote/ssh/link`."""
