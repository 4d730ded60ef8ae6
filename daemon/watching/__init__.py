"""What others see of a session: its description, its events, and what they wait for."""
