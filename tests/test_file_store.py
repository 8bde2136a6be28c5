"""Story: a cleaned file is kept, handed out to who may see it, and deleted; the store may go away meanwhile."""

import re
import socket
import stat
import time
from pathlib import Path

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from moto.server import ThreadedMotoServer

from mumaris import bucket
from mumaris.stores import StoreAway, describe_store
from profiles.files import RefusedFile, delete_file, open_file, store_file
from tests.file_samples import clean, make_pdf, make_picture
from tests.servers import find_free_port

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.file_pages")]
KEYS = re.compile(r"20[0-9]{2}/[01][0-9]/[0-9a-f]{32}\.(jpg|png|pdf)")


@pytest.fixture
def use_store(settings):
    """Return ``use_store(url)``, which does what FILES_URL does at the start."""

    def use(url: str):
        settings.STORAGES = {**settings.STORAGES, "files": describe_store("FILES_URL", url)}
        return storages["files"]

    return use


@pytest.fixture
def folder(use_store, tmp_path) -> Path:
    """A shared folder of this test alone."""
    use_store(f"file://{tmp_path}")
    return tmp_path


@pytest.fixture(scope="module")
def s3():
    """An S3-compatible server; its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=find_free_port(), verbose=False)
    server.start()
    yield "{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def evidence_bucket(use_store, s3):
    """A bucket in use as the store; boto3's own view of it."""
    resource = boto3.resource(
        "s3", endpoint_url=f"http://{s3}", aws_access_key_id="K", aws_secret_access_key="S", region_name="us-east-1"
    )
    made = resource.create_bucket(Bucket="evidence")
    use_store(f"s3://K:S%2F%40@{s3}/evidence?tls=0")
    return made


@pytest.fixture(params=["folder", "bucket"])
def store(request):
    """The same story on both kinds of store."""
    return request.getfixturevalue({"folder": "folder", "bucket": "evidence_bucket"}[request.param])


# --- Kept and deleted ---------------------------------------------------------------------------


def test_kept_file_is_the_same_and_has_a_random_name(store):
    taken = clean(make_pdf(), name="Noura Al Harbi - passport.pdf")

    keys = {store_file(taken) for _ in range(3)}

    assert len(keys) == 3
    for key in keys:
        assert KEYS.fullmatch(key)
        with open_file(key) as file:
            assert file.read() == taken.content


def test_deleted_file_is_gone_and_deleting_again_is_fine(store):
    key, other = store_file(clean(make_picture())), store_file(clean(make_picture("PNG")))

    delete_file(key)
    delete_file(key)

    with pytest.raises(FileNotFoundError):
        open_file(key)
    with open_file(other) as file:
        assert file.read()


@pytest.mark.parametrize(
    "key", ["", "../../etc/passwd", "/etc/passwd", "2026/01/x.jpg", "2026/01/" + "a" * 32 + ".jpg\n"]
)
def test_other_keys_name_nothing(store, key):
    with pytest.raises(FileNotFoundError):
        open_file(key)
    delete_file(key)


def test_files_of_a_folder_are_their_owners_alone(folder):
    path = folder / store_file(clean(make_picture()))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(parent.stat().st_mode) for parent in (path.parent, path.parent.parent)} == {0o700}


def test_objects_of_a_bucket_are_signed_and_private(evidence_bucket, monkeypatch):
    asked = []
    monkeypatch.setattr(bucket.PrivateBucket, "_object", watch_headers(bucket.PrivateBucket._object, asked))

    key = store_file(clean(make_picture()))

    grants = evidence_bucket.Object(key).Acl().grants
    assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]
    assert [header.startswith("AWS4-HMAC-SHA256 ") for header in asked] == [True]


def watch_headers(make_object, asked: list):
    """Return ``_object`` with a look at the signature of each request."""

    def watch(self, name):
        found = make_object(self, name)
        found.meta.client.meta.events.register(
            "before-send.s3", lambda request, **_: asked.append(request.headers["Authorization"].decode())
        )
        return found

    return watch


def test_no_store_gives_out_addresses(store):
    key = store_file(clean(make_picture()))

    with pytest.raises(NotImplementedError):
        storages["files"].url(key)


