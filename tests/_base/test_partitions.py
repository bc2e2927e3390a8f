"""AWS partitions: which DNS suffix a Region's hosts have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cognito_mr_auth import pool
from cognito_mr_auth._base.partitions import REGION, dns_suffix, partition


@pytest.mark.parametrize(
    ("region", "suffix", "prefix"),
    [
        ("us-east-1", "amazonaws.com", ""),
        ("eu-west-1", "amazonaws.com", ""),
        ("us-gov-west-1", "amazonaws.com", "us-gov-"),
        ("cn-north-1", "amazonaws.com.cn", "cn-"),
        ("cn-northwest-1", "amazonaws.com.cn", "cn-"),
        ("us-iso-east-1", "c2s.ic.gov", "us-iso-"),
        ("us-isob-west-1", "sc2s.sgov.gov", "us-isob-"),
        ("eu-isoe-west-1", "cloud.adc-e.uk", "eu-isoe-"),
        ("us-isof-south-1", "csp.hci.ic.gov", "us-isof-"),
        ("eusc-de-east-1", "amazonaws.eu", "eusc-"),
        ("xx-nowhere-99", "amazonaws.com", ""),
        ("cn-future-7", "amazonaws.com.cn", "cn-"),
    ],
)
def test_the_suffix_follows_from_the_region(region: str, suffix: str, prefix: str) -> None:
    """The partition follows from a Region's name, also for a Region that AWS has not announced yet."""
    assert REGION.fullmatch(region)
    assert (dns_suffix(region), partition(region)) == (suffix, prefix)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "us",
        "us-east",
        "us-east-",
        "us-east-1\n",
        " us-east-1",
        "US-EAST-1",
        "us_east_1",
        "us-east-1a",
        "us-east-001",
        "us-east-\u0661",
        "\u0443s-east-1",
        "us--east-1",
        "us-east-1.evil.example",
        "us-east-1/",
        "aws-global",
        "a-b-c-d-1",
    ],
    ids=repr,
)
def test_other_text_is_no_region(text: str) -> None:
    """A Region's name goes into a host name, so its form is strict and ASCII."""
    assert REGION.fullmatch(text) is None


def botocore_regions() -> Iterator[tuple[str, str, str]]:
    """Partition, Region and DNS suffix, as botocore's two data files name them."""
    from botocore.loaders import Loader

    for entry in Loader().load_data("partitions")["partitions"]:
        for region in entry["regions"]:
            yield entry["id"], region, entry["outputs"]["dnsSuffix"]
    for entry in Loader().load_data("endpoints")["partitions"]:
        for region in entry["regions"]:
            yield entry["partition"], region, entry["dnsSuffix"]


@pytest.mark.needs("botocore")
@pytest.mark.outside
def test_every_partition_and_region_that_botocore_names() -> None:
    """Every Region's suffix is botocore's, and our partitions are exactly theirs."""
    prefixes: dict[str, set[str]] = {}
    wrong = []
    for name, region, suffix in botocore_regions():
        if region.endswith("-global"):  # a pseudo-Region of global services; no pool is there
            continue
        prefixes.setdefault(name, set()).add(partition(region))
        if not REGION.fullmatch(region) or dns_suffix(region) != suffix:
            wrong.append((region, suffix, dns_suffix(region)))
        pool_id = f"{region}_EXAMPLE"
        issuers = pool.UserPool(pool_id, client_ids=["a"]).issuers
        assert list(issuers) == [
            f"https://issuer-cognito-idp.{region}.{suffix}/{pool_id}",
            f"https://cognito-idp.{region}.{suffix}/{pool_id}",
        ]
    assert wrong == []
    assert len(prefixes) >= 8
    assert all(len(found) == 1 for found in prefixes.values())
    assert len(set().union(*prefixes.values())) == len(prefixes)
