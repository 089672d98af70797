"""What is found in the signals of a recording."""
