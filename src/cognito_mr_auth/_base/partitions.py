"""AWS partitions: the DNS suffix of a Region's hosts. A test compares the table with botocore's.

This module holds the table and the form of a Region's name. A Region that AWS has not announced yet gets the
partition that its prefix names, so a new Region needs no release of ours.
"""

from __future__ import annotations

import re

__all__ = ["REGION", "dns_suffix", "partition"]

# us-east-1, us-gov-west-1, us-isob-east-1, eusc-de-east-1: at most two words between the ends.
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,5})?-[a-z]{4,10}-[0-9]{1,2}", re.ASCII)

# botocore's data/partitions.json, `regionRegex` and `outputs.dnsSuffix`. Any other prefix is of `aws`.
_SUFFIX_BY_PREFIX = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-gov-", "amazonaws.com"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
)
_DEFAULT = "amazonaws.com"


def dns_suffix(region: str) -> str:
    """The DNS suffix of a Region's service hosts, such as `amazonaws.com` for `eu-west-1`."""
    for prefix, suffix in _SUFFIX_BY_PREFIX:
        if region.startswith(prefix):
            return suffix
    return _DEFAULT


def partition(region: str) -> str:
    """The prefix that identifies a Region's partition. It is empty for the commercial partition."""
    for prefix, _ in _SUFFIX_BY_PREFIX:
        if region.startswith(prefix):
            return prefix
    return ""
