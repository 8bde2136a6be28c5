"""What happens when everything happens at once: real threads on PostgreSQL."""

import threading

import pytest
from django.db import connection
from django.test import Client

from accounts import limits
from accounts.challenges import derive_code
from accounts.hashing_gate import QUEUE
from accounts.models import Challenge, PendingRegistration, User
from tests.journey import (
    PASSWORD,
    accept_declaration,
    answer_visual_code,
    register,
    registration_fields,
    tick_robot,
    url,
    waiting,
)

pytestmark = pytest.mark.django_db(transaction=True)
CODE_PAGE = "account_email_verification_sent"


def together(*acts):
    """Run the acts in threads that start at one moment; return what each returned."""
    outcomes, start = [None] * len(acts), threading.Barrier(len(acts))

    def run(number, act):
        start.wait()
        try:
            outcomes[number] = act()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def signup_posts(clients):
    acts = []
    for client in clients:
        fields = registration_fields() | tick_robot(client.get(url("account_signup")))
        acts.append(lambda client=client, fields=fields: client.post(url("account_signup"), fields))
    return acts


def tabs_or_browsers(visitors, number):
    """That many clients: tabs of one browser, or a browser each."""
    first, clients = Client(), [Client() for _ in range(number)]
    accept_declaration(first)
    for client in clients:
        if visitors == 1:
            client.cookies = first.cookies.copy()
        else:
            accept_declaration(client)
    return clients


@pytest.mark.real_work
@pytest.mark.parametrize("visitors", [1, 8])
def test_eight_parallel_registrations_are_all_answered_alike(visitors):
    answers = together(*signup_posts(tabs_or_browsers(visitors, 8)))
    assert [(answer.status_code, answer.headers.get("Location")) for answer in answers] == [(302, url(CODE_PAGE))] * 8
    assert Challenge.objects.count() == 1
    assert waiting("registration_code") == 1


@pytest.mark.parametrize("visitors", [1, 60])
def test_sixty_parallel_registrations_make_one_challenge_and_one_mail(visitors):
    clients = tabs_or_browsers(visitors, 60)
    before = waiting("registration_code")
    answers = together(*signup_posts(clients))
    taken = [answer.status_code == 302 for answer in answers]
    # Those whom the gate on hashing turned away were told to come again, and left nothing behind.
    assert {answer.status_code for answer in answers} <= {302, 503}
    assert sum(taken) > QUEUE
    assert {answer.url for answer in answers if answer.status_code == 302} == {url(CODE_PAGE)}
    assert Challenge.objects.count() == 1
    assert waiting("registration_code") - before == 1
    assert PendingRegistration.objects.count() == (1 if visitors == 1 else sum(taken))
    pages = {
        client.get(url(CODE_PAGE)).status_code for client, was_taken in zip(clients, taken, strict=True) if was_taken
    }
    assert pages == {200}
    assert not User.objects.exists()


def test_sixty_parallel_right_codes_make_one_user(client):
    register(client)
    code = derive_code(Challenge.objects.get())
    clients = [Client() for _ in range(60)]
    for other in clients:
        other.cookies = client.cookies.copy()
    answers = together(*[lambda c=c: c.post(url(CODE_PAGE), {"action": "verify", "code": code}) for c in clients])
    assert {answer.status_code for answer in answers} <= {200, 302}
    assert User.objects.count() == 1
    assert waiting("welcome") == 1


def test_sixty_parallel_wrong_codes_are_five_tries(client):
    register(client)
    challenge = Challenge.objects.get()
    wrong = f"{(int(derive_code(challenge)) + 1) % 1_000_000:06d}"
    clients = [Client() for _ in range(60)]
    for other in clients:
        other.cookies = client.cookies.copy()
    together(*[lambda c=c: c.post(url(CODE_PAGE), {"action": "verify", "code": wrong}) for c in clients])
    assert challenge.tries.get().count == 5
    # What counts mailbox-wide saw them too; tabs that open at one moment may each count once more.
    assert limits.used(limits.CODE_TRIES_OF_MAILBOX, "registration", challenge.address)[0] >= 5


def test_sixty_parallel_wrong_passwords_are_five_tries(member):
    clients = [Client(REMOTE_ADDR=f"10.1.1.{number}") for number in range(60)]
    pages = [client.get(url("account_login")) for client in clients]
    posts = [
        lambda c=c, page=page: c.post(
            url("account_login"), {"login": member.email, "password": "Wrong-Password1"} | answer_visual_code(page)
        )
        for c, page in zip(clients, pages, strict=True)
    ]
    answers = [answer.status_code for answer in together(*posts)]
    assert sorted(answers) == [200] * 5 + [429] * 55


def test_one_visual_code_in_sixty_parallel_posts_signs_in_once(member):
    clients = [Client(REMOTE_ADDR=f"10.1.1.{number}") for number in range(60)]
    page = clients[0].get(url("account_login"))
    fields = {"login": member.email, "password": PASSWORD} | answer_visual_code(page)
    answers = together(*[lambda c=c: c.post(url("account_login"), fields) for c in clients])
    assert sorted(answer.status_code for answer in answers) == [200] * 59 + [302]


def test_sixty_parallel_questions_for_a_reset_mail_one_link(member):
    clients = [Client(REMOTE_ADDR=f"10.1.1.{number}") for number in range(60)]
    forgot = url("account_reset_password")
    posts = []
    for client in clients:
        fields = {"email": member.email} | tick_robot(client.get(forgot))
        posts.append(lambda c=client, fields=fields: c.post(forgot, fields))
    answers = together(*posts)
    assert {answer.status_code for answer in answers} == {302}
    assert waiting("password_reset") == 1


def test_registration_and_its_completion_at_once_lose_nothing(client):
    register(client)
    code = derive_code(Challenge.objects.get())
    others = [Client() for _ in range(4)]
    for other in others:
        accept_declaration(other)
    finish = lambda: client.post(url(CODE_PAGE), {"action": "verify", "code": code})  # noqa: E731
    answers = together(finish, *signup_posts(others))
    assert {answer.status_code for answer in answers} == {302}
    assert User.objects.count() == 1
