"""FeMo's side of SageMaker's container contracts: hosting, training and processing."""
