"""What holds after every submission, as SQL that returns the rows that break it, and what a refusal may not write."""

from django.apps import apps
from django.db import connection

INVARIANTS = {
    "a user without its sign-in name": """
        SELECT u.id FROM accounts_user u LEFT JOIN accounts_signinname n ON n.user_id = u.id AND n.value = u.email
        WHERE n.id IS NULL""",
    "a user without exactly one verified primary address, its own": """
        SELECT u.id FROM accounts_user u LEFT JOIN account_emailaddress e
            ON e.user_id = u.id AND e.email = u.email AND e.verified AND e."primary"
        WHERE u.email <> 'root@example.com' GROUP BY u.id HAVING count(e.id) <> 1""",
    "a tied member without sign-in name, or a name without its member": """
        SELECT m.id FROM profiles_member m LEFT JOIN accounts_signinname n
            ON n.user_id = m.user_id AND n.value = m.membership_number
        WHERE m.user_id IS NOT NULL AND n.id IS NULL
        UNION ALL SELECT n.id FROM accounts_signinname n JOIN accounts_user u ON u.id = n.user_id
            LEFT JOIN profiles_member m ON m.user_id = n.user_id AND m.membership_number = n.value
        WHERE n.value <> u.email AND m.id IS NULL""",
    "a mail whose challenge, user, claim, step or change is not there": """
        SELECT o.id::text FROM mail_outbox o WHERE o.state = 'waiting' AND (
            (o."references" ? 'challenge' AND NOT EXISTS (SELECT 1 FROM accounts_challenge c
                WHERE c.id = (o."references"->>'challenge')::bigint))
            OR (o."references"->>'user' IS NOT NULL AND NOT EXISTS (SELECT 1 FROM accounts_user u
                WHERE u.id = (o."references"->>'user')::bigint))
            OR (o."references" ? 'claim' AND NOT EXISTS (SELECT 1 FROM profiles_claim c
                WHERE c.id = (o."references"->>'claim')::bigint))
            OR (o."references" ? 'step' AND NOT EXISTS (SELECT 1 FROM profiles_requeststep s
                WHERE s.id = (o."references"->>'step')::bigint))
            OR (o."references" ? 'change' AND NOT EXISTS (SELECT 1 FROM accounts_emailchange c
                WHERE c.id = (o."references"->>'change')::bigint)))""",
    "a used registration code without its user": """
        SELECT c.id FROM accounts_challenge c WHERE c.purpose = 'registration' AND c.used_at IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM accounts_user u WHERE u.email = c.address)""",
    "a pending registration without a challenge": """
        SELECT p.id::text FROM accounts_pendingregistration p WHERE NOT EXISTS (
            SELECT 1 FROM accounts_challenge c WHERE c.purpose = 'registration' AND c.address = p.address)""",
    "a request whose last step is not its state": """
        SELECT r.id FROM profiles_updaterequest r LEFT JOIN LATERAL (
            SELECT kind FROM profiles_requeststep s WHERE s.request_id = r.id AND s.kind <> 'reminded'
            ORDER BY s.id DESC LIMIT 1) last ON true
        WHERE r.state <> 'draft' AND last.kind IS DISTINCT FROM r.state
            AND NOT (r.state = 'rejected' AND last.kind = 'closed') AND NOT (r.state = 'withdrawn'
            AND last.kind = 'closed')""",
    "a tied claim whose member has another account": """
        SELECT c.id FROM profiles_claim c JOIN profiles_member m ON m.id = c.member_id
        WHERE c.state = 'tied' AND m.user_id IS DISTINCT FROM c.user_id""",
    "a completed change of address that its user never got": """
        SELECT e.id FROM accounts_emailchange e JOIN accounts_user u ON u.id = e.user_id
        WHERE e.completed_at IS NOT NULL AND e.undone_at IS NULL AND u.email <> e.new_address
            AND NOT EXISTS (SELECT 1 FROM accounts_emailchange l WHERE l.user_id = e.user_id AND l.id > e.id)""",
    "rights that no form gives": """
        SELECT id FROM accounts_user WHERE (is_staff OR is_superuser)
            AND email NOT IN ('root@example.com', 'member@example.com')""",
    "a name with control characters, bidi overrides or surrogates": r"""
        SELECT id::text FROM (SELECT id::text, first_name || last_name AS name FROM accounts_user
            UNION ALL SELECT id::text, first_name || last_name FROM accounts_pendingregistration
            UNION ALL SELECT id::text, name_arabic || name_latin || city || workplace || job_title
                FROM profiles_member) rows
        WHERE name ~ U&'[\0001-\001F\007F-\009F\202A-\202E\2066-\2069\FEFF]'""",
}  # fmt: skip
# What may be written although the answer is a refusal: counts, spent tokens, sessions, what happened, who looked.
ALLOWED = {
    "accounts_throttle", "accounts_challengetries", "accounts_spenttoken", "accounts_session", "accounts_accountevent",
    "profiles_recordview", "django_admin_log",
}  # fmt: skip


def broken_invariants() -> list[str]:
    with connection.cursor() as cursor:
        told = []
        for name, sql in INVARIANTS.items():
            cursor.execute(sql)
            rows = cursor.fetchall()
            told += [f"{name}: {rows[:3]}"] if rows else []
    return told


def tables() -> list[str]:
    return sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)} - ALLOWED)


def snapshot() -> dict[str, str]:
    """Return table → digest of its rows: what a refusal must leave as it was."""
    parts = " UNION ALL ".join(
        f"SELECT '{name}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} t"  # noqa: S608
        for name in tables()
    )
    with connection.cursor() as cursor:
        cursor.execute(parts)
        return dict(cursor.fetchall())
