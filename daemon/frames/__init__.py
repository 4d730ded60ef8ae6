"""The frames of attached clients, and what the program's output asks for."""
