"""Labels, features, training, calibration and evaluation of the movement model."""
