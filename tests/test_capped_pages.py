"""Lists of the admin count to a cap, and skip no further than it."""

import re

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.models import User
from mumaris.capped_pages import CappedPaginator
from mumaris.mail.models import Outbox
from profiles.models import Member
from tests.journey import PASSWORD
from tests.registry import make_registry_member
from tests.roles import enter

pytestmark = pytest.mark.django_db
MEMBERS = reverse("admin:profiles_member_changelist")


@pytest.fixture
def here(client):
    enter(client, User.objects.create_superuser("root@example.com", PASSWORD, first_name="R", last_name="U"))
    return client


def numbers_on(client, **query) -> list[str]:
    return re.findall(r'class="num">(\d+)<', client.get(MEMBERS, query).content.decode())


def test_every_page_shows_its_own_rows_in_order(here, django_assert_max_num_queries):
    numbers = [make_registry_member().membership_number for _ in range(120)]
    shown = []
    for page in (1, 2, 3):
        with django_assert_max_num_queries(12):
            shown += numbers_on(here, p=page)
    assert shown == numbers


def test_nothing_lies_beyond_the_cap_but_a_search_finds_it(here, monkeypatch):
    monkeypatch.setattr(CappedPaginator, "CAP", 100)
    numbers = [make_registry_member().membership_number for _ in range(120)]
    assert numbers_on(here, p=2) == numbers[50:100]
    assert numbers_on(here, p=3) == []
    assert numbers_on(here, q=numbers[-1]) == numbers[-1:]


def test_a_later_page_joins_nothing_for_what_it_skips(django_assert_num_queries):
    for _ in range(4):
        make_registry_member()
    pages = CappedPaginator(Member.objects.select_related("specialty").order_by("pk"), 2)
    assert pages.num_pages == 2
    with django_assert_num_queries(2) as seen:
        assert len(list(pages.page(2))) == 2
    keys, rows = (query["sql"] for query in seen.captured_queries)
    assert "OFFSET 2" in keys
    assert "JOIN" not in keys
    assert "JOIN" in rows
    assert "OFFSET" not in rows


def test_lists_of_accounts_and_mails_stop_counting_too():
    for model in (User, Outbox):
        assert admin.site.get_model_admin(model).paginator is CappedPaginator
