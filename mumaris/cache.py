"""A cache that never raises: limits and hints must not take a page down with them.

Nothing that decides who is signed in lies here. When Redis is away each process counts for itself
in local memory, and a breaker leaves the server alone for a few seconds, so that no page pays
the time-out twice.
"""

import json
import logging

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from mumaris.breaker import Breaker
from mumaris.connections import REDIS_PAUSE

logger = logging.getLogger(__name__)


class JsonSerializer:
    """Redis values are JSON: the default is pickle, and whoever writes to Redis would run code here."""

    def dumps(self, value):
        # Integers stay bare, so that Redis can count them.
        return value if type(value) is int else json.dumps(value)

    def loads(self, value):
        return json.loads(value)


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache, with local memory in its place while the server is out of reach."""

    # Of the class: Django makes a cache object for every thread.
    breaker = Breaker(REDIS_PAUSE)

    def __init__(self, server, params):
        super().__init__(server, params)
        self.fallback = LocMemCache("redis-away", {"OPTIONS": {"MAX_ENTRIES": 100_000}})

    @property
    def is_away(self) -> bool:
        return self.breaker.is_open

    def _ask(self, operation: str, *args, **kwargs):
        if not self.is_away:
            try:
                return getattr(super(), operation)(*args, **kwargs)
            except (RedisError, OSError) as error:
                self.breaker.trip()
                logger.warning("cache out of reach: %s", type(error).__name__)
        return getattr(self.fallback, operation)(*args, **kwargs)

    def add(self, *args, **kwargs):
        return self._ask("add", *args, **kwargs)

    def get(self, *args, **kwargs):
        return self._ask("get", *args, **kwargs)

    def set(self, *args, **kwargs):
        return self._ask("set", *args, **kwargs)

    def incr(self, *args, **kwargs):
        return self._ask("incr", *args, **kwargs)

    def touch(self, *args, **kwargs):
        return self._ask("touch", *args, **kwargs)

    def delete(self, *args, **kwargs):
        return self._ask("delete", *args, **kwargs)

    def get_many(self, *args, **kwargs):
        return self._ask("get_many", *args, **kwargs)

    def set_many(self, *args, **kwargs):
        return self._ask("set_many", *args, **kwargs)

    def delete_many(self, *args, **kwargs):
        return self._ask("delete_many", *args, **kwargs)

    def has_key(self, *args, **kwargs):
        return self._ask("has_key", *args, **kwargs)

    def clear(self):
        return self._ask("clear")
