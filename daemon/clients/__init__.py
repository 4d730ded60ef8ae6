"""The listening socket, its connections, the attached clients, and which bytes each of them gets."""
