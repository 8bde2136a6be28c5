"""Where uploaded files lie: a shared folder or an S3-compatible store, named by FILES_URL, private in both.

Neither has public addresses: profiles/file_store.py hands each file out, after the page has asked who wants it.
"""

import io
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage
from environs import EnvError

CONNECT_TIMEOUT, READ_TIMEOUT, TRIES = 3, 15, 2


class StoreAway(Exception):
    """The store cannot be reached, refuses, or is full: nothing is wrong with the file that was asked for."""


# --- The setting ------------------------------------------------------------------------------


def describe_store(name: str, url: str) -> dict:
    """Return Django's STORAGES entry for ``file:///folder`` or ``s3://KEY:SECRET@host[:port]/bucket?region=…&tls=1``.

    Raises EnvError, which names the setting and repeats nothing of it: it may hold a key.
    """
    try:
        parts = urlsplit(url)
        describe = {"file": describe_folder, "s3": describe_bucket}[parts.scheme]
        return describe(parts)
    except (KeyError, ValueError):
        form = "file:///folder or s3://KEY:SECRET@host[:port]/bucket?region=NAME&tls=1"
        raise EnvError(f'Environment variable "{name}" must have the form {form}') from None


def describe_folder(parts) -> dict:
    if parts.netloc or parts.query or parts.fragment or not parts.path.strip("/"):
        raise ValueError("not an absolute folder")
    return {"BACKEND": "mumaris.stores.PrivateFolder", "OPTIONS": {"location": unquote(parts.path)}}


def describe_bucket(parts) -> dict:
    options = {"region": "us-east-1", "tls": "1"} | dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    bucket = parts.path.strip("/")
    address = parts.netloc.rpartition("@")[2]
    # .port raises ValueError for one that is no number.
    if not (parts.username and parts.password and parts.hostname and bucket) or "/" in bucket or parts.port == 0:
        raise ValueError("a part is missing")
    if set(options) != {"region", "tls"} or options["tls"] not in {"0", "1"} or parts.fragment:
        raise ValueError("not an option")
    return {
        "BACKEND": "mumaris.bucket.PrivateBucket",
        "OPTIONS": {
            "access_key": unquote(parts.username),
            "secret_key": unquote(parts.password),
            "endpoint_url": f"{'https' if options['tls'] == '1' else 'http'}://{address}",
            "region_name": options["region"],
            "bucket_name": bucket,
        },
    }


# --- The stores -------------------------------------------------------------------------------


class PrivateFolder(FileSystemStorage):
    """A folder that all processes share. It must be there: a mount that went away would be written into silently."""

    def __init__(self, location):
        super().__init__(location, file_permissions_mode=0o600, directory_permissions_mode=0o700)

    def _save(self, name, content):
        self._ask_folder()
        try:
            return super()._save(name, content)
        except OSError as error:
            raise StoreAway from error

    def _open(self, name, mode="rb"):
        try:
            return super()._open(name, mode)
        except FileNotFoundError:
            self._ask_folder()
            raise
        except OSError as error:
            raise StoreAway from error

    def delete(self, name):
        self._ask_folder()
        try:
            super().delete(name)
        except OSError as error:
            raise StoreAway from error

    def url(self, name):
        raise NotImplementedError("Uploaded files have no address of their own.")

    def _ask_folder(self):
        if not Path(self.location).is_dir():
            raise StoreAway


class NoStore(Storage):
    """Django's "default": a file field without a storage would put uploads beside the code, or on the web."""

    def _refuse(self, *args, **kwargs):
        raise NotImplementedError('Uploaded files go through STORAGES["files"] (profiles/file_store.py).')

    _open = _save = delete = exists = listdir = size = url = path = _refuse


def hold(content: bytes, name: str) -> File:
    """Return the bytes as an open file that never touches a disk."""
    return File(io.BytesIO(content), name=name)
