"""A request that is far too large is answered by the running server, not by a broken connection."""

import http.client

HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'


def test_too_large_request_gets_its_answer(stack):
    connection = http.client.HTTPConnection("localhost", stack.port, timeout=30)
    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Cookie": f"__Host-csrf={'a' * 32}",
        "X-Forwarded-For": "10.200.0.1",
    }
    body = HEAD + b"x" * 40 * 1024 * 1024 + b"\r\n--x--\r\n"

    connection.request("POST", "/en/accounts/login/", body, headers)
    answer = connection.getresponse()

    assert answer.status == 400
    assert "Go back and choose files of at most 5 MB each." in answer.read().decode()
    connection.close()
