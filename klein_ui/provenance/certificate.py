"""A certificate made for the installation: a root whose key is thrown away, and what it signed."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ORGANISATION = "Klein Live"
NAME = "Klein Live installation"
VALID = dt.timedelta(days=3650)
# Clocks of machines differ.
EARLIER = dt.timedelta(days=1)

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


def made() -> bytes:
    """A PEM with a private key, its certificate, and the root's, as C2PA asks for them."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _name(f"{NAME} root"), _name(NAME)
    root = _certificate(root_name, root_name, root_key.public_key(), root_key)
    leaf = _certificate(name, root_name, key.public_key(), root_key)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = serialization.Encoding.PEM
    return secret + leaf.public_bytes(pem) + root.public_bytes(pem)


def taken_apart(pem: bytes) -> tuple[str, bytes, bytes, str]:
    """C2PA's name of the algorithm, the chain, the key, and the serial number of the first.

    Raises `ValueError` where the key and the first certificate are not there or no pair.
    """
    key = serialization.load_pem_private_key(pem, password=None)
    chain = x509.load_pem_x509_certificates(pem)
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*spki) != chain[0].public_key().public_bytes(*spki):
        raise ValueError("the key is not the certificate's")
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificates = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
    return _algorithm(key), certificates, secret, str(chain[0].serial_number)


def _algorithm(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise ValueError("a kind of key that C2PA does not know")


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signed_with: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """The root's where it is its own issuer, else one that may sign documents."""
    is_root = subject == issuer
    begins = dt.datetime.now(dt.UTC) - EARLIER
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + VALID)
        .add_extension(x509.BasicConstraints(is_root, 0 if is_root else None), critical=True)
        .add_extension(_usage(is_root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_with.public_key()),
            critical=False,
        )
    )
    if not is_root:
        # C2PA refuses certificates that may be used for anything.
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(signed_with, hashes.SHA256())


def _usage(is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )
