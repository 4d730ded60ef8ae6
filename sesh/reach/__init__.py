"""Here or on a host: who asks, where it is carried out, the links in between, and the call over them."""
