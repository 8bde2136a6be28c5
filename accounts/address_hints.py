"""Likely typing errors in e-mail addresses: a hint, never a refusal."""

from difflib import get_close_matches

# Where the mail of most practitioners here lives.
COMMON_DOMAINS = [
    "gmail.com", "hotmail.com", "outlook.com", "outlook.sa", "yahoo.com", "icloud.com", "live.com", "msn.com",
    "me.com", "moh.gov.sa", "ngha.med.sa", "kfshrc.edu.sa", "ksu.edu.sa",
]  # fmt: skip
# Endings that are typing errors and no top-level domains, or as good as.
WRONG_ENDINGS = {"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "vom": "com", "xom": "com", "co": "com"}
# Domains that resemble a common one and are right all the same.
RIGHT_AS_THEY_ARE = {"mail.com", "gmx.com", "ymail.com", "email.com", "aol.com", "hotmail.co", "outlook.co"}
CUTOFF = 0.8


def suggest_address(address: str) -> str:
    """Return the address that was probably meant, or an empty string."""
    local, _at, domain = address.partition("@")
    if not domain or domain in COMMON_DOMAINS or domain in RIGHT_AS_THEY_ARE:
        return ""
    meant = _mend_ending(domain)
    close = get_close_matches(meant, COMMON_DOMAINS, n=1, cutoff=CUTOFF)
    meant = close[0] if close and meant not in RIGHT_AS_THEY_ARE else meant
    return f"{local}@{meant}" if meant != domain else ""


def _mend_ending(domain: str) -> str:
    name, _dot, ending = domain.rpartition(".")
    return f"{name}.{WRONG_ENDINGS[ending]}" if ending in WRONG_ENDINGS else domain
