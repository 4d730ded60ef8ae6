"""Install sesh on hosts."""
