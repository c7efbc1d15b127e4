"""nginx sends the files. The chat decides who gets which."""


class XAccel:
    """A middleware: in place of a file's bytes, the response has its path for nginx."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Django calls this for every request. `file_to_stream` is what a FileResponse sends."""
        response = self.get_response(request)
        if file := getattr(response, "file_to_stream", None):
            response["X-Accel-Redirect"] = f"/files/{file.name}"
            del response["Content-Length"]  # nginx adds it
            response.streaming_content = ()
        return response
