"""The listening socket, connections, attached clients, and what sends these output or screens."""
