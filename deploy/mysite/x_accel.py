"""nginx sends the files; the chat decides who gets which."""

from pathlib import Path

from django.conf import settings


class XAccel:
    """A middleware: in place of the bytes of a file, the response has its path for nginx."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Django calls this for every request. `file_to_stream` is what a FileResponse sends."""
        response = self.get_response(request)
        if file := getattr(response, "file_to_stream", None):
            path = Path(getattr(file, "path", file.name)).relative_to(settings.MEDIA_ROOT)
            response["X-Accel-Redirect"] = f"/files/{path}"
            del response["Content-Length"]  # nginx adds it
            response.streaming_content = ()
        return response
