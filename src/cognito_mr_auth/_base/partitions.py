"""AWS partitions: which DNS suffix a Region's hosts have. A data table, checked against botocore's.

Owns the table and the form of a Region's name. A Region that AWS has not announced yet gets the
partition that its prefix names, so that a new Region needs no release of ours.
"""

from __future__ import annotations

import re

__all__ = ["REGION", "dns_suffix", "partition"]

# us-east-1, us-gov-west-1, us-isob-east-1, eusc-de-east-1: at most two words between the ends.
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,5})?-[a-z]{4,10}-[0-9]{1,2}", re.ASCII)

# botocore data/partitions.json, `regionRegex` and `outputs.dnsSuffix`; `aws` is what remains.
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
    """The prefix that sets a Region's partition apart, empty for the commercial one."""
    for prefix, _ in _SUFFIX_BY_PREFIX:
        if region.startswith(prefix):
            return prefix
    return ""
