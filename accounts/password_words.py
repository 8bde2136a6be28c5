"""How a password is read by somebody who guesses: folded letters, look-alike signs, known words, keyboard rows.

Nothing here ever reaches the hash: a password is only compared in these forms, never changed to them.
"""

import re
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path

from zxcvbn import matching

_SECTION = re.compile(r"^\[(\w+)\]$")
# Decomposition already turns أ إ آ ؤ ئ into their bare letters.
_ONE_SPELLING = str.maketrans("ٱةى", "اهي")
_TATWEEL = "\u0640"

# What people write for a letter. 1 and ! serve for two letters; the last row is how Arabic is chatted in Latin.
_LOOK_ALIKES = [
    str.maketrans("0134578@$!", "oieastbasi"),
    str.maketrans("0134578@$!", "oleastbasl"),
    str.maketrans("0235679@$!", "oaasthsasi"),
]
LOOK_ALIKE_SIGNS = frozenset("0123456789@$!")

_ARABIC_KEYS = str.maketrans("ضصثقفغعهخحجدشسيبلاتنمكطئءؤرىةوزظذ", "qwertyuiop[]asdfghjkl;'zxcvnm,./`")
_ARABIC_SOUNDS = str.maketrans("بتثجخدذرزسشصضطظغفقكلمن", "bttgkddrzsssdtdgfkklmn", "حعهويءا")
_LATIN_SOUNDS = str.maketrans("pcqjv", "bkkgf", "aeiouwyh")
_ROWS = [
    *("qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "azertyuiop", "qsdfghjklm"),
    *("qaz", "wsx", "edc", "rfv", "tgb", "yhn", "ujm", "qweasdzxc", "qazwsxedc"),
]


def fold(text: str) -> str:
    """Return the text without case, marks, width and spelling variants; Arabic digits become 0-9."""
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).translate(_ONE_SPELLING)
    kept = (c for c in bare if not unicodedata.combining(c) and c != _TATWEEL)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in kept)


def squeeze(text: str) -> str:
    """Return only the letters and digits of the folded text."""
    return "".join(c for c in fold(text) if c.isalnum())


def read_look_alikes(text: str) -> list[str]:
    """Return the text as it stands and with its look-alike signs read as letters; the length never changes."""
    return list(dict.fromkeys([text, *(text.translate(table) for table in _LOOK_ALIKES)]))


@cache
def read_words() -> dict[str, frozenset[str]]:
    """Return the committed word list by section, folded; phrases without their spaces."""
    sections, name = {}, ""
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if match := _SECTION.match(line):
            name = match[1]
        elif line and not line.startswith("#"):
            words = [line] if name == "phrases" else line.split()
            sections.setdefault(name, set()).update(squeeze(word) for word in words)
    return {name: frozenset(words) for name, words in sections.items()}


@cache
def teach_zxcvbn() -> None:
    """Add our words to zxcvbn's dictionaries, once in a process: it knows no Arabic and few Arab names."""
    sections = read_words()
    names = sections["service"] | sections["names"] | sections["places"]
    lists = {"local_names": names, "local_words": sections["common"] | sections["phrases"]}
    matching.add_frequency_lists({name: sorted(words - {""}) for name, words in lists.items()})


def is_listed(word: str) -> bool:
    """Whether the word, or each half of it, is on our list."""
    words = _listed()
    return word in words or any(word[:i] in words and word[i:] in words for i in range(3, len(word) - 2))


@cache
def _listed() -> frozenset[str]:
    return frozenset().union(*read_words().values())


def is_in_dictionary(word: str) -> bool:
    """Whether zxcvbn knows the word, from English, film scripts, leaked passwords or names."""
    return any(word in ranks for name, ranks in matching.RANKED_DICTIONARIES.items() if name != "user_inputs")


def is_keyboard_walk(word: str) -> bool:
    """Whether the letters lie side by side on a row or column of the English or Arabic keyboard."""
    keys = type_on_english_keys(word)
    return len(keys) >= 4 and any(keys in row or keys[::-1] in row for row in _ROWS)


def type_on_english_keys(text: str) -> str:
    """Return what the same key presses give on the English layout (Saudi PC layout, unshifted)."""
    return text.replace("لا", "b").translate(_ARABIC_KEYS)


def sound_out(word: str) -> str:
    """Return the consonants in one rough alphabet, so that محمد and Mohammed meet."""
    single = re.sub(r"(.)\1+", r"\1", word)
    return single.translate(_ARABIC_SOUNDS).translate(_LATIN_SOUNDS)


def looks_like_a_word(word: str) -> bool:
    """Whether somebody could say it: 4 to 10 letters, in Latin with a vowel and no five consonants in a row."""
    if re.fullmatch("[\u0620-\u064a]{3,12}", word):
        return True  # Arabic writes no short vowels: every block of letters reads as a word
    if not re.fullmatch(r"[a-z]{4,10}", word.removeprefix("abdul").removeprefix("al")):
        return False
    return bool(re.search("[aeiouy]", word)) and not re.search("[^aeiouy]{5}", word)


