"""A SageMaker for one laptop: AWS's API in front, subprocesses instead of instances behind."""
