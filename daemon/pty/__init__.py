"""The program and its pty: bytes both ways, queries and replies."""
