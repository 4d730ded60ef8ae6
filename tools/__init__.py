"""What makes the pages and pictures of docs/, and the demonstration of `make run`."""
