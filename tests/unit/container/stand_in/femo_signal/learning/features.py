"""One feature."""

FEATURE_SET = "stand-in"
