"""The house rules that a program can check. Each message says what to do instead."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

ROOT = Path(settings.BASE_DIR)
APPS = ("mumaris", "accounts", "profiles")
MODULES = sorted(file for app in APPS for file in (ROOT / app).rglob("*.py") if "migrations" not in file.parts)
TEMPLATES = sorted(file for file in (ROOT / "templates").rglob("*") if file.suffix in {".html", ".txt"})
PAGES = [file for file in TEMPLATES if "mail" not in file.relative_to(ROOT / "templates").parts]
STYLES = sorted((ROOT / "static" / "css").glob("*.css"))
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))

MODULE_LINES, FUNCTION_LINES, TEMPLATE_LINES = 320, 40, 80
PORTAL_CSS_BYTES, ADMIN_CSS_BYTES, PAGE_CSS_BYTES = 20 * 1024, 6 * 1024, 4 * 1024
# All scripts of a page together.
SCRIPT_BYTES = 6 * 1024

# Texts that people read as one: (file, longest it may be). Each must be longer than the rule allows.
LONG_TEMPLATES: dict[str, int] = {}
# Who may import from below: the list of addresses names both apps.
IMPORTS_FROM_BELOW = {"mumaris/urls.py"}
MAY_BE_SAFE = {("templates/forms/field.html", "field.help_text|safe")}
# Google's script is asked for only when its keys are set; mail clients want a namespace.
MAY_HOLD_ADDRESS = {
    ("templates/forms/captcha_robot.html", "https://www.google.com/recaptcha/api.js"),
    ("templates/mail/letter.html", "http://www.w3.org/1999/xhtml"),
}
MAY_BE_PHYSICAL: set[tuple[str, str]] = set()
# Names that a library calls.
NAMED_BY_LIBRARIES = {
    "handle", "handle_no_permission", "handle_raw_input", "process_exception", "process_import", "process_view",
}  # fmt: skip


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def functions_of(file: Path):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imports_of(file: Path) -> set[str]:
    """Return the top-level packages and full names of everything a module imports, at its top or late."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name_of(file)}:{node.lineno}: import by the full name, not by dots"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def lines_with(pattern: str, files: list[Path]) -> list[str]:
    """Return "file:line: text" for every match."""
    return [
        f"{name_of(file)}:{number}: {line.strip()[:120]}"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if re.search(pattern, line)
    ]


# --- Python -----------------------------------------------------------------------------------


def test_frame_imports_neither_app():
    bad = [
        f"{name_of(file)} imports {name}"
        for file in MODULES
        if file.is_relative_to(ROOT / "mumaris") and name_of(file) not in IMPORTS_FROM_BELOW
        for name in imports_of(file)
        if name.partition(".")[0] in {"accounts", "profiles"}
    ]
    assert not bad, "The frame knows no app: register what it needs in the app's AppConfig.ready(). " + "; ".join(bad)


def test_exceptions_for_imports_are_used():
    for name in IMPORTS_FROM_BELOW:
        imported = {found.partition(".")[0] for found in imports_of(ROOT / name)}
        assert imported & {"accounts", "profiles"}, f"{name} needs no exception any more: take it off the list"


def test_accounts_never_imports_profiles():
    bad = [
        f"{name_of(file)} imports {name}"
        for file in MODULES
        if file.is_relative_to(ROOT / "accounts")
        for name in imports_of(file)
        if name.partition(".")[0] == "profiles"
    ]
    assert not bad, "accounts stands above profiles: declare a seam in accounts, fill it in profiles. " + "; ".join(bad)


def test_models_know_no_room_below():
    """Models are shape and truth: no request, form, view or act."""
    below = {"forms", "views", "urls", "admin", "tasks", "adapter", "middleware", "registration", "challenges"}
    bad = [
        f"{name_of(file)} imports {name}"
        for file in MODULES
        if file.name in {"models.py", "managers.py"} or file.parent.name == "models"
        for name in imports_of(file)
        if name.partition(".")[0] in APPS and name.split(".")[1] in below
    ]
    assert not bad, "Move the act into the service file and call it from the view. " + "; ".join(bad)


def test_mail_leaves_by_the_mail_room_only():
    outside = [file for file in MODULES if not file.is_relative_to(ROOT / "mumaris" / "mail")]
    bad = [
        f"{name_of(file)} imports {name}"
        for file in outside
        for name in imports_of(file)
        if name.startswith(("django.core.mail", "smtplib", "email."))
    ]
    bad += lines_with(r"\bsend_mail\(|\bEmailMessage\b|\bEmailMultiAlternatives\b|\.email_user\(", outside)
    allowed = [line for line in bad if "def send_mail(" in line]
    bad = [line for line in bad if line not in allowed]
    assert not bad, "Queue a registered kind with mumaris.mail.queue.queue_mail. " + "; ".join(bad)
    assert [line.partition(":")[0] for line in allowed] == ["accounts/adapter.py"], "only allauth's own hook may"


