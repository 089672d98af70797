"""The exceptions of the job functions."""


class JobsError(Exception):
    """Base of every exception that this package raises."""


class ConfigurationError(JobsError):
    """An environment variable of the function is missing or unusable."""


class LocationError(JobsError):
    """A text is not an S3 location that we can use."""


class EndpointUnavailableError(JobsError):
    """No model is deployed: the endpoint is missing or not in service."""


class EndpointBusyError(JobsError):
    """SageMaker refused the request for now: too many requests."""


class SubmissionUncertainError(JobsError):
    """The request for inference may or may not have been queued."""


class UnreadableRowError(JobsError):
    """A row of the table is not one that this version of the code can read."""

    def __init__(self, job_id: str) -> None:
        super().__init__("a row of the job table cannot be read")
        self.job_id = job_id


class NotificationError(JobsError):
    """A message is not one that SageMaker publishes about an inference."""
