"""What is found in the signals of a recording: pulses, chains of them, bouts of hiccups."""
