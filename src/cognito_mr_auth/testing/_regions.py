"""The default replica of a fake pool.

Owns only that choice. A pool has no replica in its own Region, nor in another partition.
"""

from __future__ import annotations

from typing import Final

from cognito_mr_auth._base.partitions import partition

__all__ = ["default_replicas"]

# Partition -> two Regions of it. Of the others, AWS has announced no second Region with Cognito.
_REGIONS: Final = {
    "": ("us-east-1", "us-west-2"),
    "cn-": ("cn-north-1", "cn-northwest-1"),
    "us-gov-": ("us-gov-west-1", "us-gov-east-1"),
}


def default_replicas(user_pool_id: str) -> tuple[str, ...]:
    """Return one other Region of the pool's partition; none if the partition has no other."""
    primary = user_pool_id.partition("_")[0]
    others = (region for region in _REGIONS.get(partition(primary), ()) if region != primary)
    return tuple(others)[:1]
