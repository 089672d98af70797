"""The laptop's AWS: MiniStack, a local SageMaker, and the supervisor that runs them."""
