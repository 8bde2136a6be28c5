"""The S3-compatible store. A module of its own: boto3 takes half a second to import, and a folder needs none of it."""

import contextlib

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from mumaris.stores import CONNECT_TIMEOUT, READ_TIMEOUT, TRIES, StoreAway, hold


@contextlib.contextmanager
def _named_errors(name: str):
    """Turn every failure of the library into one of two: the file is not there, or the store is not."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"404", "NoSuchKey"}:
            raise FileNotFoundError(name) from error
        raise StoreAway from error
    except (BotoCoreError, Boto3Error, OSError) as error:
        raise StoreAway from error


class PrivateBucket(S3Storage):
    """One request for each act, whole files in memory (they are small), objects private as the bucket is.

    No ACL is sent: a bucket that allows none would refuse it, and without one an object is its owner's alone.
    """

    def __init__(self, **options):
        config = Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            # Stores other than Amazon's know no bucket names in host names, nor its newer checksums.
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(client_config=config, **options)

    def _save(self, name, content):
        with _named_errors(name):
            self._object(name).put(Body=content.read(), ContentType="application/octet-stream")
        return name

    def _open(self, name, mode="rb"):
        with _named_errors(name):
            return hold(self._object(name).get()["Body"].read(), name)

    def delete(self, name):
        with contextlib.suppress(FileNotFoundError), _named_errors(name):
            self._object(name).delete()

    def url(self, name, *args, **kwargs):
        raise NotImplementedError("Uploaded files have no address of their own.")

    def _object(self, name):
        # The resource of this thread: boto3's are not made for several.
        return self.connection.Object(self.bucket_name, self._normalize_name(name))
