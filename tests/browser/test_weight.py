"""The sign-in page stays light on a slow line (performance: first visit and repeat view)."""

import pytest

from tests import weights


@pytest.mark.parametrize("path", ["ar/accounts/login/", "en/accounts/login/"])
def test_sign_in_page_keeps_its_weight(browser, stack, path):
    first, repeat = weights.weigh(browser, stack.base_url, path)
    assert len(first.requests) <= weights.REQUESTS, first.requests
    assert first.fonts > 0
    assert first.total <= weights.WITH_FONTS
    assert first.others <= weights.WITHOUT_FONTS
    assert 0 < repeat.total <= weights.REPEAT, repeat.requests


def test_registration_page_keeps_the_weight_of_sign_in(browser, stack):
    first, repeat = weights.weigh(browser, stack.base_url, "ar/accounts/signup/")
    assert len(first.requests) <= weights.REQUESTS, first.requests
    assert first.total <= weights.WITH_FONTS
    assert repeat.total <= weights.REPEAT, repeat.requests
