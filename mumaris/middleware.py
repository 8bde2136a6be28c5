"""What every response of this portal carries, error pages, admin, files and static included."""

from mumaris.views import bad_request

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "camera", "display-capture", "geolocation", "gyroscope",
        "magnetometer", "microphone", "midi", "payment", "usb", "xr-spatial-tracking",
    )
)  # fmt: skip


class ResponseHeaders:
    """Adds the headers that Django has no setting for."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            # Every page shows or takes personal data, if only a typed name.
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class PlainText:
    """Refuses a body in an encoding that no browser sends: Python would try zlib or rot13 on it, and fail."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.content_params.get("charset", "utf-8").lower() != "utf-8":
            return bad_request(request)
        return self.get_response(request)
