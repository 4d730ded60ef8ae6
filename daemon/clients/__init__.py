"""The listening socket, connections, attached clients, and the relay that sends them output or screens."""
