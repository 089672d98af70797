"""Talk to a deployed FeMo stack over HTTP alone: sign in, upload, submit, follow."""
