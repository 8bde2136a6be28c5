"""A passkey in software: answers what a page asks a browser for, rightly or as an attacker would."""

import hashlib
import json
import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.conf import settings
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

FLAG = AuthenticatorData.FLAG


class SoftwareKey:
    def __init__(self, origin: str | None = None, site: str | None = None):
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.identity = os.urandom(16)
        self.origin = origin or settings.BASE_URL
        self.site = hashlib.sha256((site or settings.PUBLIC_HOST).encode()).digest()
        self.owner = b""
        self.flags = FLAG.UP | FLAG.UV
        # How often it has signed; None for a key that does not count, as those that phones keep in step.
        self.count: int | None = 0

    def _say(self, kind: str, challenge: str) -> CollectedClientData:
        return CollectedClientData.create(kind, websafe_decode(challenge), self.origin)

    def make(self, options: dict) -> str:
        """Return the answer to a registration, as the page posts it."""
        wish = options["publicKey"]
        self.owner = websafe_decode(wish["user"]["id"])
        public = ES256.from_cryptography_key(self.private.public_key())
        held = AttestedCredentialData.create(b"\0" * 16, self.identity, public)
        data = AuthenticatorData.create(self.site, self.flags | FLAG.AT, self.count or 0, held)
        attested = AttestationObject.create("none", data, {})
        return self._write(
            clientDataJSON=self._say("webauthn.create", wish["challenge"]), attestationObject=attested
        )  # fmt: skip

    def prove(self, options: dict) -> str:
        """Return the answer to a sign-in or a proof, as the page posts it."""
        said = self._say("webauthn.get", options["publicKey"]["challenge"])
        if self.count is not None:
            self.count += 1
        data = AuthenticatorData.create(self.site, self.flags, self.count or 0)
        signature = self.private.sign(data + said.hash, ec.ECDSA(SHA256()))
        return self._write(
            clientDataJSON=said, authenticatorData=data, signature=signature, userHandle=self.owner
        )  # fmt: skip

    def _write(self, **response: bytes) -> str:
        encoded = {name: websafe_encode(bytes(value)) for name, value in response.items()}
        return json.dumps({"rawId": websafe_encode(self.identity), "response": encoded})
