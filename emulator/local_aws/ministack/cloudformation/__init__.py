"""Resource types that MiniStack's CloudFormation lacks."""
