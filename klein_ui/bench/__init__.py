"""Measurements: `python -m klein_ui.bench keystrokes`."""
