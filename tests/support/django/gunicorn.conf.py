"""How the shop is served; the tests add the address and the log file."""
import os
import threading
import time

from shop import recorder

wsgi_app = "shop.wsgi:application"
workers = 2
threads = 4
worker_class = "gthread"
preload_app = True
# Longer than a gateway keeps an idle connection: the gateway closes it, not we.
keepalive = 75
graceful_timeout = 1
# A gateway in front may send long cookies and headers.
limit_request_field_size = 16380

pre_request = recorder.pre_request


def when_ready(server):
    """Ends with the test process, even when that is killed."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), 15)

    threading.Thread(target=watch, daemon=True).start()
