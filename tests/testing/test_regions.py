"""`default_replicas`: the replica of a fake pool that names none."""

from __future__ import annotations

import pytest

from cognito_mr_auth.testing import FakeUserPool


@pytest.mark.parametrize(
    ("pool_id", "replicas"),
    [
        ("us-west-2_Fake00001", ("us-east-1",)),
        ("us-east-1_Fake00001", ("us-west-2",)),
        ("eu-central-1_Fake00001", ("us-east-1",)),
        ("cn-north-1_Fake00001", ("cn-northwest-1",)),
        ("cn-northwest-1_Fake00001", ("cn-north-1",)),
        ("us-gov-west-1_Fake00001", ("us-gov-east-1",)),
        ("us-gov-east-1_Fake00001", ("us-gov-west-1",)),
        ("eusc-de-east-1_Fake00001", ()),
        ("us-iso-east-1_Fake00001", ()),
    ],
)
def test_a_pool_of_any_region_needs_no_replica_named(pool_id: str, replicas: tuple[str, ...]) -> None:
    """Its replica is in another Region of its partition, and its tokens are accepted from every issuer."""
    pool = FakeUserPool(pool_id)
    assert pool.replica_regions == replicas
    with pool.offline_verifier() as verifier:
        for kind in ("original", "updated", *(["replica"] if replicas else [])):
            assert verifier.verify(pool.access_token(issuer=kind)).issuer.kind == kind  # type: ignore[arg-type]


def test_named_replicas_are_taken_as_they_are() -> None:
    """Also none, and one that a UserPool would refuse, for a test of just that."""
    assert FakeUserPool("us-east-1_Fake00001", replica_regions=[]).replica_regions == ()
    assert FakeUserPool("us-east-1_A", replica_regions=["us-east-1"]).replica_regions == ("us-east-1",)
