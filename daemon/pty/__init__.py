"""The program and its pty: output, input, queries and their answers."""
