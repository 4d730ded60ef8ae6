"""The frames of attached clients; what is found in the output, and who replies to its queries."""
