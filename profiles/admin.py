"""Member data for staff. Every value is written by the acts alone."""

from profiles import review_admin  # noqa: F401  (registers the queue)
