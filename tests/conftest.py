"""What all tests share."""

import os

# Read when gradio and libgomp are imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from hypothesis import HealthCheck, settings

# Shared machines stall; how long an example takes says nothing here.
settings.register_profile("klein", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("klein")
