"""CloudWatch: metrics in embedded format, metric math, alarms that are evaluated and act."""
