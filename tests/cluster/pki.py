# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for one test bed: P-256 keys in a folder, made in milliseconds."""
import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def write_key(key, path):
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))


def rsa_pair(folder, name):
    """NAME.key and NAME.pub, as the API server signs service account tokens with."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    write_key(key, folder / f"{name}.key")
    (folder / f"{name}.pub").write_bytes(key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))


class Authority:
    """folder/NAME.crt and folder/NAME.key for everything that it issues; its own as NAME too."""

    def __init__(self, folder, name="ca", common_name="test-ca"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        self.cert = folder / f"{name}.crt"
        usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment",
                               "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False)
        builder = self._builder(self.name, self.key.public_key(), 3650)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
        self._write(builder, name, self.key)

    def issue(self, name, common_name, usage=(CLIENT,), organisation=None, names=(), days=365):
        """A leaf: names are DNS names and addresses.  Returns the paths of certificate and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organisation:
            subject.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
        builder = self._builder(x509.Name(subject), key.public_key(), days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(usage)), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(general_name, names))), False)
        return self._write(builder, name, key)

    def _builder(self, subject, public_key, days):
        now = datetime.datetime.utcnow()
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public_key)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(days=1 if days > 0 else 2))
                .not_valid_after(now + datetime.timedelta(days=days)))

    def _write(self, builder, name, key):
        certificate = builder.sign(self.key, hashes.SHA256())
        crt, path = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        crt.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        write_key(key, path)
        return crt, path


def general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
