"""Where pictures are made beyond this process: ZeroGPU, and replicas in a Ray cluster."""
