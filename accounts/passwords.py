"""How passwords are kept, and which ones are refused, with a reason in words.

The article advises four kinds of character; NIST SP 800-63B-4 (3.1.1.2) forbids composition rules. Both are kept:
four kinds are asked of short passwords only, and 15 or more characters of any kind are always a way in.
No password is ever changed but for NFC, so that é typed as one or as two code points stays one password.
"""

import re
import threading
import unicodedata
from functools import partial
from math import prod

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from hijridate import Gregorian
from zxcvbn import matching, zxcvbn

from accounts import password_words as words
from accounts.hashing_gate import hash_in_turn

MIN_LENGTH = 8
PHRASE_LENGTH = 15
MAX_LENGTH = 128
# Online guessing is limited elsewhere: 5 * 10**6 guesses outlast it, and zxcvbn's score 3 would refuse
# every random 8 characters (measured: 500 of 500).
MIN_GUESSES = 5_000_000
MIN_PHRASE_SCORE = 3
# Fewer letters than these beside a personal word, or beside a birth date, make it a derivative.
OWN_LETTERS = 4
OWN_LETTERS_BESIDE_DATE = 8

ZXCVBN_LENGTH = 72
ZXCVBN_MIN_CUT = 14
ZXCVBN_WORK = 40_000

MESSAGES = {
    "password_too_long": _("Use at most 128 characters."),
    "password_too_short": _("Use at least 8 characters."),
    "password_no_upper": _("Add an upper case letter."),
    "password_no_lower": _("Add a lower case letter."),
    "password_no_digit": _("Add a number."),
    "password_no_symbol": _("Add a symbol, like ! or # or %."),
    "password_like_person": _("The password is too close to your name or email."),
    "password_like_birth_date": _("The password is too close to your birth date."),
    "password_like_service": _("The password is too close to the name of this service."),
    # The eight sentences of a refusal by strength.
    "password_common_word": _(
        "Common words and passwords are easy to guess. Add more words that do not belong together."
    ),
    "password_name": _("Names and places are easy to guess. Add other, unrelated words."),
    "password_keyboard": _("Keys that lie side by side are easy to guess. Choose characters in no order."),
    "password_repeat": _("Repeated characters or words are easy to guess. Use different ones."),
    "password_sequence": _("Sequences like abcd or 1234 are easy to guess. Choose characters in no order."),
    "password_date": _("Dates are easy to guess. Use something other than a date."),
    "password_word_and_number": _("A word with a year or a number is easy to guess. Add other, unrelated words."),
    "password_weak": _("Choose a password that is harder to guess."),
}

# zxcvbn keeps the user's own words in a module-wide dictionary: two threads would judge by each other's.
_zxcvbn_turn = threading.Lock()


def normalise(password: str) -> str:
    """Return the one form of a password that hashing, checking and the rule share (NIST SP 800-63B-4, 3.1.1.2).

    Lone surrogates, which only a terminal can hand over, become U+FFFD as in Django's own form parsing.
    """
    return unicodedata.normalize("NFC", re.sub("[\ud800-\udfff]", "\ufffd", password))


class NormalisedArgon2Hasher(Argon2PasswordHasher):
    """Argon2id with OWASP's 46 MiB; Django's ``must_update`` compares these and renews others at sign-in."""

    time_cost = 2
    memory_cost = 46 * 1024  # KiB
    parallelism = 1

    def encode(self, password, salt):
        return hash_in_turn(partial(super().encode, normalise(password), salt))

    def verify(self, password, encoded):
        return hash_in_turn(partial(super().verify, normalise(password), encoded))


class PasswordRule:
    """Django's validator for every door: three forms and the command line."""

    def validate(self, password, user=None):
        """Raise one ValidationError with every reason that applies; ``user`` may be any object with a name."""
        password = normalise(password)
        codes = list_shape_faults(password) or list_likenesses(password, user) or list_weaknesses(password, user)
        if codes:
            raise ValidationError([ValidationError(MESSAGES[code], code=code) for code in codes])

    def get_help_text(self):
        return _(
            "Use at least 8 characters with an upper case letter, a lower case letter, a number and a symbol, "
            "or 15 or more characters of any kind."
        )


