"""The one way out: what a busy, broken or hostile forge can and can't do."""

from __future__ import annotations

import datetime as dt
import gzip
import logging
import socket
import ssl
import threading
import traceback
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ordain.adapters.forges.github import GitHub
from ordain.adapters.forges.gitlab import GitLab
from ordain.adapters.forges.guard import Clock, Guard, session
from ordain.adapters.forges.place import Place, Token, place_of
from ordain.errors import RetryLater, UserError
from tests.adapters.forges.certificates import self_signed
from tests.adapters.forges.conftest import LIMITS, NOW, Slept
from tests.adapters.forges.github_world import COMMENTS, HEAD, MERGED, PULLS, STATUSES, World
from tests.adapters.forges.gitlab_world import World as OnGitLab
from tests.adapters.forges.standin import TOKEN, Fault, StandIn, standing_in

RESET = str(int(NOW.timestamp()) + 17)
USED_UP = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": RESET, "X-RateLimit-Limit": "5000"}
AWAY = {"location": "http://127.0.0.1:1/elsewhere"}


@pytest.fixture
def once(github_place: Place, slept: Slept) -> Iterator[GitHub]:
    """A client that tries once."""
    made = GitHub(github_place, Token(TOKEN), limits=replace(LIMITS, attempts=1), clock=slept.clock)
    yield made
    made.close()


def ask(forge: GitHub) -> None:
    forge.open_requests("any")


@pytest.mark.parametrize(
    ("fault", "pause"),
    [
        (Fault(status=429, headers={"Retry-After": "7"}), 7.0),
        (Fault(status=403, headers={"Retry-After": "0"}), 0.0),
        (Fault(status=429, headers={"Retry-After": "Tue, 24 Nov 2026 12:00:09 GMT"}), 9.0),
        (Fault(status=403, headers=USED_UP), 17.0),
        (Fault(status=403, body=b'{"message": "You have exceeded a secondary rate limit"}'), 1.0),
        (Fault(status=429, headers={"Retry-After": "-5"}), 1.0),
        (Fault(status=503, headers={"Retry-After": "3"}), 3.0),
        (Fault(status=500), 1.0),
        (Fault(status=502, body=b"<html>"), 1.0),
        (Fault(status=202, body=b"{}"), 1.0),
        (Fault(status=200, body=b"<html>sign in</html>"), 1.0),
        (Fault(status=200, body=b"[1, 2", length=400), 1.0),
    ],
)
def test_a_passing_fault_is_waited_out(
    fault: Fault, pause: float, github: GitHub, github_world: World, slept: Slept
) -> None:
    github_world.server.faults = [fault]
    ask(github)
    assert slept.seconds == [pause]


@pytest.mark.parametrize(
    "headers",
    [
        {"Transfer-Encoding": "chunked"},
        {"Transfer-Encoding": "chunked", "Content-Encoding": "gzip"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "deflate, gzip"},
    ],
)
def test_encoded_answers_are_read(
    headers: dict[str, str], github: GitHub, github_world: World, slept: Slept
) -> None:
    body = b"[" + b" " * 100_000 + b"]"
    for coding in filter(None, headers.get("Content-Encoding", "").split(", ")):
        body = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
    if "Transfer-Encoding" in headers:
        parts = [body[at : at + 1000] for at in range(0, len(body), 1000)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in [*parts, b""])
    github_world.server.faults = [Fault(status=200, headers=headers, body=body)]
    ask(github)
    assert (slept.seconds, github_world.server.faults) == ([], [])


def test_waiting_ends(github: GitHub, github_world: World, slept: Slept) -> None:
    github_world.server.faulty["GET", PULLS] = Fault(status=502)
    with pytest.raises(RetryLater, match="GitHub is not ready: it answers 502"):
        ask(github)
    assert slept.seconds == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(("asked", "told"), [("3600", 3600.0), ("9" * 11, 86400.0), ("31", 31.0)])
