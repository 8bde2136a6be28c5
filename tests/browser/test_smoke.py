"""The stack serves the sign-in page to a real browser, in both languages, with scripts and without."""

import pytest

DIRECTIONS = {"ar": "rtl", "en": "ltr"}


def test_sign_in_page_opens_in_its_language(page, language):
    answer = page.goto(f"/{language}/accounts/login/")

    assert answer.status == 200
    root = page.locator("html")
    assert (root.get_attribute("lang"), root.get_attribute("dir")) == (language, DIRECTIONS[language])
    assert page.locator("main form input[type=password]").count() == 1


@pytest.mark.parametrize(("language", "width"), [("ar", 390), ("en", 1280)])
def test_sign_in_page_is_accessible(open_page, check_accessibility, language, width):
    check_accessibility(open_page(language, width, path=f"/{language}/accounts/login/"))


def test_visual_code_can_be_read_with_the_key(open_page, visual_code):
    code = visual_code(open_page("en", 1280, path="/en/accounts/login/"))

    assert code.isascii()
    assert code.isdigit()
