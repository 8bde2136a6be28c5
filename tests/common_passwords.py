"""The 3,000 common passwords that must all be refused, and random ones that must all be accepted.

``python -m tests.common_passwords`` prints how many are. Everything is made from seeds: two runs agree.
A guesser's recipe: word x case x separator x year or run, so that the article's four kinds are all there.
"""

import random
import string

SEED = 1447
COMMON = 3000
RANDOM = 500

ENGLISH = """
password welcome admin login secret master dragon monkey shadow sunshine princess football baseball soccer batman
superman freedom summer winter spring autumn january february march april june july august september october november
december monday tuesday wednesday thursday friday saturday sunday computer internet laptop samsung iphone google
windows network server system office money dollar success happy family mother father brother sister friend forever
angel flower tiger lion eagle falcon horse camel liverpool barcelona madrid chelsea arsenal ronaldo messi neymar
letmein changeme iloveyou loveyou lovely sweety qwerty qwer asdf zxcv azerty asdfgh zxcvbn qazwsx abcd abcdef test
guest manager access hello orange banana apple cherry coffee chocolate cookie butter pepper ginger silver golden
diamond purple yellow black white green america canada london paris michael daniel jessica ashley george thomas
"""

ARABIC_IN_LATIN = """
ahmed ahmad mohammed mohamed mohammad muhammad abdullah abdulaziz abdulrahman abdulmajeed abdulkarim abdulmohsen
ibrahim ismail yousef yusuf khalid khaled faisal fahad fahd saud saad saeed salman sultan salem saleh nasser naif
nawaf bandar badr turki talal tariq majed mansour meshal mishari mazen muath mustafa yasser yazeed ziyad zaid omar
osama othman anas ayman bassam bilal hassan hussain hamad hamza hatem hisham jaber jamal kareem mahmoud marwan nabil
noura nora norah noor nouf nawal nada najla nadia sara sarah salma samar samira shahad shaima shatha shouq reem rana
rania raghad rahaf rawan razan maha mona manal mariam maryam maram malak hanan hind huda haifa hala hessa hayat
khadija khloud khawla dalal dana deema lama lamia latifa layan layla leen lina lujain lulu fatima fatimah farah
ghada ghadeer aisha amal amani amira areej asma aseel alanoud arwa afnan abeer bayan budoor bushra basma jawaher
joud joury jana wafa wijdan yara yasmin zahra zainab alharbi alghamdi alqahtani alotaibi aldosari alshehri alzahrani
almutairi alanazi alshammari aljohani asiri alharthi alomari almalki khaldi habibi hayati allah bismillah
alhamdulillah subhanallah mashallah inshallah ramadan islam alhilal alnassr alittihad alahli
"""

ARABIC = """
محمد احمد أحمد عبدالله عبدالعزيز عبدالرحمن ابراهيم خالد فهد فيصل سعود سعد سلمان سلطان سالم صالح ناصر نايف نواف بندر
بدر تركي طلال ماجد منصور يوسف ياسر عمر علي حسن حسين نورة نوره ساره سارة ريم هند مها منى منيرة فاطمة عائشة مريم خديجة
زينب هيفاء أمل شهد رهف لمى ليان الرياض مكة المدينة جدة الدمام الخبر الطائف تبوك ابها حائل نجران جازان القصيم
السعودية المملكة ممارس ممارسبلس الهيئة التخصصات حبيبي حبيبتي حياتي الله الحمدلله السلام رمضان وطني الهلال النصر
الاتحاد الاهلي طبيب دكتور مستشفى صيدلية ضصثق شسيب شسيبل ضصثقف
"""

CITIES = """
riyadh alriyadh makkah mecca madinah medina jeddah jedda dammam khobar alkhobar dhahran taif tabuk abha hail jubail
yanbu najran jazan qassim buraidah unaizah hofuf alahsa qatif sakaka arar aljouf albaha bisha alkharj diriyah olaya
neom alula asir hijaz najd saudi saudia saudiarabia vision dubai abudhabi sharjah qatar doha kuwait bahrain manama
oman muscat yemen sanaa egypt cairo alexandria jordan amman lebanon beirut syria damascus iraq baghdad palestine
jerusalem sudan khartoum morocco tunisia algeria turkey istanbul pakistan karachi lahore india delhi mumbai kerala
manila philippines bangladesh dhaka indonesia jakarta malaysia
"""

SERVICE = """
mumaris mumarisplus scfhs commission practitioner health healthy medical medicine doctor nurse nursing hospital clinic
pharmacy pharmacist dentist dental patient surgery surgeon radiology laboratory emergency physician therapist
ministry nafath absher tawakkalna sehhaty seha portal service account license registration classification exam board
"""

