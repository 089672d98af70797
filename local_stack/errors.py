"""What can go wrong with the local stack, each with what to do about it."""


class StackError(Exception):
    """The stack cannot start, or has stopped; the message is for the user."""


class PortTakenError(StackError):
    """A port that was asked for is in use."""


class AlreadyRunningError(StackError):
    """A stack runs in the same folder."""


class NotRunningError(StackError):
    """No stack runs in the folder."""


class PartCrashedError(StackError):
    """A process of the stack ended by itself."""


class DeploymentError(StackError):
    """The template could not be built, deployed or verified."""
