"""How the two processes of the local AWS speak to each other beside AWS's own APIs."""

PREFIX = "/_local/"
KEY_HEADER = "X-Local-Aws-Key"
# Both processes are started with the same key in it; it is taken out of the environment at once
KEY_VARIABLE = "LOCAL_AWS_KEY"
