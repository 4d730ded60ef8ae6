"""The socket, its connections, attached clients, and who gets which bytes."""
