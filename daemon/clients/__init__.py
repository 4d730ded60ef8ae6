"""The listening socket, connections, attached clients, what sends these output or screens, and events."""