# Not on the rule's list: what zxcvbn and the shape alone are worth.
HELD_OUT = """
ghaliah wejdan albandari munirah nujood shumukh rayanah hadyl zaina thuraya zubaida kawthar shareefah dhuha najood
yaqoub luqman dawood idris hudhayfah sufyan mughirah qusay luay zuhayr rabeeah miqdad baraa ubaidah shuwaikh tarfah
alfaifi alqarni aljadaan alswailem alrabiah alhumaid alkhathlan alsulaiman alfawzan alrajban alnemer altuwaijri
rijalalma tanomah namas muhayil sabya samtah baish ranyah turabah khulais badaya almithnab rass uyun duwadimi
samoosa kabsa mandi jareesh mutabbaq shawarma falafel kunafa basbousa karak zaatar labneh hummus tabouleh mansaf
bukhoor oud musk thobe ghutra bisht abaya majlis dallah mabkhara keyboard window garden pencil bottle window ticket
hammer basket saddle lantern marble walnut copper velvet thunder meadow harbor anchor candle pillow blanket carpet
"""

WORDS = list(dict.fromkeys(f"{ENGLISH} {ARABIC_IN_LATIN} {ARABIC} {CITIES} {SERVICE}".split()))
SEPARATORS = ["@", "#", "!", "$", "*", "_", "-", ".", "&", "+", "%", "?", "@@", "!!"]
YEARS = [str(year) for year in [*range(1960, 2031), *range(1380, 1451)]]
RUNS = ["123", "1234", "12345", "123456", "321", "4321", "111", "000", "777", "1111", "112233", "1212", "2468", "786"]
NUMBERS = [*YEARS, *RUNS * 5]
CASES = [str.title, str.title, str.capitalize, lambda word: word[:-1] + word[-1].upper(), str.swapcase, str.upper]


def give_case(draw: random.Random, word: str) -> str:
    """Return the word with capitals; Arabic has none, people add Latin letters for the rule."""
    if not word.isascii():
        return draw.choice(["Aa{}", "{}Aa", "Ab{}", "Aa@{}"]).format(word)
    cased = draw.choice(CASES)(word)
    return cased if not (cased.isupper() or cased.islower()) else word.title()


def make_common(words: list[str], count: int, numbers: tuple[str, ...] = tuple(NUMBERS)) -> list[str]:
    """Return that many different passwords of the recipe, every word in turn."""
    draw, found = random.Random(SEED), {}
    while len(found) < count:
        word = words[len(found) % len(words)]
        body, sign, number = give_case(draw, word), draw.choice(SEPARATORS), draw.choice(numbers)
        password = draw.choice([body + sign + number, body + sign + number, body + number + sign, number + sign + body])
        if len(password) >= 8 and has_four_kinds(password):
            found.setdefault(password)
    return list(found)


def make_random(count: int = RANDOM, seed: int = SEED) -> list[str]:
    """Return that many passwords of 8 random printable characters with all four kinds."""
    draw, found = random.Random(seed), []
    while len(found) < count:
        password = "".join(draw.choices(string.ascii_letters + string.digits + string.punctuation, k=8))
        if has_four_kinds(password):
            found.append(password)
    return found


def has_four_kinds(password: str) -> bool:
    upper, lower = any(map(str.isupper, password)), any(map(str.islower, password))
    return upper and lower and any(map(str.isdecimal, password)) and not password.isalnum()


def list_accepted(passwords: list[str], user=None) -> list[str]:
    """Return the passwords that the product's rule lets in."""
    from django.core.exceptions import ValidationError

    from accounts.passwords import PasswordRule

    accepted = []
    for password in passwords:
        try:
            PasswordRule().validate(password, user)
        except ValidationError:
            continue
        accepted.append(password)
    return accepted


def count() -> None:
    from accounts.password_words import is_listed, squeeze

    held_out = [word for word in dict.fromkeys(HELD_OUT.split()) if not is_listed(squeeze(word))]
    print(f"{len(WORDS)} words; {len(held_out)} held out, on none of our lists")
    kinds = {
        "common": make_common(WORDS, COMMON),
        "held out": make_common(held_out, 500),
        "held out, any 2 to 4 digits": make_common(held_out, 500, tuple(map(str, range(10, 10_000)))),
        "random": make_random(),
        "random, 20 other seeds": [p for seed in range(20) for p in make_random(seed=seed)],
    }
    for name, passwords in kinds.items():
        accepted = list_accepted(passwords)
        print(f"{name}: {len(passwords)}, accepted {len(accepted)}, refused {len(passwords) - len(accepted)}")
        print("   accepted:" if name != "random" else "   examples:", accepted[:12])


if __name__ == "__main__":
    count()
