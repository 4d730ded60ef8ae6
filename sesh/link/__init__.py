"""Keeping a link to a host (`remote/ssh/link`): when it is replaced, and the attempts to replace it."""