# --- A word with a number: the shape that most people here choose ------------------------------


def name_easy_pair(password: str, long: bool) -> str:
    """Return the code for a word, a name or a keyboard row with a number around it, or nothing."""
    text = fold(password)
    if any(is_keyboard_walk(core) and is_number_beside(rest) for core, rest in list_blocks(text)):
        return "password_keyboard"
    # A sign read as a letter makes a word of random characters more often: one letter more is asked of those.
    found = [(core, rest, 4) for core, rest in list_blocks(text)]
    found += [(core, rest, 5) for core, rest in list_look_alike_cores(text)]
    is_easy = any(is_number_beside(rest) and is_easy_either_way(core, rest, n, long) for core, rest, n in found)
    return "password_word_and_number" if is_easy else ""


def is_number_beside(rest: str) -> bool:
    """Whether there are digits and few different signs: many signs are a password of their own."""
    return bool(re.search(r"\d", rest)) and len(set(re.sub(r"[\w\s]", "", rest))) <= 3


def is_easy_either_way(core: str, rest: str, shortest: int, long: bool) -> bool:
    digits = re.findall(r"\d+", rest)
    return is_easy_word(core, digits, shortest, long) or is_easy_word(core[::-1], digits, 5, long)


def list_cores(text: str) -> list[tuple[str, str]]:
    """Return every way to read a folded password as one block of letters and the rest."""
    return list_blocks(text) + list_look_alike_cores(text)


def list_blocks(text: str) -> list[tuple[str, str]]:
    """Return the ways to read a folded password as (one block of letters, the signs and digits around it)."""
    blocks = [block for block in re.findall(r"[^\W\d_]+", text) if not is_filler(block)]
    rest = re.sub(r"[^\W\d_]", " ", text)
    is_one_or_pair = len(blocks) <= 1 or (len(blocks) == 2 and min(map(len, blocks)) >= 3)
    cores = [("".join(blocks), rest)] if is_one_or_pair else []
    # Arabic has no case: Latin letters beside it are often there for the rule alone.
    arabic = re.findall("[\u0620-\u064a]+", text)
    if arabic and len(re.findall("[a-z]", text)) <= 3:
        cores.append(("".join(arabic), rest))
    return cores


def is_filler(block: str) -> bool:
    """Whether the letters are only there to satisfy the rule: Aa, Aaa, Ab, Abc."""
    return block in {"ab", "abc"} or (2 <= len(block) <= 3 and len(set(block)) == 1)


def list_look_alike_cores(text: str) -> list[tuple[str, str]]:
    """Return the readings of P@ssw0rd, @hmed or S4r4 as letters: one sign before and two after may belong to them."""
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    if not letters:
        return []
    found = []
    for start in range(max(letters[0] - 1, 0), letters[0] + 1):
        for end in range(letters[-1] + 1, min(letters[-1] + 3, len(text)) + 1):
            rest = text[:start] + " " + text[end:]
            found += [(reading, rest) for reading in read_look_alikes(text[start:end])[1:] if reading.isalpha()]
    return found


def is_easy_word(word: str, digits: list[str], shortest: int, long: bool) -> bool:
    """Whether a guesser tries this word with these digits early.

    The lengths keep random passwords free: 4 random letters in a row are often a word by chance, so that
    short words count with a number by heart only.
    """
    by_heart = any(is_number_by_heart(run) for run in digits)
    if by_heart and all(is_number_by_heart(run) or len(run) < 3 for run in digits):
        return not word or is_known(word) or looks_like_a_word(word)
    is_few = not long or max(map(len, digits)) < 5
    return is_few and ((len(word) >= shortest and is_listed(word)) or (len(word) >= 6 and is_in_dictionary(word)))


def is_known(word: str) -> bool:
    """Whether the word is on our list or in zxcvbn's."""
    return len(word) >= 3 and (is_listed(word) or is_in_dictionary(word))


def is_number_by_heart(digits: str) -> bool:
    """Whether it is a year, Gregorian or Hijri, a mobile number, or digits in a row, repeated or in pairs."""
    if re.fullmatch(r"1[34]\d\d|19\d\d|20\d\d|786|(00966|966|0)5\d{8}", digits):
        return True
    halves = [digits, digits[::2]] if digits[::2] == digits[1::2] else [digits]
    steps = [{(int(b) - int(a)) % 10 for a, b in pairwise(half)} for half in halves]
    is_run = len(digits) >= 3 and any(step <= allowed for step in steps for allowed in ({0}, {1}, {9}, {2}, {8}))
    return is_run or bool(re.fullmatch(r"(\d{2,4})\1+", digits))
