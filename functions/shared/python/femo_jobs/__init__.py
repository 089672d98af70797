"""What the functions share: the job table, S3 locations, submission and outcomes of jobs."""
