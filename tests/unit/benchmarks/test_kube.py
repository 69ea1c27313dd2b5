"""What both servers are asked with, and what is made of the load client's report."""

import pytest

from benchmarks.kube_side import NUMBER, SCRIPT, measured, request_bytes


def test_a_request_says_how_long_its_body_is_and_who_asks() -> None:
    head, _, body = request_bytes("secret", "PATCH", "/x", b'{"a":1}', "application/merge-patch+json").partition(
        b"\r\n\r\n"
    )
    assert head.startswith(b"PATCH /x HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret" in head
    assert b"Content-Length: 7" in head
    assert body == b'{"a":1}'


def test_the_mark_is_as_long_as_what_the_script_puts_in_its_place() -> None:
    assert '"%08d"' in SCRIPT.read_text()
    assert len(NUMBER) == 8


def test_a_report_becomes_rates_and_costs() -> None:
    said = 'more\nRESULT {"requests":100,"duration_us":2000000,"failed":0,"bytes":5000,"p50_us":900,"p99_us":4000}\n'
    load = measured(said, cpu=0.01)
    assert (load.per_s, load.p99_ms, load.answer_bytes) == (50.0, 4.0, 50.0)
    assert load.cpu_us == pytest.approx(100.0)


@pytest.mark.parametrize(("requests", "failed"), [(100, 1), (0, 0)])
def test_a_failed_or_empty_measurement_is_none(requests: int, failed: int) -> None:
    said = f'RESULT {{"requests":{requests},"duration_us":1,"failed":{failed},"bytes":1,"p50_us":1,"p99_us":1}}'
    with pytest.raises(RuntimeError, match="requests failed"):
        measured(said, cpu=0.0)