def test_file_field_without_a_store_keeps_nothing(tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path
    for act in (lambda: default_storage.save("a.pdf", ContentFile(b"x")), lambda: default_storage.open("a.pdf")):
        with pytest.raises(NotImplementedError, match="files"):
            act()

    assert list(tmp_path.iterdir()) == []


# --- The store goes away ------------------------------------------------------------------------


@pytest.fixture
def silent_server():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture(params=["no mount", "no server", "no bucket", "stalled server"])
def away(request, use_store, silent_server, tmp_path, monkeypatch):
    """Use a store that cannot be reached; the key of a file that should lie in it."""
    if request.param == "no mount":
        use_store(f"file://{tmp_path}/mount")
    elif request.param == "no server":
        use_store(f"s3://K:S@127.0.0.1:{find_free_port()}/evidence?tls=0")
    elif request.param == "no bucket":
        use_store(f"s3://K:S@{request.getfixturevalue('s3')}/another?tls=0")
    else:
        monkeypatch.setattr(bucket, "READ_TIMEOUT", 0.3)
        use_store(f"s3://K:S@127.0.0.1:{silent_server.getsockname()[1]}/evidence?tls=0")
    return "2026/01/" + "a" * 32 + ".jpg"


def test_form_is_told_soon_that_the_store_is_away(away):
    start = time.perf_counter()

    with pytest.raises(RefusedFile, match="store_away"):
        store_file(clean(make_picture()))

    assert time.perf_counter() - start < 5


def test_store_that_is_away_is_not_taken_for_a_missing_file(away):
    with pytest.raises(StoreAway):
        open_file(away)
    with pytest.raises(StoreAway):
        delete_file(away)


def test_folder_that_cannot_be_written_is_away(folder):
    (folder / time.strftime("%Y")).touch()  # where a folder must be made: as root no permission is ever missing

    with pytest.raises(RefusedFile, match="store_away"):
        store_file(clean(make_picture()))


def test_servers_are_not_waited_for_without_end(use_store):
    config = use_store("s3://K:S@s3.example/evidence").client_config

    assert (config.connect_timeout, config.read_timeout) == (3, 15)
    assert config.retries == {"total_max_attempts": 2, "mode": "standard"}
    assert config.signature_version == "s3v4"


# --- Handed out ---------------------------------------------------------------------------------


@pytest.fixture
def reader(client, member):
    client.force_login(member)
    return client


@pytest.mark.parametrize(
    ("content", "content_type", "disposition"),
    [
        (make_picture("JPEG"), "image/jpeg", 'inline; filename="evidence-{}.jpg"'),
        (make_picture("PNG"), "image/png", 'inline; filename="evidence-{}.png"'),
        (make_pdf(), "application/pdf", 'attachment; filename="evidence-{}.pdf"'),
    ],
)
def test_file_comes_with_headers_of_its_own(reader, store, content, content_type, disposition):
    taken = clean(content, name="x.pdf" if content_type.endswith("pdf") else None)
    key = store_file(taken)

    response = reader.get(f"/en/show/{key}")

    assert b"".join(response.streaming_content) == taken.content
    assert response["Content-Type"] == content_type
    assert response["Content-Length"] == str(len(taken.content))
    assert response["Content-Disposition"] == disposition.format(key[8:16])
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response["Cache-Control"] == "private, no-store"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200), (None, 200)]
)
def test_pages_of_other_sites_get_nothing(reader, folder, site, status):
    headers = {"Sec-Fetch-Site": site} if site else {}

    response = reader.get(f"/en/show/{store_file(clean(make_picture()))}", headers=headers)

    assert response.status_code == status
    response.close()


@pytest.mark.parametrize("key", ["2026/01/" + "a" * 32 + ".jpg", "../../etc/passwd", "x"])
def test_missing_file_is_a_page_that_is_not_there(reader, store, key):
    response = reader.get(f"/ar/show/{key}")

    assert response.status_code == 404
    assert 'dir="rtl"' in response.content.decode()


@pytest.mark.parametrize(("language", "words"), [("ar", "الخدمة مشغولة"), ("en", "The service is busy or away")])
def test_store_that_is_away_is_told_in_words(reader, away, language, words):
    response = reader.get(f"/{language}/show/{away}")

    assert response.status_code == 503
    assert response["Retry-After"] == "30"
    assert words in response.content.decode()


def test_visitor_is_asked_to_sign_in_first(client, folder):
    response = client.get(f"/en/show/{store_file(clean(make_picture()))}")

    assert response.status_code == 302
    assert "/accounts/login/" in response["Location"]
