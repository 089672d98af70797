"""Endpoints, their configurations and the model servers behind them."""
