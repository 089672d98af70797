"""The image itself: built without a Docker engine, and run as SageMaker runs it."""