# --- Shape ------------------------------------------------------------------------------------


def list_shape_faults(password: str) -> list[str]:
    """Return the codes of everything that length and kinds of character lack."""
    if len(password) > MAX_LENGTH:
        return ["password_too_long"]
    if len(password) >= PHRASE_LENGTH:
        return []
    kinds = {name_kind(c) for c in password}
    missing = [f"password_no_{kind}" for kind in ("upper", "lower", "digit", "symbol") if kind not in kinds]
    return ["password_too_short", *missing] if len(password) < MIN_LENGTH else missing


def name_kind(character: str) -> str:
    """Return upper, lower or digit, of any script; everything else, a space or an Arabic letter, is a symbol."""
    if character.isupper():
        return "upper"
    if character.islower():
        return "lower"
    return "digit" if character.isdecimal() else "symbol"


# --- Likeness ---------------------------------------------------------------------------------


def list_likenesses(password: str, user) -> list[str]:
    """Return the codes for a password made of the person's own words or the service's."""
    found = {
        "password_like_person": is_derived(password, list_personal_words(user)) or sounds_like_name(password, user),
        "password_like_birth_date": holds_birth_date(password, getattr(user, "birth_date", None)),
        "password_like_service": is_derived(password, words.read_words()["service"]),
    }
    return [code for code, is_found in found.items() if is_found]


def list_personal_words(user) -> set[str]:
    """Return names and e-mail, whole and in parts; a name of two letters is too short to look for."""
    email = str(getattr(user, "email", "") or "")
    local, _at, domain = email.partition("@")
    name = " ".join(list_names(user))
    parts = [name, *list_names(user), *name.split(), *re.split(r"\s|-", name), "".join(reversed(list_names(user)))]
    parts += [email, local, *re.split(r"[\W\d_]+", local), *domain.split(".")[:-1]]
    squeezed = {words.squeeze(part) for part in parts}
    return {word for word in squeezed if len(word) >= (6 if word.isdecimal() else 3)}


def list_names(user) -> list[str]:
    return [str(getattr(user, field, "") or "") for field in ("first_name", "last_name")]


def is_derived(password: str, personal: set[str] | frozenset[str]) -> bool:
    """Whether little else than these words is left: in any case, in look-alike signs, reversed, with trailing signs.

    A long phrase that only mentions the name has enough letters of its own and passes.
    """
    folded = words.fold(password)
    texts = {words.squeeze(password), "".join(c for c in folded if c.isalnum() or c in words.LOOK_ALIKE_SIGNS)}
    return any(
        is_mostly(personal, text, reading[::step], step)
        for text in texts
        for reading in words.read_look_alikes(text)
        for step in (1, -1)
    )


def is_mostly(personal, text: str, reading: str, step: int) -> bool:
    """Whether the words cover the reading but for fewer than OWN_LETTERS letters of the text."""
    covered = set()
    for word in personal:
        if word in reading:
            covered.update(i for hit in re.finditer(re.escape(word), reading) for i in range(*hit.span()))
    own = (c for i, c in enumerate(text[::step]) if i not in covered and c.isalpha())
    return bool(covered) and sum(1 for _c in own) < OWN_LETTERS


def sounds_like_name(password: str, user) -> bool:
    """Whether it is the name in the other script with signs and digits around: نورة and Noura@1405."""
    sounds = {words.sound_out(words.fold(part)) for name in list_names(user) for part in name.split()}
    cores = {words.sound_out(core) for core, _rest in words.list_cores(words.fold(password)) if len(core) > 2}
    return any(len(sound) > 1 for sound in sounds & cores)


def holds_birth_date(password: str, birth_date) -> bool:
    """Whether the birth date stands in the password and little else."""
    if not birth_date:
        return False
    text = words.squeeze(password)
    digits, letters = re.sub(r"\D", "", text), sum(map(str.isalpha, text))
    hits = [date for date in render_dates(birth_date) if date in text or date in digits]
    return any(letters - sum(map(str.isalpha, hit)) < OWN_LETTERS_BESIDE_DATE for hit in hits)


