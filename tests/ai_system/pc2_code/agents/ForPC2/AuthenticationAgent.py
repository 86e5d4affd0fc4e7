"""AuthenticationAgent: users, passwords and signed tokens with an expiry."""
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import time

from pc2_code.utils.service import Refusal, Service, action, run

ROUNDS = 60_000
TOKEN = re.compile(r"[\w-]+\.[\w-]+", re.ASCII)


def encode(data):
    """Bytes as text without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text):
    """The bytes of a text made by `encode`."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class AuthenticationAgent(Service):
    """Issues tokens and verifies them."""

    duty = "security"

    @classmethod
    def flags(cls, parser):
        parser.add_argument("--token_ttl", type=float, default=3600.0, help="seconds a token from a login is valid")
        parser.add_argument(
            "--enrol_on_first_login", choices=("true", "false"), default="false",
            help="whether the first login of an unknown user sets their password",
        )

    def start(self):
        folder = self.own_data()
        self.secret = self.load_secret(os.path.join(folder, "secret.key"))
        self.users_path = os.path.join(folder, "users.json")
        try:
            with open(self.users_path, encoding="utf-8") as file:
                self.users = json.load(file)
        except FileNotFoundError:
            self.users = {}

    @staticmethod
    def load_secret(path):
        """The signing secret, made on the first start and readable by the owner only."""
        if not os.path.exists(path):
            descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
            os.replace(path + ".new", path)
        with open(path, "rb") as file:
            return file.read()

    def canonical(self, user):
        """The one spelling of a user's name; for letters beyond ASCII UnifiedUtilsAgent knows it."""
        if not user.isascii():
            user = self.ask("UnifiedUtilsAgent", "normalise", 2.0, text=user)["text"]
        user = " ".join(user.lower().split())
        if not user:
            raise Refusal("the user's name is empty")
        return user

    def sign(self, payload):
        """The signature over a payload, both as text."""
        return encode(hmac.new(self.secret, payload.encode(), hashlib.sha256).digest())

    def token(self, user, ttl):
        """A token for a user."""
        expires = time.time() + ttl
        payload = encode(json.dumps({"user": user, "expires": expires, "id": secrets.token_hex(8)}).encode())
        return {"token": f"{payload}.{self.sign(payload)}", "user": user, "expires": round(expires, 3)}

    @staticmethod
    def digest(password, salt):
        """A slow hash of a password."""
        return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS).hex()

    def enrol(self, user, password):
        """Keep a new user."""
        if len(password) < 4:
            raise Refusal("the password is too short")
        salt = secrets.token_bytes(16)
        self.users[user] = {"salt": salt.hex(), "digest": self.digest(password, salt)}
        with open(self.users_path + ".new", "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            json.dump(self.users, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.users_path + ".new", self.users_path)

    @action("register")
    def register(self, request):
        """Add a `user` with a `password`."""
        user, password = self.canonical(request.text("user")), request.text("password")
        if user in self.users:
            raise Refusal(f"user '{user}' exists already")
        self.enrol(user, password)
        return {"user": user}

    @action("login")
    def login(self, request):
        """A token for `user` if the `password` is right."""
        user, password = self.canonical(request.text("user")), request.text("password")
        enrolled = user not in self.users and self.options.enrol_on_first_login == "true"
        if enrolled:
            self.enrol(user, password)
        known = self.users.get(user)
        salt = bytes.fromhex(known["salt"]) if known else b"nobody"
        if not hmac.compare_digest(self.digest(password, salt), known["digest"] if known else ""):
            raise Refusal("user or password is wrong")
        return {**self.token(user, self.options.token_ttl), "enrolled": enrolled}

    @action("issue")
    def issue(self, request):
        """A token for `user` which is valid for `ttl_seconds`."""
        return self.token(self.canonical(request.text("user")), request.number("ttl_seconds", self.options.token_ttl))

    @action("verify")
    def verify(self, request):
        """Whose `token` it is; otherwise the reason: malformed, forged or expired."""
        token = request.text("token")
        if not TOKEN.fullmatch(token):
            raise Refusal("the token is malformed", reason="malformed")
        payload, signature = token.split(".")
        if not hmac.compare_digest(self.sign(payload), signature):
            raise Refusal("the token is forged", reason="forged")
        claims = json.loads(decode(payload))
        if claims["expires"] <= time.time():
            raise Refusal("the token has expired", reason="expired")
        return {"user": claims["user"], "seconds_left": round(claims["expires"] - time.time(), 3)}


if __name__ == "__main__":
    run(AuthenticationAgent)