def test_a_long_pause_is_handed_on(
    asked: str, told: float, github: GitHub, github_world: World, slept: Slept
) -> None:
    github_world.server.faults = [Fault(status=429, headers={"Retry-After": asked})]
    with pytest.raises(RetryLater, match="less often") as caught:
        ask(github)
    assert (caught.value.after, slept.seconds) == (told, [])


def test_what_may_have_been_done_is_not_done_again(github: GitHub, github_world: World) -> None:
    github_world.server.faulty["POST", COMMENTS] = Fault(status=500)
    with pytest.raises(RetryLater):
        github.comment(12, "plan", "x")
    assert github_world.server.count("POST", COMMENTS) == 1


def test_what_was_turned_away_is_done_again(github: GitHub, github_world: World) -> None:
    limited = Fault(status=429, headers={"Retry-After": "1"})
    github_world.server.faulty["POST", COMMENTS] = limited
    with pytest.raises(RetryLater):
        github.comment(12, "plan", "x")
    assert github_world.server.count("POST", COMMENTS) == 4


@pytest.mark.parametrize(
    "fault",
    [
        Fault(hold=3.0),
        Fault(status=200, body=b"[" + b" " * 200 + b"]", drip=True, length=202),
    ],
)
def test_a_slow_forge_is_given_up(fault: Fault, once: GitHub, github_world: World) -> None:
    github_world.server.faults = [fault]
    with pytest.raises(RetryLater, match=r"does not answer|takes too long"):
        ask(once)


def test_a_forge_that_is_away_is_one_to_retry(slept: Slept) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = place_of("github", f"http://127.0.0.1:{taken.getsockname()[1]}/acme/churn", "main")
        forge = GitHub(place, Token(TOKEN), limits=LIMITS, clock=slept.clock)
        with pytest.raises(RetryLater, match="GitHub does not answer"):
            ask(forge)
        forge.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(status: int, once: GitHub, github_world: World) -> None:
    with standing_in("github", "/api/v3") as other:
        for target in (other.origin, github_world.server.origin):
            headers = {"Location": f"{target}/api/v3/repos/acme/churn/pulls"}
            github_world.server.faults = [Fault(status=status, headers=headers)]
            with pytest.raises(UserError, match=f"answers {status} to GET /repos/acme/churn/pulls") as caught:
                ask(once)
            assert "not followed" in caught.value.fix
        assert other.asked == []
    assert github_world.server.asked == []


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/api/v3/repos/acme/churn/pulls?page=2",
        "http://127.0.0.1:1/api/v3/repos/acme/churn/pulls?page=2",
        "http://127.0.0.1:{port}@evil.example/api/v3/x",
        "http://{host}.evil.example/api/v3/x",
        "https://{host}/api/v3/x",
        "//evil.example/x",
        "http://{host}/elsewhere",
        "http://{host}/api/v3/../../admin",
        "http://someone@{host}/api/v3/x",
        "http://[::1/api/v3/",
        "file:///etc/passwd",
        "",
    ],
)
def test_the_next_page_is_on_the_same_api(link: str, once: GitHub, github_world: World) -> None:
    host = github_world.server.origin.removeprefix("http://")
    url = link.format(host=host, port=host.partition(":")[2])
    github_world.server.faults = [Fault(status=200, headers={"Link": f'<{url}>; rel="next"'}, body=b"[]")]
    with pytest.raises(UserError, match="next page on another server"):
        ask(once)
    assert github_world.server.asked == []


def test_a_session_has_no_other_way_out(github_place: Place, github_world: World) -> None:
    only = session(Guard(github_place, [(".*", "nothing")], LIMITS, Clock()))
    with standing_in("github", "") as other:
        for url in (
            f"{other.origin}/user",
            f"{github_place.origin}/user",
            "https://evil.example/api/v3/user",
        ):
            with pytest.raises(UserError, match="points to another server: not followed"):
                only.get(url, headers={"Authorization": f"Bearer {TOKEN}"})
        assert (other.asked, other.problems, github_world.server.asked) == ([], [], [])
    assert abs((Clock().now() - dt.datetime.now(tz=dt.UTC)).total_seconds()) < 60
    only.close()


