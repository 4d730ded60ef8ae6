"""The listening socket, connections, attached clients, what sends them output and screens, and events."""
