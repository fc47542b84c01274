"""How the cluster gives lanes to replicas, and how many replicas it keeps. Needs Ray.

A proxy of Ray Serve imports this module, and nothing of the engine with it.
"""

import math
import random
from typing import Any

from ray.serve.request_router import RequestRouter

BUSY_SHARE = 0.7
"""More replicas are started where they render for a larger part of the time than this."""
BUSY = "busy"


class Homing(RequestRouter):  # type: ignore[misc]
    """Gives a lane the replica that it wishes for, else the one with the fewest lanes.

    A wish is the header `x-session-id`: `+name` is the replica of that name, where it is still
    there; `-name,name` is another one than these, where there is one.
    """

    async def choose_replicas(self, candidate_replicas: Any, pending_request: Any = None) -> Any:
        """See `RequestRouter`: ranks of replicas, the best first."""
        wish = pending_request.metadata.session_id if pending_request is not None else ""
        names = set(wish[1:].split(","))
        named = [one for one in candidate_replicas if one.replica_id.unique_id in names]
        rest = [one for one in candidate_replicas if one not in named]
        # Those of equal length are taken by chance, or every app would begin with the same one.
        random.shuffle(rest)
        ranks = [named, rest] if wish.startswith("+") else [rest, named]
        return [rank for rank in ranks if rank]


def by_load(context: Any) -> tuple[int, dict[str, Any]]:
    """A policy of Ray Serve: as many replicas as render for `BUSY_SHARE` of the time.

    Lanes stay open while nobody types, so that the number of requests says nothing here.
    """
    latest = context.aggregated_metrics.get(BUSY, {})
    busy = sum(float(share) for share in latest.values())
    wanted = math.ceil(busy / BUSY_SHARE) or 1
    low, high = context.capacity_adjusted_min_replicas, context.capacity_adjusted_max_replicas
    return max(low, min(high, wanted)), {}