def test_celery_is_called_by_the_queue_only():
    bad = lines_with(r"\.delay\(|\.apply_async\(|\bsend_task\(", MODULES)
    bad = [line for line in bad if not line.startswith("mumaris/mail/queue.py:")]
    assert not bad, "A broker that stalls would hold the page: let mumaris/mail/queue.py announce it. " + "; ".join(bad)


def test_modules_and_functions_keep_their_size():
    long_modules = [
        f"{name_of(file)} has {lines} lines"
        for file in MODULES
        if (lines := len(file.read_text().splitlines())) > MODULE_LINES
    ]
    assert not long_modules, f"Split by what each part decides (at most {MODULE_LINES} lines). {long_modules}"
    long_functions = [
        f"{name_of(file)}:{node.lineno} {node.name} has {lines} lines"
        for file in MODULES
        for node in functions_of(file)
        if (lines := node.end_lineno - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long_functions, f"Give each step a name (at most {FUNCTION_LINES} lines). {long_functions}"


def test_names_say_what_things_are():
    vague = {"utils", "util", "helpers", "helper", "common", "core", "misc", "managers_base", "base"}
    modules = [name_of(file) for file in MODULES if file.stem in vague or file.parent.name in vague]
    assert not modules, f"Name a module after the noun that it holds, not after nothing: {modules}"
    functions = [
        f"{name_of(file)}:{node.lineno} {node.name}"
        for file in MODULES
        for node in functions_of(file)
        if re.match(r"_?(do|handle|process)(_|$)", node.name) and node.name not in NAMED_BY_LIBRARIES
    ]
    assert not functions, f"Name a function by the verb of what it does: {functions}"


def test_names_of_libraries_are_used():
    defined = {node.name for file in MODULES for node in functions_of(file)}
    assert defined >= NAMED_BY_LIBRARIES, f"take off the list: {NAMED_BY_LIBRARIES - defined}"


def test_transactions_are_opened_by_with():
    bad = [
        f"{name_of(file)}:{node.lineno} {node.name}"
        for file in MODULES
        for node in functions_of(file)
        if any("atomic" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert not bad, f"Open `with transaction.atomic():` inside: a decorator hides it from mutation testing. {bad}"


def test_views_write_nothing_and_open_no_transaction():
    writes = r"\.(create|bulk_create|get_or_create|update_or_create|delete|save)\(|transaction\.atomic"
    bad = lines_with(writes, [file for file in MODULES if file.name == "views.py"])
    assert not bad, "A view chooses the form and calls one act: move the writing there. " + "; ".join(bad)


def test_nothing_is_left_to_do_in_comments():
    files = [*MODULES, *TEMPLATES, *STYLES, *SCRIPTS, ROOT / "Makefile", ROOT / "README.md"]
    bad = lines_with(r"\b(TODO|FIXME|XXX|HACK)\b", [file for file in files if file.exists()])
    assert not bad, "Do it, or write it down where work is planned. " + "; ".join(bad)


def test_there_is_one_settings_file():
    found = [name_of(file) for file in MODULES if "settings" in name_of(file)]
    assert found == ["mumaris/settings.py"], "Two settings files override each other silently: read the environment."


def test_migrations_are_linear():
    loader = MigrationLoader(None)
    for app in ("accounts", "mail", "mumaris", "profiles"):
        names = sorted(name for label, name in loader.disk_migrations if label == app)
        assert len(loader.graph.leaf_nodes(app)) == 1, f"{app}: make the later migration follow the earlier one"
        numbers = [int(name[:4]) for name in names]
        assert numbers == list(range(1, len(names) + 1)), f"{app}: number them without gaps or doubles: {names}"


# --- Templates --------------------------------------------------------------------------------


def test_templates_hold_no_inline_style_or_script():
    bad = lines_with(r"\sstyle=|<style|javascript:", PAGES)
    assert not bad, "The policy blocks it: write a class into static/css/site.css. " + "; ".join(bad)
    bad = lines_with(r"<script(?![^>]*\ssrc=)", PAGES)
    assert not bad, "The policy blocks it: write a file into static/js. " + "; ".join(bad)
    bad = lines_with(r"""<[^>%{]*\son[a-z]+=["']""", PAGES)
    assert not bad, "The policy blocks it: listen from static/js. " + "; ".join(bad)
    bad = lines_with(r"""(src|href|srcset|poster|action)=["']data:""", PAGES)
    assert not bad, "The policy blocks it: put the picture into static/img. " + "; ".join(bad)


def test_texts_are_translated_in_trimmed_blocks():
    bad = lines_with(r"{%-? *blocktrans(late)?(?![^%]*\btrimmed\b)", TEMPLATES)
    assert not bad, "Write blocktranslate trimmed, else line breaks land in the msgid. " + "; ".join(bad)
    bad = lines_with(r"{% *(trans|blocktrans|endblocktrans)\b", TEMPLATES)
    assert not bad, "Write translate and blocktranslate, the present names of both tags. " + "; ".join(bad)


def test_templates_name_no_foreign_address():
    found = {
        (name_of(file), address)
        for file in TEMPLATES
        for address in re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]+[^\"'\s?<]*", file.read_text())
    }
    bad = found - MAY_HOLD_ADDRESS
    assert not bad, f"Use {{% url %}}, {{% static %}} or a setting: no page may ask another host. {bad}"
    assert found == MAY_HOLD_ADDRESS, f"take off the list: {MAY_HOLD_ADDRESS - found}"


def test_nothing_typed_is_marked_safe():
    pattern = r"([\w.]+\|(?:[\w:]+\|)*safe(?:seq)?)\b"
    found = {(name_of(file), hit) for file in TEMPLATES for hit in re.findall(pattern, file.read_text())}
    assert not found - MAY_BE_SAFE, f"Let Django escape it; markup belongs in a template: {found - MAY_BE_SAFE}"
    assert found == MAY_BE_SAFE, f"take off the list: {MAY_BE_SAFE - found}"
    bad = lines_with(r"{% *autoescape +off", [file for file in TEMPLATES if file.suffix == ".html"])
    assert not bad, f"Let Django escape it. {bad}"
    bad = lines_with(r"\bmark_safe\(|\bSafeString\(", MODULES)
    assert not bad, f"Build markup with format_html or a template: {bad}"


def test_templates_keep_their_size():
    sizes = {name_of(file): len(file.read_text().splitlines()) for file in TEMPLATES}
    long = {name: lines for name, lines in sizes.items() if lines > LONG_TEMPLATES.get(name, TEMPLATE_LINES)}
    assert not long, f"Give a part a file of its own and include it (at most {TEMPLATE_LINES} lines): {long}"
    unused = [name for name in LONG_TEMPLATES if sizes.get(name, 0) <= TEMPLATE_LINES]
    assert not unused, f"take off the list: {unused}"


# --- Style sheets and scripts -------------------------------------------------------------------

PHYSICAL_PROPERTIES = re.compile(
    r"(margin|padding|scroll-margin|scroll-padding)-(left|right|top|bottom)"
    r"|border-(left|right|top|bottom)(-.+)?|border-(top|bottom)-(left|right)-radius"
    r"|left|right|top|bottom|float|clear|(min-|max-)?(width|height)"
)
PHYSICAL_VALUES = {"text-align": {"left", "right"}, "float": {"left", "right"}, "clear": {"left", "right"}}


def declarations_of(file: Path) -> list[tuple[str, str]]:
    text = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL)
    return [(name, value.strip()) for name, value in re.findall(r"(?<=[;{])\s*([\w-]+)\s*:([^;{}]*)", text)]


def test_styles_are_logical():
    found = {
        (name_of(file), f"{name}: {value}")
        for file in STYLES
        for name, value in declarations_of(file)
        if PHYSICAL_PROPERTIES.fullmatch(name) or value in PHYSICAL_VALUES.get(name, ())
    }
    bad = found - MAY_BE_PHYSICAL
    assert not bad, f"Write the logical property (margin-inline-start, inline-size, text-align: start): {bad}"
    assert found == MAY_BE_PHYSICAL, f"take off the list: {MAY_BE_PHYSICAL - found}"


def test_styles_ask_no_other_host():
    bad = lines_with(r"url\([\"']?(https?:|//|data:)|@import", STYLES)
    assert not bad, f"Put the file into static/: {bad}"


@pytest.mark.parametrize(
    ("name", "limit"),
    [("css/site.css", PORTAL_CSS_BYTES), ("css/admin.css", ADMIN_CSS_BYTES), ("css/operations.css", PAGE_CSS_BYTES)],
)
def test_style_sheet_keeps_its_size(name, limit):
    size = (ROOT / "static" / name).stat().st_size
    assert size <= limit, f"{name} has {size} bytes: use the classes that are there (at most {limit})"


# Page → its scripts: the registration and the sign-in, which load the most, and the status of a request.
PAGE_SCRIPTS = {
    "signup": ("site", "captcha", "password"),
    "login": ("site", "captcha", "passkey"),
    "change_password": ("site", "password", "session"),
    "add_app": ("site", "copy", "session"),
    "add_passkey": ("site", "passkey", "session"),
    "update_request": ("site", "print", "session"),
}


def test_scripts_of_a_page_keep_their_size():
    sizes = {file.stem: file.stat().st_size for file in SCRIPTS}
    assert set(sizes) == {name for names in PAGE_SCRIPTS.values() for name in names}, "count the script with its page"
    for page, names in PAGE_SCRIPTS.items():
        assert sum(sizes[name] for name in names) <= SCRIPT_BYTES, f"{page}: at most {SCRIPT_BYTES} bytes of {sizes}"


def test_scripts_ask_no_other_host_and_write_no_markup():
    bad = lines_with(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|\bFunction\(", SCRIPTS)
    assert not bad, f"Use textContent and elements that the page holds: {bad}"
