"""REST APIs as a template's body says."""
