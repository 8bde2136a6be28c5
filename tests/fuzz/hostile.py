"""What no browser sends: texts, bodies, headers and queries, as Hypothesis strategies."""

from urllib.parse import quote, quote_from_bytes, unquote_to_bytes  # noqa: F401  (for tests/test_fuzz.py)

from hypothesis import strategies as st

SCRIPT = "<script>alert(1)</script>"
# Shown literally or refused: none of them may stand in a page as it is written here.
MARKUP = [SCRIPT, "\"'><img src=x onerror=alert(1)>", "</textarea><svg/onload=alert(1)>"]
TEXTS = [
    *MARKUP, "", " \u00a0\u3000\t", "\x00", "nora\x00x", "\ud800", "nora\udfffx", "\u202enora\u202c",
    "bob@\u202eexample.com",
    "\u200b\u200f\u2060", "n" + "\u0301" * 50, "ｎｏｒａ", "{{ 7*7 }}{% debug %}{% load x %}", "${7*7}#{7*7}<%= 7*7 %>",
    "%s%n%(x)s{0}{x}{0.__class__}", "nora\r\nBcc: eve@evil.example", "a@b.c\nSet-Cookie: x=y", "' or 1=1 --",
    "'; drop table accounts_user; --", "\\", "\\'", "%", "_%_", "😀👩🏽‍⚕️", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "０１２３４５",
    "0٠۰1", "NaN", "-1", "1e999", "9" * 19, "9" * 400, "-" + "9" * 40, "0x7fffffff", "1.7976931348623157e309",
    "Infinity",
    "[1,2]", '{"a": 1}', "null", "true", "//evil.example", "https:evil.example", "\\\\evil.example",
    "javascript:alert(1)",
    "../../etc/passwd", "....//", "file:///etc/passwd", "\x1b[31m", "\x7f\x80\x85\u2028\u2029", "\ufeff",
    "\uffff\U0010ffff",
    "UPD-0000-0000", "00000000-0000-0000-0000-000000000000", "1405-13-40", "30/02/1405", "9999-12-31", "0000-00-00",
    "31/12/99999", "29/02/1900", "a" * 10_000, "ا" * 5_000, "@", "a@", "@a", "a@b", "a@[127.0.0.1]",
    "a" * 300 + "@example.com",
    "a@" + "b." * 200 + "com", "xn--@xn--.com", "a@xn--a.com", "i̇@example.com", "+966" + "5" * 40, "+", "&#0;", "&lt;",
    "=cmd|' /C calc'!A0", "on", "off", "verify", "resend", "change", "approve", "finish", "\u0600\u0604\u06dd",
    "\u034f\u115f",
]  # fmt: skip
MEGABYTE = "m" * 2**20
# Bytes that are no UTF-8, on the wire as they stand.
RAW = [
    b"\xff\xfe\x80\xc3",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    "نورة".encode("cp1256"),
    "nora".encode("utf-16"),
    b"\xf4\x90\x80\x80",
]
# What a form never offers: rights, states, keys of others.
EXTRA = [
    "is_staff", "is_superuser", "is_active", "verified", "primary", "status", "state", "membership_number", "user",
    "user_id",
    "id", "pk", "member", "groups", "user_permissions", "session_epoch", "__proto__", "email", "password",
    "csrfmiddlewaretoken",
    "_method", "next", "action", "_save", "_popup", "_to_field", "select_across", "index", "language", "visitor",
    "owner",
]  # fmt: skip
TYPES = [
    "text/plain", "application/json", "application/xml", "multipart/form-data", "multipart/form-data; boundary=",
    "multipart/form-data; boundary=\x01", "multipart/form-data; boundary=" + "b" * 300,
    "application/x-www-form-urlencoded; charset=utf-7", "application/x-www-form-urlencoded; charset=nonsense",
    "application/x-www-form-urlencoded; charset=utf-16", "text/html; charset=\x00", "", "a/b/c;;;=",
]  # fmt: skip
METHODS = ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "GET", "PROPFIND", "POST\x00", "post"]
FILE_NAMES = ["a.jpg", "../../x.jpg", "x\x00.pdf", "\r\nX: y", "", "a" * 500, "ن.csv", "x.svg", "x.xlsx"]
HEADERS = {
    "HTTP_REFERER": TEXTS, "HTTP_ACCEPT_LANGUAGE": [*TEXTS, "xx-" * 300, "ar;q=nan"], "HTTP_USER_AGENT": TEXTS,
    "HTTP_X_REQUESTED_WITH": ["XMLHttpRequest"], "HTTP_ACCEPT": ["application/json", "\x00"],
    "HTTP_X_FORWARDED_HOST": ["evil.example"],
    "HTTP_X_HTTP_METHOD_OVERRIDE": ["DELETE"], "HTTP_IF_MODIFIED_SINCE": ["NaN"], "HTTP_RANGE": ["bytes=9-1,-5"],
    "HTTP_HOST": ["evil.example", "localhost:0x1", "[::1", "local\x00host", "localhost:99999"],
    "HTTP_X_FORWARDED_FOR": ["", "a, b", "999.1.1.1", "::ffff:10.0.0.1", "fe80::1%eth0", "10.0.0.1:99", ",,,",
    "\x00", "1" * 5000],
}  # fmt: skip

