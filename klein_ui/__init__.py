"""Klein Live: live prompting for FLUX.2 [klein]."""

__version__ = "0.1.0"
