"""A flood of passwords: one hash at a time, a short queue, an answer at once for the rest, quick pages meanwhile."""

import threading
import time

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client, RequestFactory

from accounts.hashing_gate import QUEUE, TooBusy
from accounts.models import Throttle
from mumaris.origin import working_for
from tests.journey import answer_visual_code, url
from tests.test_parallel import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.real_work]


def hash_for_request():
    with working_for(RequestFactory().get("/")):
        try:
            return bool(make_password("Some-Pass-Phrase-7"))
        except TooBusy:
            return False


def test_request_beyond_the_queue_is_refused_at_once():
    # All at one moment: none of the first has finished when the last one comes.
    outcomes = together(*[hash_for_request] * 30)
    assert sum(outcomes) == QUEUE + 1


def test_commands_wait_for_their_turn():
    assert all(together(*[lambda: bool(make_password("Some-Pass-Phrase-7"))] * 12))


def test_places_are_free_again_after_a_refusal():
    together(*[hash_for_request] * 30)
    assert all(together(*[hash_for_request] * QUEUE))


def test_flood_of_sign_ins_is_answered_and_other_pages_stay_quick(member):
    posts = []
    for number in range(30):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        page = client.get(url("account_login"))
        fields = {"login": f"nobody{number}@example.com", "password": "Wrong-Password1"} | answer_visual_code(page)
        posts.append(lambda client=client, fields=fields: client.post(url("account_login"), fields))
    reader, waits = Client(), []
    stop = threading.Event()

    def read_pages():
        while not stop.is_set():
            start = time.monotonic()
            assert reader.get(url("account_login")).status_code == 200
            waits.append(time.monotonic() - start)

    watching = threading.Thread(target=read_pages)
    watching.start()
    answers = together(*posts)
    stop.set()
    watching.join()
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.headers["Retry-After"] for answer in refused} == {"2"}
    assert '<html lang="ar" dir="rtl">' in refused[0].content.decode()
    assert waits
    # Whoever was refused at the door was not counted either.
    assert Throttle.objects.filter(kind="sign-in").count() < len(statuses)
