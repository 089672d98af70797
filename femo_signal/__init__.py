"""Find fetal movements in FeMo belt recordings: formats, analysis, model, evaluation."""

__version__ = "0.1.0"
