"""The home of torch and diffusers: loads the pipeline once and turns requests into frames."""
