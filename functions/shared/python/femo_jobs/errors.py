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
    """SageMaker or S3 refused the request for now: the job is not queued."""


class SubmissionUncertainError(JobsError):
    """The request for inference may or may not have been queued."""


class TableBusyError(JobsError):
    """DynamoDB has not read all that it was asked for."""


class UnreadableRowError(JobsError):
    """A row of the job table is not one that this version of the code can read.

    Attributes
    ----------
    job_id : str
        The row's key, which alone is sure to be there.
    """

    def __init__(self, job_id: str, why: str) -> None:
        super().__init__(f"the row of job {job_id} cannot be read: {why}")
        self.job_id = job_id
        self.why = why


class NotificationError(JobsError):
    """A message is not one that SageMaker publishes about an inference."""


class ForeignResultError(JobsError):
    """What should be the result of a job is another job's."""
