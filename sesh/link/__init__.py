"""The keeper of links, which opens another one in place of one that fails."""