@pytest.mark.parametrize("rows", ["[]", "full"])
def test_pages_that_go_in_circles_end(
    rows: str, github_world: World, slept: Slept, github_place: Place
) -> None:
    limits = replace(LIMITS, requests=20)
    forge = GitHub(github_place, Token(TOKEN), limits=limits, clock=slept.clock)
    github_world.open = [] if rows == "[]" else [github_world.simple(github_world.pull)]
    url = f"{github_world.server.origin}/api/v3/repos/acme/churn/pulls?page=1"
    body = rows.encode() if rows == "[]" else b'[{"number": 1}]'
    github_world.server.faults = [
        Fault(status=200, headers={"Link": f'<{url}>; rel="next"'}, body=body)
    ] * 100
    if rows == "[]":
        ask(forge)  # an empty page is the last
        assert len(github_world.server.faults) == 99
    else:
        with pytest.raises(UserError, match="more than 20 requests"):
            ask(forge)
        assert len(github_world.server.faults) == 80
    forge.close()


def test_more_rows_than_anything_real_has_are_refused(once: GitHub, github_world: World) -> None:
    github_world.reviews = [github_world.review(1, "mei", "APPROVED")] * 5001
    github_world.server.description.check_answer = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(UserError, match="more than 5000 rows"):
        once.merged_as(MERGED)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=200, body=b'["' + b"x" * 600_000 + b'"]'),
        Fault(status=404, body=b'{"message": "' + b"x" * 600_000 + b'"}'),
        Fault(status=200, headers={"Content-Encoding": "gzip"}, body=gzip.compress(b" " * 10_000_000)),
    ],
)
def test_a_huge_answer_is_refused(fault: Fault, once: GitHub, github_world: World) -> None:
    github_world.server.faults = [fault]
    with pytest.raises(UserError, match="more than 524288 bytes"):
        ask(once)


@pytest.mark.parametrize(
    "body", [b"", b"17", b'"text"', b"null", b"[" * 100_000, b"\xff\xfe[]", b"NaN", b'{"a":']
)
def test_what_is_no_document_is_one_to_retry(body: bytes, once: GitHub, github_world: World) -> None:
    github_world.server.faults = [Fault(status=200, body=body)]
    with pytest.raises(RetryLater, match="something else than JSON"):
        ask(once)


@pytest.mark.parametrize(
    "body", [b'{"message": "hi"}', b"[[1]]", b"[7]", b'[{"number": "1"}]', b"[{}]", b'["x"]']
)
def test_what_the_description_does_not_have_is_refused(
    body: bytes, once: GitHub, github_world: World
) -> None:
    github_world.server.faults = [Fault(status=200, body=body)]
    with pytest.raises(UserError, match="otherwise than its API describes"):
        ask(once)


@pytest.mark.parametrize("body", [b'{"items": 5}', b'{"items": null}', b'{"items": 1.5, "total_count": 1}'])
def test_one_value_in_the_place_of_a_list_is_refused(body: bytes, once: GitHub, github_world: World) -> None:
    github_world.server.faults = [Fault(status=200, body=body)]
    with pytest.raises(UserError, match="describes a list"):
        ask(once)


@pytest.mark.parametrize("status", [201, 204, 206])
def test_a_question_that_is_answered_by_no_document_is_asked_again(
    status: int, github: GitHub, gitlab: GitLab, github_world: World, gitlab_world: OnGitLab
) -> None:
    body = b"" if status == 204 else b"[]"
    for forge, world in ((github, github_world), (gitlab, gitlab_world)):
        world.server.faults = [Fault(status=status, body=body)]
        forge.open_requests("any")
        world.server.faults = [Fault(status=status, body=body)] * 9
        with pytest.raises(RetryLater, match=f"it answers {status}"):
            forge.open_requests("any")


