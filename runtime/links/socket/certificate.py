"""A certificate of one session, which the server makes and its workers get with the secret."""

import os
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Final

_NAME: Final = "millrace-links"
# The clock of another machine may differ, and a session has no end that is known.
_EARLIER: Final = timedelta(days=1)
_LATER: Final = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class LinkCertificate:
    """What encrypts the links of one session: a certificate that only its own processes trust.

    Attributes:
        pem: the certificate and its private key. It is passed only as the secret is.
    """

    pem: bytes = field(repr=False)

    @classmethod
    def is_available(cls) -> bool:
        """Return whether one can be made here: that needs the package cryptography."""
        return find_spec("cryptography") is not None

    @classmethod
    def new(cls) -> "LinkCertificate":
        """Return a new one, with a key on the curve P-256. It takes less than a millisecond.

        Raises:
            ImportError: the package cryptography is not installed.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAME)])
        now = datetime.now(UTC)
        usage = dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _EARLIER)
            .not_valid_after(now + _LATER)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        return cls(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def listening(self) -> ssl.SSLContext:
        """Return what a listener uses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0  # no connection is resumed
        # OpenSSL reads it from a file only; this one is in memory, and has no name.
        descriptor = os.memfd_create("millrace-link", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, self.pem)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
        return context

    def dialling(self) -> ssl.SSLContext:
        """Return what the other side uses: it trusts this certificate and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        # All processes of the session have the same one, on every machine.
        context.check_hostname = False
        context.load_verify_locations(cadata=self.pem.partition(b"-----BEGIN PRIVATE")[0].decode())
        return context
