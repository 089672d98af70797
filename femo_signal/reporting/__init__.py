"""What a person or a service is told of a recording: the result, its figures and pictures."""
