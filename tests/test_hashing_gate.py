"""A flood of passwords: one hash at a time, a short queue, an answer at once for the rest, quick pages meanwhile."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client, RequestFactory

from accounts.hashing_gate import NICENESS, QUEUE, TooBusy, hash_in_turn
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


@contextmanager
def long_hash(pool):
    begun, done = threading.Event(), threading.Event()
    pool.submit(hash_in_turn, lambda: begun.set() or done.wait(60))
    begun.wait(60)
    try:
        yield
    finally:
        done.set()


def test_request_beyond_the_queue_is_refused_at_once():
    # All at one moment; a slow machine may finish the first ones before the last comes.
    outcomes = together(*[hash_for_request] * 30)
    assert QUEUE + 1 <= sum(outcomes) < len(outcomes)


def test_commands_wait_for_their_turn():
    assert all(together(*[lambda: bool(make_password("Some-Pass-Phrase-7"))] * 12))


def test_places_are_free_again_after_a_refusal():
    together(*[hash_for_request] * 30)
    assert all(together(*[hash_for_request] * QUEUE))


def test_flood_of_sign_ins_is_answered_and_other_pages_meanwhile(member):
    posts = []
    for number in range(30):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        page = client.get(url("account_login"))
        fields = {"login": f"nobody{number}@example.com", "password": "Wrong-Password1"} | answer_visual_code(page)
        posts.append(lambda client=client, fields=fields: client.post(url("account_login"), fields))

    def answered_by(act):
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(posts) + 1) as pool, long_hash(pool):
        # While one hash takes its time, the queue fills and everybody else is answered.
        flood = [pool.submit(answered_by, post) for post in posts]
        while sum(answer.done() for answer in flood) < len(posts) - QUEUE:
            assert Client().get(url("account_login")).status_code == 200
    answers = [answer.result() for answer in flood]
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) <= QUEUE
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.headers["Retry-After"] for answer in refused} == {"2"}
    assert '<html lang="ar" dir="rtl">' in refused[0].content.decode()
    # Whoever was refused at the door was not counted either.
    assert Throttle.objects.filter(kind="sign-in").count() < len(statuses)


def test_hashes_stand_back_for_pages():
    ours = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    theirs = hash_in_turn(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert theirs == max(ours, NICENESS)


def test_process_that_was_forked_hashes():
    """gunicorn and Celery load everything before they fork; the thread that hashes stays behind."""
    assert hash_in_turn(lambda: True)
    if (child := os.fork()) == 0:
        hashed = False
        try:
            hashed = hash_in_turn(lambda: True)
        finally:
            # Whatever happens, or there are two test runs.
            os._exit(not hashed)
    end = time.monotonic() + 30
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("it waits for a thread that it does not have")
        time.sleep(0.05)
    assert ended[1] == 0
