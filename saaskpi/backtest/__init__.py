"""The backtest at the command line: over a home or over tables of one's own, as text, JSON and a page."""