texts = st.one_of(
    st.sampled_from(TEXTS),
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.sampled_from(TEXTS).flatmap(lambda text: st.sampled_from(TEXTS).map(lambda more: text[:200] + more[:200])),
    st.integers().map(str),
    st.floats().map(str),
)
# On the wire: percent-encoded text (surrogates too), bytes that are no UTF-8, or what was never encoded at all.
values = st.one_of(
    texts.map(lambda text: quote(text.encode("utf-8", "surrogatepass"))),
    texts.map(lambda text: quote(text.encode("utf-8", "surrogatepass"))),
    st.sampled_from(RAW).map(quote_from_bytes),
    st.binary(max_size=40).map(quote_from_bytes),
    st.sampled_from(["%", "%zz", "%u0041", "+", "a=b", ";", "%00"]),
)
headers = st.one_of(
    st.just({}),
    st.just({}),
    st.sampled_from(sorted(HEADERS)).flatmap(
        lambda name: st.sampled_from(HEADERS[name]).map(lambda value: {name: value})
    ),
)
cookies = st.one_of(
    st.just({}), st.just({}), st.just({}),
    st.tuples(st.sampled_from(["__Host-session", "__Host-csrf", "__Host-language", "x", "sessionid"]),
    st.sampled_from(TEXTS[:40])).map(
        lambda pair: dict([pair])
    ),
)  # fmt: skip
queries = st.lists(st.tuples(st.sampled_from(
    ["q", "p", "o", "e", "all", "next", "notice", "page", "action", "_changelist_filters", "state__exact", "id__in",
    "pk__gt",
     "user__password__startswith", "state", "submitted_at__gte", "is_active__exact", "_popup", "_to_field", "x[]",
     "", "language"]
), values).map("=".join), min_size=1, max_size=4).map("&".join)  # fmt: skip


def encode_form(pairs: list[tuple[str, str]]) -> bytes:
    """Return a body of values that are percent-encoded already."""
    return "&".join(f"{quote(name)}={value}" for name, value in pairs).encode("latin-1", "replace")


def encode_parts(pairs: list[tuple[str, bytes, str]], boundary: str) -> bytes:
    """Return a multipart body of (name, content, file name or nothing)."""
    body = b""
    for name, content, filename in pairs:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        head += f'; filename="{filename}"\r\nContent-Type: image/jpeg' if filename else ""
        body += head.encode("utf-8", "surrogatepass") + b"\r\n\r\n" + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()
