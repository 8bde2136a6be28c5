"""The catalogues: complete, equal to the sources, and written as the house writes Arabic."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import allauth
import django
import import_export
import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import translation

ROOT = Path(settings.BASE_DIR)
OURS = ROOT / "locale" / "ar" / "LC_MESSAGES" / "django.po"
LIBRARIES = sorted((ROOT / "locale" / "libraries").glob("*/LC_MESSAGES/*.po"))
ARABIC_ONES = [OURS, ROOT / "locale" / "libraries" / "ar" / "LC_MESSAGES" / "django.po"]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
TAG = re.compile(r"</?[a-zA-Z][^>]*>")
ARABIC_LETTER = "[\u0621-\u064a\u064b-\u0652\u0670]"

BANNED = {
    r"كود|أكواد": "رمز",
    r"شفرة|شيفرة": "رمز",
    r"إيميل|ايميل": "البريد الإلكتروني",
    r"كلمة السر|كلمات السر|كلمة سر": "كلمة المرور",
    r"(?<!ال)معاملة|المعاملة|معاملات": "طلب",
    r"عذرًا|عذرا|نأسف": "say what to do instead",
    r"من فضلك|الرجاء|لو سمحت": "the bare imperative",
    r"[اإ]ضغط هنا|[اإ]نقر هنا|من هنا": "say where the link leads",
    r"باسورد|باسوورد|يوزر|لوجن": "the Arabic word",
    r"(?<![ء-ي])قم ب": "the imperative of the act itself",
}
BANNED_ENGLISH = r"\b(please|sorry|log[ -]?in|log[ -]?out|e-mail|OTP|PIN|click here|captcha)\b"
# Tanween that people leave out.
BARE_TANWEEN = (
    r"(?<![ء-ي])(و?)(لاحقا|فورا|أيضا|جدا|مثلا|أولا|صحيحا|جديدا|بريدا|رمزا|رابطا|حسابا|حرفا|رقما|دائما|مجددا)(?![ء-ي])"
)
# Latin words that stand in Arabic text as they are.
LATIN = {
    "name@example.com", "JavaScript", "Google", "SHA-256", "abcd", "JPEG", "PNG", "PDF",
    "CSV", "UTF-8", "XLSX", "YYYY-MM-DD", "import_members",
}  # fmt: skip
# Sentences of libraries whose value we do not repeat.
MAY_DROP_VALUES = {
    "Select a valid choice. %(value)s is not one of the available choices.",
    "Please enter a correct %(username)s and password. Note that both fields may be case-sensitive.",
}
# Sentences that show the mark itself.
MAY_SHOW_EXCLAMATION = {"A symbol, like ! or #", "Add a symbol, like ! or # or %%.", "Add a symbol, like ! or # or %."}
# Arabic in a template that no catalogue could hold: the long texts, one file a language, and a sample of them.
MAY_HOLD_ARABIC = {
    "pages/terms_text.ar.html",
    "pages/privacy_text.ar.html",
    "pages/accessibility_text.ar.html",
}


def read(file: Path):
    with file.open("rb") as text:
        return read_po(text, locale=file.parent.parent.name)


def entries(file: Path) -> list:
    return [message for message in read(file) if message.id]


def key(message) -> tuple:
    return (message.context, *(message.id if message.pluralizable else (message.id,)))


def first(message) -> str:
    """Return the msgid of the singular."""
    return message.id[0] if message.pluralizable else message.id


def forms(message) -> list[str]:
    """Return every translation of an entry: one, or one a plural form."""
    return list(message.string) if message.pluralizable else [message.string]


def words(text: str) -> str:
    """Return a translation without its tags and placeholders."""
    return PLACEHOLDER.sub("", TAG.sub("", text))


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def translations(files=ARABIC_ONES) -> list[tuple[str, str]]:
    """Return (msgid, form) for each filled-in form of our Arabic."""
    return [(first(message), form) for file in files for message in entries(file) for form in forms(message) if form]


# --- Complete ---------------------------------------------------------------------------------


@pytest.mark.gettext
def test_our_catalogue_equals_a_fresh_extract(tmp_path):
    for part in ("mumaris", "accounts", "profiles", "templates"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "*.wav"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    (tmp_path / "locale" / "ar" / "LC_MESSAGES").mkdir(parents=True)
    command = [sys.executable, "manage.py", "makemessages", "--locale", "ar", "--no-wrap", "--no-location"]
    environment = {"PATH": os.environ["PATH"], "DEBUG": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    fresh = {key(message) for message in entries(tmp_path / "locale" / "ar" / "LC_MESSAGES" / "django.po")}
    ours = {key(message) for message in entries(OURS)}

    assert not fresh - ours, f"not in the catalogue (make messages, then translate): {sorted(map(str, fresh - ours))}"
    assert not ours - fresh, f"in no source any more (make messages takes them out): {sorted(map(str, ours - fresh))}"


@pytest.mark.parametrize("file", [OURS, *LIBRARIES], ids=name_of)
def test_every_entry_is_translated(file):
    empty = [first(message) for message in entries(file) if not all(forms(message))]
    assert not empty, f"translate them: {empty}"
    assert not [first(message) for message in entries(file) if message.fuzzy], "check the text, then drop the flag"
    assert not read(file).obsolete, f"delete them: {[str(key) for key in read(file).obsolete]}"
    doubles = [line for line in file.read_text().splitlines() if line.startswith("#~")]
    assert not doubles, f"delete them: {doubles}"


@pytest.mark.parametrize("file", ARABIC_ONES, ids=name_of)
def test_plurals_have_six_forms_in_arabic(file):
    assert read(file).num_plurals == 6
    short = [first(message) for message in entries(file) if message.pluralizable and len(forms(message)) != 6]
    assert not short, f"write zero, one, two, few, many and other: {short}"


def test_every_counted_sentence_is_a_plural():
    counted = {
        first(message)
        for message in entries(OURS)
        if not message.pluralizable
        and re.search(r"%\(\w+\)d|%d|%\((count|tries|seconds|minutes|sends)\)", first(message))
    }
    assert not counted, f"use ngettext or blocktranslate count: {counted}"


def test_translations_keep_placeholders():
    wrong, dropped = [], set()
    for message in entries(OURS) + entries(ARABIC_ONES[1]):
        if first(message) in MAY_DROP_VALUES and not PLACEHOLDER.search(message.string):
            dropped.add(first(message))
            continue
        expected = sorted(PLACEHOLDER.findall(message.id[1] if message.pluralizable else message.id))
        for number, form in enumerate(forms(message)):
            found = sorted(PLACEHOLDER.findall(form or ""))
            # «one» and «two» are words in Arabic, and «none» is another sentence.
            may_drop_count = message.pluralizable and number < 3 and set(found) <= set(expected)
            if form and found != expected and not may_drop_count:
                wrong.append((first(message), form))
    assert not wrong, f"the same placeholders as the msgid: {wrong}"
    assert dropped == MAY_DROP_VALUES, f"take off the list: {MAY_DROP_VALUES - dropped}"


def test_translations_keep_tags():
    wrong = [(msgid, form) for msgid, form in translations() if sorted(TAG.findall(msgid)) != sorted(TAG.findall(form))]
    assert not wrong, f"the same tags as the msgid, attributes too: {wrong}"


def test_translations_keep_spaces_at_the_edges():
    wrong = [
        (a, b) for a, b in translations() if (a[:1].isspace(), a[-1:].isspace()) != (b[:1].isspace(), b[-1:].isspace())
    ]
    assert not wrong, wrong


# --- Written as the house writes ----------------------------------------------------------------


def last_mark(text: str) -> str:
    """Return the mark at the end of a sentence, tags and closing quotes left aside."""
    bare = TAG.sub("", text).rstrip("»\"”)’' ")
    return bare[-1:]


def test_sentences_end_as_their_english_does():
    ends = {".": ".", "?": "؟", ":": ":", "…": "…"}
    wrong = []
    for msgid, form in translations():
        expected, found = ends.get(last_mark(msgid), ""), last_mark(form)
        if (expected and found != expected) or (not expected and found in ends.values()):
            wrong.append((msgid, form))
    assert not wrong, f"full stop for full stop, ؟ for ?, : for : {wrong}"


@pytest.mark.parametrize(("pattern", "instead"), BANNED.items())
def test_arabic_uses_the_words_of_the_glossary(pattern, instead):
    wrong = [(msgid, form) for msgid, form in translations() if re.search(pattern, words(form))]
    wrong += [
        name_of(file) for file in TEMPLATES if file.name.endswith(".ar.html") and re.search(pattern, file.read_text())
    ]
    assert not wrong, f"write «{instead}»: {wrong}"


def test_english_uses_the_words_of_the_glossary():
    wrong = [
        first(message) for message in entries(OURS) if re.search(BANNED_ENGLISH, words(first(message)), re.IGNORECASE)
    ]
    assert not wrong, f"«sign in», «email», «code», «visual code», and no «please»: {wrong}"


def test_arabic_uses_arabic_punctuation():
    wrong = [
        (msgid, form)
        for msgid, form in translations()
        if re.search(rf"{ARABIC_LETTER}\s*[,;?]|[,;?]\s*{ARABIC_LETTER}|\.\.\.", words(form))
    ]
    assert not wrong, f"«،» «؛» «؟» «…»: {wrong}"
    quoted = [(msgid, form) for msgid, form in translations() if re.search(r"[\"“”]", words(form))]
    assert not quoted, f"«…» for quoted names: {quoted}"


def test_nobody_is_shouted_at():
    found = {msgid for msgid, form in translations() if "!" in msgid + form}
    assert found <= MAY_SHOW_EXCLAMATION, f"no exclamation marks: {found - MAY_SHOW_EXCLAMATION}"


def test_arabic_writes_tanween_and_western_digits():
    bare = [(msgid, form) for msgid, form in translations() if re.search(BARE_TANWEEN, words(form))]
    assert not bare, f"write the tanween: {bare}"
    digits = [(msgid, form) for msgid, form in translations() if re.search("[٠-٩۰-۹]", form)]
    assert not digits, f"digits 0-9 in both languages, because numbers are copied elsewhere: {digits}"


def test_arabic_holds_no_control_characters():
    wrong = [
        (msgid, form) for msgid, form in translations() if re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069]", form)
    ]
    assert not wrong, f"isolate with <bdi>: marks travel with copied text: {wrong}"


def test_arabic_holds_no_latin_words():
    used, wrong = set(), []
    for msgid, form in translations():
        rest = words(form)
        for allowed in LATIN:
            if allowed in rest:
                used.add(allowed)
                rest = rest.replace(allowed, "")
        if re.search("[A-Za-z]", rest):
            wrong.append((msgid, form))
    assert not wrong, f"write it in Arabic: {wrong}"
    assert used == LATIN, f"take off the list: {LATIN - used}"


def test_every_translation_is_arabic():
    wrong = [
        (msgid, form)
        for msgid, form in translations()
        if re.search("[A-Za-z]", words(msgid)) and not re.search(ARABIC_LETTER, form)
    ]
    assert not wrong, f"still in English: {wrong}"


def test_msgids_and_templates_are_english():
    assert not [first(message) for message in entries(OURS) if re.search(ARABIC_LETTER, first(message))]
    holding = {
        file.relative_to(ROOT / "templates").as_posix()
        for file in TEMPLATES
        if re.search(ARABIC_LETTER, file.read_text())
    }
    assert holding <= MAY_HOLD_ARABIC, f"mark it for translation: {holding - MAY_HOLD_ARABIC}"
    assert holding == MAY_HOLD_ARABIC, f"take off the list: {MAY_HOLD_ARABIC - holding}"


# --- The wording over the libraries --------------------------------------------------------------


@pytest.fixture(scope="module")
def library_msgids() -> set[tuple]:
    """Return the keys of everything that the libraries can say."""
    folders = [Path(package.__path__[0]) for package in (django, allauth, import_export)]
    files = [
        file
        for folder in folders
        for code in ("ar", "en")
        for file in folder.rglob(f"locale/{code}/LC_MESSAGES/django.po")
    ]
    return {key(message) for file in files for message in entries(file)}


@pytest.mark.parametrize("file", LIBRARIES, ids=name_of)
def test_libraries_catalogue_holds_only_what_libraries_say(file, library_msgids):
    foreign = {key(message) for message in entries(file)} - library_msgids
    assert not foreign, f"no library says this: {foreign}"


def test_libraries_catalogue_repeats_nothing_of_ours():
    double = {key(message) for message in entries(OURS)} & {key(message) for message in entries(ARABIC_ONES[1])}
    assert not double, f"ours comes first: take these out of locale/libraries: {double}"


def say(message, count: int) -> str:
    """Return what a page shows for an entry and a count, in the active language."""
    context = message.context
    if message.pluralizable:
        one, many = message.id
        return translation.npgettext(context, one, many, count) if context else translation.ngettext(one, many, count)
    return translation.pgettext(context, message.id) if context else translation.gettext(message.id)


@pytest.mark.parametrize("file", [OURS, *LIBRARIES], ids=name_of)
def test_our_wording_wins(file):
    lost = []
    with translation.override(file.parent.parent.name):
        for message in entries(file):
            if not all(forms(message)):
                continue
            said = [say(message, count) for count in (0, 1, 2, 3, 11, 100)]
            if set(said) != set(forms(message)):
                lost.append((first(message), said))
    assert not lost, f"another catalogue is asked first: {lost}"
