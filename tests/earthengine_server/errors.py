"""The one error of the server: what the client is told, and with which HTTP status."""

from __future__ import annotations

_REASONS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class EarthEngineError(Exception):
    """A refusal, answered as Google's APIs answer it.

    Parameters
    ----------
    message : str
        What the client is told.
    status : int
        HTTP status.

    Examples
    --------
    >>> EarthEngineError("Computation timed out.").answer()
    {'error': {'code': 400, 'message': 'Computation timed out.', 'status': 'INVALID_ARGUMENT'}}
    """

    def __init__(self, message, status=400):
        super().__init__(message)
        self.message = message
        self.status = status

    def answer(self):
        """The error as the JSON that Google's APIs send."""
        reason = _REASONS.get(self.status, "UNKNOWN")
        return {"error": {"code": self.status, "message": self.message, "status": reason}}


def not_implemented(what):
    """The error for what Earth Engine has and this server has not."""
    return EarthEngineError(f"This simulated Earth Engine does not implement {what}.")
