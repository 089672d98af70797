"""Records what SageMaker says of jobs."""
