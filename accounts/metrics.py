"""What the accounts count for Prometheus. Labels are names that stand in the code."""

from prometheus_client import Counter

SIGN_INS = Counter("mumaris_sign_ins", "Sign-ins by outcome: done, wrong_password, limited", ["outcome"])
# The mails that carry them are counted by the mail room, by kind.
CODES = Counter("mumaris_codes", "Codes typed, codes and links used, by purpose", ["purpose", "step"])
LIMITS_REACHED = Counter("mumaris_limits_reached", "Uses that a limit held back", ["limit"])
CAPTCHA_FALLBACKS = Counter("mumaris_captcha_fallbacks", "Times our check stood in for reCAPTCHA")
HASHING_REFUSALS = Counter("mumaris_hashing_refusals", "Answers 503 because too many passwords waited")
EVENTS = Counter("mumaris_events", "Facts of the history of accounts", ["kind", "outcome"])
