"""A requester's own site with one task, on another host name than the marketplace: the target of an ExternalURL."""

import contextlib
import threading
from collections.abc import Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

PAGE = """<!doctype html><meta charset="utf-8"><title>Task</title><link rel="icon" href="data:,">
<h1>Is this a cat?</h1>
<p id="who">{who}</p>
<form method="post" action="{target}/mturk/externalSubmit">
<input type="hidden" name="assignmentId" value="{assignment}">
<label>Answer <input name="answer"></label>
<button>Submit</button>
</form>"""


class TaskSite(ThreadingHTTPServer):
    """The site; `requests` are the parameters and headers with which its page was opened."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Task)
        self.requests: list[dict[str, str]] = []
        self.url = f"http://localhost:{self.server_port}/task?image=7"

    def question(self, height: int = 0) -> str:
        space = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/ExternalQuestion.xsd"
        return (
            f'<ExternalQuestion xmlns="{space}"><ExternalURL>{escape(self.url)}</ExternalURL>'
            f"<FrameHeight>{height}</FrameHeight></ExternalQuestion>"
        )


class _Task(BaseHTTPRequestHandler):
    server: "TaskSite"

    def do_GET(self) -> None:
        parameters = dict(parse_qsl(urlsplit(self.path).query))
        headers = {name: self.headers.get(name, "") for name in ("Referer", "Cookie")}
        self.server.requests.append(parameters | headers)
        page = PAGE.format(
            who=escape(parameters.get("workerId", "nobody yet")),
            target=escape(parameters.get("turkSubmitTo", "")),
            assignment=escape(parameters.get("assignmentId", "")),
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *words: object) -> None:
        """Log nothing."""


@contextlib.contextmanager
def running_task_site() -> Iterator[TaskSite]:
    site = TaskSite()
    thread = threading.Thread(target=site.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        site.server_close()
        thread.join()
