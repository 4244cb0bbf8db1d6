"""The backtest: whether the health score and the flags foretell churn on the user's own data."""
