"""The program and its pty: output and input."""
