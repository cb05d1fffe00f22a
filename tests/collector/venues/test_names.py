import pytest

from collector.venues.names import base_and_multiplier


@pytest.mark.parametrize(
    ("listed", "base", "multiplier"),
    [
        ("BTC", "BTC", 1),
        ("1000PEPE", "PEPE", 1000),
        ("SHIB1000", "SHIB", 1000),
        ("10000SATS", "SATS", 10_000),
        ("1000000MOG", "MOG", 1_000_000),
        ("10000000AIDOGE", "AIDOGE", 10_000_000),
        ("1MBABYDOGE", "BABYDOGE", 1_000_000),
        ("1000X", "X", 1000),
        ("1000 PEPE", "PEPE", 1000),
        ("1INCH", "1INCH", 1),
        ("0G", "0G", 1),
        ("2Z", "2Z", 1),
        ("4", "4", 1),
        ("1000", "1000", 1),
        ("US100", "US100", 1),
        ("KAS", "KAS", 1),
        ("kPEPE", "KPEPE", 1),
        ("币安人生", "币安人生", 1),
        ("1000币安人生", "币安人生", 1000),
        ("XBT", "BTC", 1),
        ("XDG", "DOGE", 1),
    ],
)
def test_tells_the_asset_from_how_many_are_quoted_as_one(listed, base, multiplier):
    """A power of ten from a thousand on is a multiplier, any other digit part of the name."""
    assert base_and_multiplier(listed) == (base, multiplier)


@pytest.mark.parametrize(
    ("listed", "base", "multiplier"),
    [("kPEPE", "PEPE", 1000), ("KAS", "KAS", 1), ("BTC", "BTC", 1), ("kaito", "KAITO", 1)],
)
def test_knows_a_small_k_for_a_thousand_where_the_venue_writes_so(listed, base, multiplier):
    """Only a small k before a capital letter; KAS keeps its K."""
    assert base_and_multiplier(listed, kilo_prefix=True) == (base, multiplier)
