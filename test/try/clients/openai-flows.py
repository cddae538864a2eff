"""What people do with the openai package: openai-flows.py FLOW. Prints what was seen, or raises.

The broker's address and key are in OPENAI_BASE_URL and OPENAI_API_KEY.
"""
import io
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from openai import OpenAI
from pydantic import BaseModel

client = OpenAI(timeout=60, max_retries=0)
question = [{"role": "user", "content": "[sim calls=0] Hello"}]


def chat():
    answer = client.chat.completions.create(model="native", messages=question)
    assert answer.choices[0].message.content.startswith("tok0"), answer
    assert answer.usage.completion_tokens == 16, answer
    return f"{answer.usage.total_tokens} tokens"


def stream():
    events = client.chat.completions.create(
        model="native", messages=question, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(events)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("tok0") and chunks[-1].usage.completion_tokens == 16, chunks[-1]
    return f"{len(chunks)} chunks"


def pause():
    began, text = time.monotonic(), ""
    for chunk in client.chat.completions.create(model="pausing", messages=question, stream=True):
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    assert text == "before after", text
    return f"read on after a silence, {time.monotonic() - began:.1f} s in all"


class Sky(BaseModel):
    colour: str
    clouds: int


def parse():
    seen = []
    for model in ("native", "translated"):
        chat_answer = client.chat.completions.parse(
            model=model, messages=question, response_format=Sky
        )
        answer = client.responses.parse(model=model, input="Hello", text_format=Sky)
        assert isinstance(chat_answer.choices[0].message.parsed, Sky), chat_answer
        assert isinstance(answer.output_parsed, Sky), answer
        seen.append(str(answer.output_parsed))
    return "; ".join(seen)


def batch():
    line = {"method": "POST", "url": "/v1/chat/completions"}
    body = {"model": "native", "messages": [{"role": "user", "content": "[sim echo] a\u2028b\u0085c"}]}
    lines = [json.dumps({"custom_id": f"r{n}", **line, "body": body}) for n in range(20)]
    file = client.files.create(file=io.BytesIO("\n".join(lines).encode()), purpose="batch")
    made = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    while made.status not in ("completed", "failed", "expired", "cancelled"):
        time.sleep(0.5)
        made = client.batches.retrieve(made.id)
    assert made.status == "completed" and made.request_counts.completed == 20, made
    results = [json.loads(text) for text in client.files.content(made.output_file_id).iter_lines()]
    assert [result["custom_id"] for result in results] == [f"r{n}" for n in range(20)], results
    return "20 lines, in order, each one line to iter_lines()"


def uploads():
    text = "[sim echo] " + "a line of notes\n" * 100
    upload = client.uploads.upload_file_chunked(
        file=text.encode(),
        filename="notes.md",
        bytes=len(text),
        mime_type="text/markdown",
        purpose="user_data",
        part_size=500,
    )
    assert upload.status == "completed" and upload.file.bytes == len(text), upload
    assert client.files.content(upload.file.id).read() == text.encode()
    part = {"type": "input_file", "file_id": upload.file.id}
    for model in ("native", "translated"):
        answer = client.responses.create(model=model, input=[{"role": "user", "content": [part]}])
        assert "a line of notes" in answer.output_text, answer.output_text
    assert upload.file.id in [file.id for file in client.files.list(purpose="user_data")]
    return f"{len(text)} bytes in parts of 500, read by both engines"


def background():
    began = client.responses.create(model="translated", input="Hello", background=True, stream=True)
    seen = [next(began), next(began)]
    id, last = seen[0].response.id, seen[-1].sequence_number
    began.close()
    rest = list(client.responses.retrieve(id, stream=True, starting_after=last))
    numbers = [event.sequence_number for event in rest]
    assert numbers == list(range(last + 1, last + 1 + len(rest))), numbers
    assert rest[-1].type == "response.completed", rest[-1]
    assert client.responses.retrieve(id).status == "completed"
    return f"left after event {last}, {len(rest)} more to {rest[-1].type}"


def webhooks():
    received = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((body, dict(self.headers)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = client.post(
        "/webhook_endpoints",
        cast_to=dict,
        body={
            "name": "try",
            "url": f"http://127.0.0.1:{server.server_port}/hook",
            "event_types": ["response.completed"],
        },
    )
    made = client.responses.create(model="translated", input="Hello", background=True)
    deadline = time.monotonic() + 30
    while not received and time.monotonic() < deadline:
        time.sleep(0.1)
    body, headers = received[0]
    event = client.webhooks.unwrap(body, headers, secret=endpoint["signing_secret"])
    assert event.type == "response.completed" and event.data.id == made.id, event
    return f"{event.type}, its signature verified"


def spent():
    try:
        client.chat.completions.create(model="native", messages=question)
    except Exception as error:
        assert type(error).__name__ == "APIStatusError" and error.status_code == 402, repr(error)
        return str(error)
    raise AssertionError("an answer for nothing")


print(globals()[sys.argv[1]]())
