"""Stand-ins for programs into which prompts are typed."""
