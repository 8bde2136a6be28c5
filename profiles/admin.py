"""Member data for staff. Every value is written by the acts alone."""

from profiles import claim_admin, member_admin  # noqa: F401  (register claims and members)
