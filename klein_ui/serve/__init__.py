"""Where the app runs beyond one machine of its own: Spaces and clusters."""
