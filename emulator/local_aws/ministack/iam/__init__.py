"""Who may do what: callers, roles, and sessions of services."""
