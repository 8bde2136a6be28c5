"""Web processes die, are replaced, and get new keys: what was committed is mailed, and nobody is signed out."""

import contextlib
import os
import re
import secrets
import signal
import time

import redis

from tests.faults.mail_server import in_background, wait_until
from tests.faults.measures import measures
from tests.faults.people import LOGIN, NEW_PASSWORD, PROFILE, SIGNUP, Load, Person, new_address
from tests.timing import PASSWORD

RATE = 20
# What a worker forks.
SENDERS = 4


def test_web_process_is_killed_between_commit_and_answer(fault):
    """The commit waits for a lock until Redis stands still: the answer then waits for Redis, and never comes."""
    stack, address = fault.stack, new_address()
    with redis.Redis(port=stack.valkey.port) as server:
        valkey = server.info("server")["process_id"]
    person, answers = fault.person(), []
    form = person.open_registration(address)

    def post():
        try:
            answers.append(person.ask("POST", SIGNUP, form))
        except OSError:
            answers.append(None)

    with fault.rows.lock("mail_outbox", "SHARE"):
        thread = in_background(post)
        wait_until(lambda: fault.rows.one("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode ~ 'RowExclusive'"))
        os.kill(valkey, signal.SIGSTOP)
    try:
        wait_until(lambda: fault.rows.one("SELECT count(*) FROM mail_outbox WHERE recipient = %s", address))
        for child in stack.children("web"):
            os.kill(child, signal.SIGKILL)
        thread.join()
    finally:
        os.kill(valkey, signal.SIGCONT)
    assert answers == [None]
    began = time.monotonic()
    code = fault.smtp.code_for(address)
    # The browser still has its session: the code page is there, and the code is good.
    wait_until(lambda: "Otaibi" in person.type_code(code))
    normal = fault.seconds_until_normal(began)
    fault.audit()
    fault.note_answers(normal=normal)


def test_each_process_is_killed_in_turn_under_load(fault):
    stack, members = fault.stack, [fault.person().join(new_address()) for _ in range(4)]
    first = stack.children("web")[0]

    def visit(number: int):
        if number % 20 == 0:
            Person(stack, fault.tally).register(new_address())
        elif number % 2:
            members[number % 4].ask("GET", PROFILE)
        else:
            Person(stack, fault.tally).ask("GET", LOGIN)

    with Load(visit, rate=RATE) as load:
        for name in ("worker", "sweeper", "beat"):
            time.sleep(2)
            stack.kill(name)
            time.sleep(1)
            stack.start_process(name)
        wait_until(lambda: len(stack.children("worker")) == SENDERS)
        victim = stack.children("worker")[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in stack.children("worker") and len(stack.children("worker")) == SENDERS)
        for child in stack.children("web"):
            # One that has been replaced meanwhile is gone already.
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            time.sleep(2)
        # Last the one above them: nobody answers until it is started again.
        stack.kill("web")
        stack.start_process("web")
        stack.wait_until_healthy()
        began = time.monotonic()
        normal = fault.seconds_until_normal(began)
        time.sleep(1)
    assert first not in stack.children("web")
    assert load.done > RATE * 5
    assert all(member.is_signed_in() for member in members)
    # A mail that was between SMTP's 250 and its commit may come twice.
    fault.audit(doubles=4, cause="killed between SMTP's 250 and its commit", seconds=120)
    fault.note_waits("every process killed once under 20 requests a second")
    fault.note_answers(normal=normal)


def new_keys(stack, *, as_fallback: bool) -> dict[str, str]:
    """The two steps of a rotation, as the README tells them: the new key is known to all before anybody uses it."""
    if as_fallback:
        stack.new = {name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "CODE_KEY", "DATA_KEY")}
        return {f"{name}_FALLBACKS": value for name, value in stack.new.items()}
    return stack.new | {f"{name}_FALLBACKS": stack.env[name] for name in stack.new}


def test_rolling_deploy_with_new_keys_leaves_codes_links_and_sessions_good(fault):
    # To whom the proxy sends people: nobody is sent to a process that is being replaced.
    stack, webs = fault.stack, ["web", "web.2"]
    stack.start_process("web.2")
    stack.wait_until_healthy("web.2")
    someone = lambda: fault.person(webs=webs)  # noqa: E731
    member, forgetful, newcomer = new_address("member"), new_address("forgetful"), new_address("newcomer")
    signed_in, registering = someone().join(member), someone()
    someone().join(forgetful)
    registering.register(newcomer)
    code = fault.smtp.code_for(newcomer)
    someone().forget(forgetful)
    link = re.search(r"https?://[^/\s]+(/\S*password/reset/key/\S+)", fault.smtp.wait_for(forgetful, 3).text)[1]
    login = someone()
    prepared = login.fill_in(LOGIN, {"login": member, "password": PASSWORD}, login.read_picture)

    def visit(number: int):
        order = list(webs) if number % 2 else webs[::-1]
        if number % 20 == 0:
            Person(stack, fault.tally, webs=order).register(new_address())
        else:
            Person(stack, fault.tally, webs=order).ask("GET", LOGIN)

    with Load(visit, rate=10):
        for step in (True, False):
            stack.env |= new_keys(stack, as_fallback=step)
            for name in ("web", "web.2"):
                webs.remove(name)
                time.sleep(1)
                stack.restart(name)
                webs.append(name)
                assert signed_in.is_signed_in()
            for name in ("worker", "sweeper", "beat"):
                stack.restart(name)
    # Everything that was given out under the old keys is taken under the new ones.
    assert "Otaibi" in registering.type_code(code)
    assert login.ask("POST", LOGIN, prepared)[0] == 302
    visitor = someone()
    assert visitor.ask("GET", link)[0] == 302
    assert visitor.post(visitor.location, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})[0] == 302
    assert someone().sign_in(forgetful, NEW_PASSWORD) == 302
    stack.stop_process("web.2")
    fault.audit()
    fault.note_answers()
    assert fault.tally.cut == 0
    measures.facts["P5 rolling deploy of two web groups with new keys"] = (
        f"{fault.tally.server_errors} of 5xx, {fault.tally.cut} cut of {sum(fault.tally.statuses.values())} requests",
        "0",
    )