def render_dates(date) -> set[str]:
    """Return the ways a birth date is typed, without separators; six characters at least."""
    return {text for text in render_gregorian(date) | render_hijri(date) if len(text) >= 6}


def render_gregorian(date) -> set[str]:
    return render_parts(date.year, date.month, date.day, {f"{date:%b}".lower(), f"{date:%B}".lower()})


def render_hijri(date) -> set[str]:
    """Return the Umm al-Qura renderings of a Gregorian date; none of one outside its table (from August 1924 on)."""
    try:
        hijri = Gregorian.fromdate(date).to_hijri()
    except OverflowError:
        return set()
    names = {words.squeeze(hijri.month_name(language)) for language in ("ar", "en")}
    return render_parts(hijri.year, hijri.month, hijri.day, names)


def render_parts(year: int, month: int, day: int, names: set[str]) -> set[str]:
    """Return a date in every order, with and without leading zeros, with its month as a number and by ``names``."""
    texts = set()
    for d, m in [(f"{day:02}", f"{month:02}"), (f"{day}", f"{month}")]:
        for y in (f"{year:04}", f"{year % 100:02}"):
            texts |= {d + m + y, m + d + y, y + m + d, y + d + m}
    for name in names:
        texts |= {f"{day}{name}{year:04}", f"{name}{day}{year:04}", f"{year:04}{name}{day}", f"{name}{year:04}"}
    return texts


# --- Strength ---------------------------------------------------------------------------------


def list_weaknesses(password: str, user) -> list[str]:
    """Return the one code that says why the password is guessed early, or nothing."""
    if words.is_listed(words.squeeze(password)):
        return ["password_common_word"]
    if code := words.name_easy_pair(password, long=len(password) >= PHRASE_LENGTH):
        return [code]
    typed = {password, words.type_on_english_keys(password)}
    return next(([code] for code in (weigh(text, user) for text in sorted(typed)) if code), [])


def weigh(password: str, user) -> str:
    """Return the code of zxcvbn's main reason against the password, or nothing when it is strong enough."""
    with _zxcvbn_turn:
        words.teach_zxcvbn()
        verdict = zxcvbn(cut_for_zxcvbn(password), user_inputs=sorted(list_personal_words(user)))
    is_phrase = len(password) >= PHRASE_LENGTH
    is_strong = verdict["score"] >= MIN_PHRASE_SCORE if is_phrase else verdict["guesses"] >= MIN_GUESSES
    return "" if is_strong else explain(verdict["sequence"])


def cut_for_zxcvbn(password: str) -> str:
    """Return the start of the password that zxcvbn reads within about 0.1 s.

    It fails above 72 characters, and reads the whole text once for each way to take look-alike signs as letters:
    72 of them cost 5 s. A cut is never shorter than 14 characters, and never makes a password look stronger.
    """
    password = password[:ZXCVBN_LENGTH]
    signs = matching.relevant_l33t_subtable(password, matching.L33T_TABLE)
    length = int((ZXCVBN_WORK / prod(map(len, signs.values()))) ** 0.5)
    return password[: max(length, ZXCVBN_MIN_CUT)]


def explain(sequence: list[dict]) -> str:
    """Return our code for the longest pattern that zxcvbn found."""
    found = [match for match in sequence if match["pattern"] != "bruteforce"]
    if not found:
        return "password_weak"
    main = max(found, key=lambda match: len(match["token"]))
    if main["pattern"] == "dictionary":
        is_name = main["dictionary_name"] in {"local_names", "male_names", "female_names", "surnames", "user_inputs"}
        return "password_name" if is_name else "password_common_word"
    codes = {"spatial": "keyboard", "repeat": "repeat", "sequence": "sequence", "date": "date"}
    return f"password_{codes.get(main['pattern'], 'word_and_number')}"
