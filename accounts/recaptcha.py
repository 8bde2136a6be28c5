"""Google's reCAPTCHA as a guest: asked only when its keys are set, and never able to stop a page."""

import re
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

from django.conf import settings
from django_recaptcha import client

from mumaris.breaker import Breaker

# Seconds: the longest wait for a verdict, and how long nobody is asked after a failure.
WAIT, PAUSE = 3, 60
# Anything else is not Google's, and must not reach the encoder, whose errors would look like Google's absence.
ANSWER = re.compile(r"[\w.-]{1,8192}", re.ASCII)
# Refusals that no visitor can cause: our keys are wrong.
OUR_FAULTS = {"missing-input-secret", "invalid-input-secret"}


class GoogleAwayError(Exception):
    """Google did not answer in time, or not in its own words."""


class Google:
    """reCAPTCHA's verification with a wait by the clock, and a pause of 60 s (per process) after a failure."""

    def __init__(self):
        self.breaker = Breaker(PAUSE)
        # urllib's time-out holds for each step, and not for names (DNS): only a thread keeps to three seconds.
        self._calls = ThreadPoolExecutor(max_workers=8, thread_name_prefix="recaptcha")

    @property
    def is_away(self) -> bool:
        return self.breaker.is_open

    def confirms(self, response: str) -> bool:
        """Ask Google about a visitor's answer. Raises GoogleAwayError."""
        if not ANSWER.fullmatch(response):
            return False
        try:
            # The address is optional, and Google need not learn it from us.
            call = self._calls.submit(client.submit, response, settings.RECAPTCHA_PRIVATE_KEY, "")
            verdict = call.result(WAIT)
            if OUR_FAULTS & set(verdict.error_codes):
                raise GoogleAwayError
        except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError, GoogleAwayError) as error:
            self.breaker.trip()
            raise GoogleAwayError from error
        return verdict.is_valid is True


google = Google()
