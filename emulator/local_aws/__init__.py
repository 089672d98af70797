"""An AWS on one machine: MiniStack with its gaps filled, and a SageMaker."""
