"""People's sign-in at a user pool's own page."""
