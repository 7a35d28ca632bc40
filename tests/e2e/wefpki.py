# SPDX-License-Identifier: EUPL-1.2
"""Certificates of a Windows domain for the tests, by OpenSSL: an authority, the receiver, clients."""
import pathlib
import subprocess


def openssl(*words, **kwargs):
    return subprocess.run(["openssl", *[str(w) for w in words]], check=True, capture_output=True, **kwargs)


class Pki:
    def __init__(self, folder, name="Example CA"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca, self.ca_key = self.folder / "ca.crt", self.folder / "ca.key"
        self.openssl_new(self.ca_key)
        openssl("req", "-x509", "-new", "-key", self.ca_key, "-subj", f"/CN={name}", "-days", 30, "-out", self.ca,
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    @staticmethod
    def openssl_new(key):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        key.chmod(0o600)

    def issue(self, name, usage="clientAuth", days=10):
        """(certificate, key) of CN and DNS name `name`."""
        crt, key, csr, ext = (self.folder / f"{name}.{e}" for e in ("crt", "key", "csr", "ext"))
        self.openssl_new(key)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", csr)
        ext.write_text(f"basicConstraints=CA:false\nextendedKeyUsage={usage}\nsubjectAltName=DNS:{name}\n",
                       encoding="ascii")
        openssl("x509", "-req", "-in", csr, "-CA", self.ca, "-CAkey", self.ca_key, "-CAcreateserial", "-days",
                days, "-extfile", ext, "-out", crt)
        return crt, key

    def thumbprint(self):
        text = openssl("x509", "-in", self.ca, "-noout", "-fingerprint", "-sha1", text=True).stdout
        return text.strip().split("=")[1].replace(":", "")
