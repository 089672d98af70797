"""Build the inference image, push it to Amazon ECR, and name it where a deployment reads it."""
