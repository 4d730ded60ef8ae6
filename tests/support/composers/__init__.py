"""Programs that stand in for those into which prompts are typed."""
