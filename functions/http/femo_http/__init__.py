"""What every function behind the API has in common: its errors, refusals and their description."""
