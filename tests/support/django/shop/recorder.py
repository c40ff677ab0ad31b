"""
Writes down every request as it arrived, one JSON line each, in the file RECORD_FILE names.

This sits outside Django: it also sees what Django would not, such as a chunked body, or two
headers that WSGI folds into one name.
"""
import base64
import io
import json
import os
import threading

BODY_LIMIT = 64 * 1024

arrived = threading.local()


def pre_request(worker, request):
    """Server hook of gunicorn: runs in the thread that is about to serve the request."""
    arrived.headers = request.headers


class Replayed(io.RawIOBase):
    """A body whose beginning has been read already."""

    def __init__(self, beginning, rest):
        self.beginning = beginning
        self.rest = rest

    def readable(self):
        return True

    def readinto(self, buffer):
        size = len(buffer)
        if self.beginning:
            data, self.beginning = self.beginning[:size], self.beginning[size:]
        else:
            data = self.rest.read(size)
        buffer[: len(data)] = data
        return len(data)


def recorded(application):
    path = os.environ.get("RECORD_FILE")
    if path is None:
        return application
    # One write a line in append mode: the lines of two workers never mix.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def record(environ, start_response):
        body = environ["wsgi.input"].read(BODY_LIMIT)
        environ["wsgi.input"] = io.BufferedReader(Replayed(body, environ["wsgi.input"]))
        target = environ["RAW_URI"]
        line = {
            "method": environ["REQUEST_METHOD"],
            "target": target,
            "path": target.partition("?")[0],
            "query": environ.get("QUERY_STRING", ""),
            # Every header line by itself; gunicorn has turned the names into capitals.
            "headers": [[name.lower(), value] for name, value in arrived.headers],
            # What an application reads, where "-" and "_" are the same.
            "meta": {key: value for key, value in environ.items() if key.startswith("HTTP_")},
            "body": base64.b64encode(body).decode(),
        }
        os.write(file, (json.dumps(line) + "\n").encode())
        return application(environ, start_response)

    return record
