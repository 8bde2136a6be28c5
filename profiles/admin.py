"""Member data for staff. Every value is written by the acts alone."""

from profiles import claim_admin, member_admin, review_admin  # noqa: F401  (each registers its models)
