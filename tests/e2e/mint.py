"""Certificates with any dates, names and uses, by a hub's own CA or by somebody else's.

Why by `openssl ca`: the hub itself never issues what these tests need to show it."""
import datetime
import subprocess
from pathlib import Path

DAY = datetime.timedelta(days=1)
EVER = "20150101000000Z", "20491231235959Z"

CONFIG = """[ca]
default_ca = mint
[mint]
database = {home}/index.txt
new_certs_dir = {home}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
email_in_dn = no
[any]
commonName = supplied
organizationName = optional
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
{leaf}
[ca_below]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
"""


def openssl(*words, feed=None):
    """Runs it to its end: (exit code, output and errors together)."""
    done = subprocess.run(["openssl", *map(str, words)], input=feed, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    return done.returncode, done.stdout


def must(*words):
    code, out = openssl(*words)
    if code != 0:
        raise AssertionError(f"openssl {' '.join(map(str, words))}: {out}")
    return out


def date(days_from_now):
    """As certificates write it."""
    moment = datetime.datetime.now(datetime.timezone.utc) + days_from_now * DAY
    return moment.strftime("%Y%m%d%H%M%SZ")


def days_left(path):
    """Until the certificate in `path` ends, by this machine's clock."""
    ends = must("x509", "-in", path, "-noout", "-enddate").strip().split("=", 1)[1]
    moment = datetime.datetime.strptime(ends, "%b %d %H:%M:%S %Y %Z")
    return (moment - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)) / DAY


def fits(certificate, key):
    """Are they a pair?"""
    return must("x509", "-in", certificate, "-noout", "-pubkey") == must("pkey", "-in", key, "-pubout")


class Pair:
    """A certificate and its key, in files."""

    def __init__(self, certificate, key):
        self.certificate, self.key = Path(certificate), Path(key)


class Mint:
    """One CA: a hub's, where its files are given, else one of its own."""

    def __init__(self, home, ca=None, ca_key=None):
        self.home, self.count = Path(home), 0
        self.home.mkdir()
        (self.home / "index.txt").write_text("")
        self.ca, self.ca_key = ca, ca_key
        if not ca:
            self.ca_key = self.key()
            self.ca = self.home / "ca.pem"
            must("req", "-x509", "-new", "-key", self.ca_key, "-subj", "/CN=Somebody's CA", "-out",
                 self.ca, "-days", 3650)

    @staticmethod
    def of(hub, home):
        return Mint(home, hub.data / "ca.pem", hub.data / "ca-key.pem")

    def _path(self, end):
        self.count += 1
        return self.home / f"{self.count}.{end}"

    def key(self):
        path = self._path("key")
        must("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
        return path

    def issue(self, key=None, name="somebody", dates=EVER, use="clientAuth", names=None,
              section="leaf"):
        """A Pair. `names` is what subjectAltName says; `use` None leaves usages out."""
        key, request, out = key or self.key(), self._path("csr"), self._path("pem")
        leaf = [f"extendedKeyUsage = {use}"] if use else []
        leaf += [f"subjectAltName = {names}"] if names else []
        config = self._path("conf")
        config.write_text(CONFIG.format(home=self.home, leaf="\n".join(leaf)))
        must("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        must("ca", "-batch", "-config", config, "-cert", self.ca, "-keyfile", self.ca_key, "-in",
             request, "-out", out, "-notext", "-startdate", dates[0], "-enddate", dates[1],
             "-extensions", section)
        return Pair(out, key)

    def self_signed(self, key=None, name="somebody", use="clientAuth", names=None):
        key, out = key or self.key(), self._path("pem")
        more = ["-addext", f"subjectAltName={names}"] if names else []
        must("req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-out", out, "-days", 30,
             "-addext", f"extendedKeyUsage={use}", *more)
        return Pair(out, key)

    def below(self, home):
        """A CA that this one signed, as nobody of ours ever is."""
        pair = self.issue(name="CA below", section="ca_below")
        return Mint(home, pair.certificate, pair.key)

    def chained(self, pair):
        """The pair with this CA's certificate behind its own, as a chain is sent."""
        out = self._path("pem")
        out.write_text(pair.certificate.read_text() + Path(self.ca).read_text())
        return Pair(out, pair.key)
