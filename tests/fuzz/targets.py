"""Whom the submissions come from and where they go: every address of the resolver, every form on its pages.

New pages and forms are found by themselves: each pattern is filled with the arguments that name things which are there,
each actor opens it, and the forms of the page are read.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from django.test import Client
from django.urls import URLPattern, get_resolver

from tests import journey, registry
from tests.conftest import make_user
from tests.roles import add_app, app_code

BASE = "http://testserver"
# What a field of this name takes; of others the value that the page shows, or a word.
GOOD = {
    "first_name": "نورة", "last_name": "العتيبي", "email": "fuzz@example.com", "email2": "fuzz@example.com",
    "password": journey.PASSWORD, "oldpassword": journey.PASSWORD,
    "password1": journey.NEW_PASSWORD, "password2": journey.NEW_PASSWORD,
    "login": "member@example.com", "code": "123456", "remember": "on", "membership_number": "10290001",
    "identity_number": "1000000495", "birth_date": "15/07/1405", "reason": "Not clear.", "language": "en",
    "next": "/en/terms/",
}  # fmt: skip


class Forms(HTMLParser):
    """The forms of a page: (method, action, {name: value}, is multipart)."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[tuple[str, str, dict[str, str], bool]] = []
        self._select = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        have = dict(attributes)
        if tag == "form":
            kind = have.get("enctype") == "multipart/form-data"
            self.found.append((have.get("method", "get").lower(), have.get("action") or "", {}, kind))
        elif tag == "option" and self._select and (have.get("value") or "selected" in have):
            fields = self.found[-1][2]
            if "selected" in have or not fields.get(self._select):
                fields[self._select] = have.get("value") or ""
        name = have.get("name")
        if not self.found or not name or tag not in {"input", "select", "textarea", "button"}:
            return
        self._select = name if tag == "select" else None
        self._add(name, have, tag)

    def _add(self, name, have, tag):
        fields, kind = self.found[-1][2], have.get("type")
        if kind == "radio" and name in fields and "checked" not in have:
            return
        if tag == "button" and name in fields:
            return
        fields[name] = have.get("value") or ("on" if kind == "checkbox" else "")


@dataclass
class Target:
    """One form as one actor sees it, or an address alone."""

    actor: str
    path: str
    method: str = "post"
    fields: dict[str, str] = field(default_factory=dict)
    multipart: bool = False

    def __str__(self):
        return f"{self.actor} {self.method} {self.path}"


class World:
    """What there is: a visitor, somebody with a code outstanding, members, staff, and rows to name."""

    def __init__(self, superuser):
        from profiles import services

        self.clients = {
            name: Client(raise_request_exception=False)
            for name in ("visitor", "registrant", "member", "claimant", "admin")
        }
        member = make_user("member@example.com", language="en", first_name="Mona", last_name="Harbi")
        claimant = make_user("claimant@example.com", first_name="Omar", last_name="Zahrani")
        self.file, free = registry.make_registry_member(member), registry.make_registry_member()
        other = registry.make_registry_member(make_user("sender@example.com", first_name="Sami", last_name="Qahtani"))
        draft = services.begin_update_request(user=member, membership_number=self.file.membership_number)
        services.save_update_request(request=draft, new_values={"job_title": "رئيسة تمريض"})
        sent = services.begin_update_request(user=other.user, membership_number=other.membership_number)
        sent = services.save_update_request(request=sent, new_values={"job_title": "رئيسة تمريض"})
        self.sent = services.submit_update_request(request=sent, revision=sent.revision)
        journey.accept_declaration(self.clients["visitor"])
        journey.register(self.clients["registrant"], "fresh@example.com")
        for name, user in (("member", member), ("claimant", claimant), ("admin", superuser)):
            if name == "admin":
                add_app(user)
            journey.sign_in(self.clients[name], user.email)
            if name == "admin":
                self.clients[name].post(journey.url("mfa_authenticate"), {"code": app_code()})
            self.clients[name].get("/en/profile/")
        self.free, self.references = free, [draft.reference, self.sent.reference]
        self._open_links(member)

    def _open_links(self, member):
        """Mail that is outstanding: a reset link, a change of address with its code, a claim to object to."""
        from tests import servers

        journey.ask_reset(Client(), "sender@example.com")
        self.clients["member"].post(journey.url("account_email"), {"email": "wanted@example.com"})
        fields = {"membership_number": self.free.membership_number, "identity_number": self.free.identity_number}
        self.clients["claimant"].post(journey.url("claim"), fields | {"birth_date": "15/07/1405", "calendar": "hijri"})
        journey.deliver()
        texts = [journey.text_of(message) for message in servers.sink.messages]
        found = {path for text in texts for path in re.findall(r"https?://[^/\s]+(/(?:ar|en)/\S+)", text)}
        self.links = [self.clients["visitor"].get(path).headers.get("Location", path) for path in sorted(found)]

    def arguments(self, name: str, route: str) -> list[str]:
        """Return examples of one argument of a pattern: right ones where we know them, and one that names nothing."""
        if name == "reference":
            return [*self.references, "UPD-0000-0000"]
        if name in {"object_id", "pk", "id", "user_id"}:
            return [str(self._row_of(route)), "999999", "_00"]
        if "uuid" in route or name.endswith("_id"):
            return ["00000000-0000-4000-8000-000000000000"]
        return {"app_label": ["accounts"], "uid": ["1"]}.get(name, ["1-abc", "abc"])

    def _row_of(self, route: str) -> object:
        from django.apps import apps

        found = re.search(r"admin/(\w+)/(\w+)/", route)
        try:
            model = apps.get_model(*found.groups()) if found else None
        except LookupError:
            model = None
        row = model and model._default_manager.order_by("pk").first()
        return row.pk if row else 1


def walk(patterns, prefix: str = ""):
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from walk(pattern.url_patterns, route)


def fill(world: World, route: str) -> list[str]:
    """Return paths that a route matches, one for each example of its first argument."""
    names = re.findall(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>", route)
    names = [first or second for first, second in names]
    examples = {name: world.arguments(name, route) for name in names}
    paths = []
    for number in range(max((len(found) for found in examples.values()), default=1)):
        path = route
        for name, found in examples.items():
            value = found[number % len(found)]
            path = re.sub(rf"<(?:\w+:)?{name}>|\(\?P<{name}>[^)]*\)", value.replace("\\", ""), path)
        paths.append("/" + path.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\", ""))
    return paths


def find_targets(world: World) -> list[Target]:
    """Return every form that any actor finds, and every address once without its form."""
    paths = {path for route in walk(get_resolver().url_patterns) for path in fill(world, route)} | set(world.links)
    targets: dict[str, Target] = {}
    for actor, client in world.clients.items():
        for path in sorted(paths):
            bare = Target(actor, path)
            targets.setdefault(str(bare), bare)
            # Signing out by a link is no form, and whoever is not staff sees nothing of the admin.
            if "logout" in path or (path.startswith("/admin/") and actor != "admin"):
                continue
            for target in read_forms(actor, client, path):
                targets.setdefault(f"{target} {sorted(target.fields)}", target)
    return list(targets.values())


def read_forms(actor: str, client: Client, path: str) -> list[Target]:
    answer = client.get(path)
    if answer.status_code != 200 or "html" not in answer.headers.get("Content-Type", ""):
        return []
    found = []
    for method, action, fields, multipart in Forms(answer.content.decode()).found:
        goal = urlsplit(urljoin(BASE + path, action))
        if goal.netloc == "testserver":
            good = {name: value or GOOD.get(name, value) for name, value in fields.items()}
            found.append(Target(actor, goal.path, method, good, multipart))
    return found
