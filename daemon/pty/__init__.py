"""The program and its pty: bytes in both directions, queries and replies."""