def test_headers_for_the_clients_own_use_can_not_break_them(github: GitHub, github_world: World) -> None:
    odd = {"X-RateLimit-Remaining": "x", "X-RateLimit-Limit": "y", "X-RateLimit-Reset": "", "Link": "a, b;;"}
    github_world.server.faults = [Fault(status=200, headers=odd, body=b"[]")]
    ask(github)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
def test_a_refusal_says_what_and_why_on_one_line(status: int, once: GitHub, github_world: World) -> None:
    github_world.server.faults = [Fault(status=status, body=b'{"message": "no\\nway\\u001b[2J"}')]
    with pytest.raises(UserError) as caught:
        ask(once)
    text = str(caught.value)
    assert text.startswith(f"GitHub answers {status} to GET /repos/acme/churn/pulls")
    assert text.isprintable()
    assert caught.value.fix


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"error": {"base": ["taken"]}}'])
def test_a_refusal_without_a_message_is_still_one(body: bytes, once: GitHub, github_world: World) -> None:
    github_world.server.faults = [Fault(status=422, body=body)]
    with pytest.raises(UserError, match="answers 422"):
        ask(once)


def test_the_token_is_in_no_error_log_or_representation(
    once: GitHub, github_world: World, github_place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = b'{"message": "bad token ' + TOKEN.encode() + b'"}'
    said = [repr(once), repr(Token(TOKEN)), str(Token(TOKEN)), repr(vars(once)), repr(github_place)]
    faults = [
        Fault(status=status, body=echo, headers=AWAY)
        for status in (200, 301, 400, 401, 403, 404, 422, 429, 500)
    ]
    for fault in [*faults, Fault(hold=3.0)]:
        github_world.server.faults = [fault]
        with pytest.raises((UserError, RetryLater)) as caught:
            once.status(HEAD, [])
        said += traceback.format_exception(caught.value)
        said += [repr(caught.value), str(getattr(caught.value, "fix", ""))]
    github_world.server.faults = []
    once.open_requests("any")
    logged = "".join(f"{each.getMessage()}{each.__dict__}" for each in caplog.records)
    assert str(Token(TOKEN)) == "Token(…)"
    assert TOKEN not in "".join(said)
    # The stand-in's own echo is the only thing that could show it in a log.
    assert TOKEN not in logged.replace(echo.decode(), "")
    assert all(TOKEN not in each.path + str(each.query) for each in github_world.server.asked)
    assert github_world.server.count("GET", STATUSES) == 0


def test_a_proxy_is_not_shown_what_goes_without_tls(
    once: GitHub, github_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standing_in("github", "") as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        ask(once)
        assert proxy.asked == []
        assert proxy.problems == []
    assert github_world.server.count("GET", PULLS) == 1


def test_the_machines_netrc_is_not_used(
    once: GitHub, github_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    ask(once)
    assert TOKEN in github_world.server.asked[0].headers["Authorization"]


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, slept: Slept) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)

        def answer() -> None:
            taken, _ = listening.accept()
            try:
                with context.wrap_socket(taken, server_side=True) as secure:
                    secure.recv(4096)
            except OSError:
                taken.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        place = place_of("github", f"https://127.0.0.1:{listening.getsockname()[1]}/acme/churn", "main")
        forge = GitHub(place, Token(TOKEN), limits=LIMITS, clock=slept.clock)
        with pytest.raises(UserError, match="certificate"):
            ask(forge)
        forge.close()
        thread.join(5)


def test_one_question_does_not_eat_anothers_requests(
    github: GitHub, github_server: StandIn, github_world: World
) -> None:
    for _ in range(LIMITS.requests + 1):
        ask(github)
    assert github_server.count("GET", PULLS) == LIMITS.requests + 1
