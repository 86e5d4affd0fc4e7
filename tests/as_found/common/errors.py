class HearthError(Exception):
    """Base of our errors."""


class NotReady(HearthError):
    def __init__(self, what, waited=0.0):
        super().__init__(f"{what} is not ready after {waited:.1f} s")
        self.what = what
        self.waited = waited
