"""The engine on other machines: its replicas in a Ray cluster, and the lanes to them."""
