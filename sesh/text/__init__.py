"""Text: what others wrote made safe, sessions in words, times, sizes and keys."""
