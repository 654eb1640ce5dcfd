"""AES-256-GCM for stored API keys, bound to user and provider: a row copied elsewhere does not decrypt.

A ciphertext is one version byte, the first 4 bytes of the key's SHA-256 (which key of the list it was), a 12-byte
nonce, and AES-GCM's output.
"""

import logging
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12
_HEADER_BYTES = 1 + 4 + _NONCE_BYTES

_log = logging.getLogger(__name__)


class KeyRing:
    """The configured encryption keys: the first encrypts, all decrypt."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._primary = _fingerprint(keys[0])
        self._ciphers = {_fingerprint(key): AESGCM(key) for key in keys}

    def encrypt(self, user_id: str, provider: str, secret: str) -> bytes:
        """Ciphertext that only this user's row for this provider can be read from."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._primary].encrypt(nonce, secret.encode(), _binding(user_id, provider))
        return _VERSION + self._primary + nonce + sealed

    def decrypt(self, user_id: str, provider: str, ciphertext: bytes) -> str | None:
        """The secret, or None with a log line where the ciphertext is not this row's or its key is gone."""
        fingerprint, nonce = ciphertext[1:5], ciphertext[5:_HEADER_BYTES]
        cipher = self._ciphers.get(fingerprint)
        try:
            if cipher is None or ciphertext[:1] != _VERSION:
                raise InvalidTag
            return cipher.decrypt(nonce, ciphertext[_HEADER_BYTES:], _binding(user_id, provider)).decode()
        except (InvalidTag, ValueError):
            _log.error("API key for %s of user %s cannot be decrypted and is treated as missing", provider, user_id)
            return None

    def decrypt_all(self, user_id: str, ciphertexts: dict[str, bytes]) -> dict[str, str]:
        """Secrets by provider, those that cannot be decrypted left out."""
        secrets = {provider: self.decrypt(user_id, provider, value) for provider, value in ciphertexts.items()}
        return {provider: secret for provider, secret in secrets.items() if secret is not None}

    @property
    def current_prefix(self) -> bytes:
        """What a ciphertext begins with if the first key of the list made it."""
        return _VERSION + self._primary

    def is_current(self, ciphertext: bytes) -> bool:
        """Whether the first key of the list made it."""
        return ciphertext.startswith(self.current_prefix)


def _fingerprint(key: bytes) -> bytes:
    return sha256(key).digest()[:4]


def _binding(user_id: str, provider: str) -> bytes:
    return f"onboarding.api_keys\0{user_id}\0{provider}".encode()
