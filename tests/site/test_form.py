"""A site's form says what can't be built, by field, value and remedy."""

from __future__ import annotations

import pytest
from msgspec import structs, to_builtins

from ampacity.site.form import FormError, read_form
from tests.control.scene import site


@pytest.mark.parametrize(
    ("lease_s", "says"),
    [
        (15.0, "lease_s: 15 is not right: 30 or more, 900 at most"),
        (29.9, "lease_s: 29.9 is not right: 30 or more, 900 at most"),
        (901.0, "lease_s: 901 is not right: 30 or more, 900 at most"),
        (float("nan"), "lease_s: nan is not right: 30 or more, 900 at most"),
    ],
)
def test_a_lease_that_the_law_can_not_work_with_is_refused(lease_s: float, says: str) -> None:
    with pytest.raises(FormError) as found:
        read_form(to_builtins(structs.replace(site(), lease_s=lease_s)), "operator")
    assert str(found.value) == says


@pytest.mark.parametrize("lease_s", [30.0, 300.0, 900.0])
def test_any_other_is_taken(lease_s: float) -> None:
    told = to_builtins(structs.replace(site(), lease_s=lease_s))
    assert read_form(told, "operator").lease_s == lease_s
