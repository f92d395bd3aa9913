"""Log lines: one JSON object each, whatever is logged."""

import json
import logging
import logging.config
import subprocess
import sys

from config.logs import Context, JsonFormatter, add_to_context, configuration, context, start_context


def line_of(**fields: object) -> str:
    """The formatted line of a record with these attributes."""
    return JsonFormatter().format(
        logging.makeLogRecord({"name": "processing.runner", "levelname": "INFO"} | fields)
    )


def test_line_carries_the_extra_fields() -> None:
    line = json.loads(line_of(msg="batch committed", created=0.25, batch=12, elapsed_s=1.5))

    assert line == {
        "timestamp": "1970-01-01T00:00:00.250+00:00",
        "level": "INFO",
        "logger": "processing.runner",
        "message": "batch committed",
        "batch": 12,
        "elapsed_s": 1.5,
    }


def test_line_stays_one_line_when_a_file_name_forges_another() -> None:
    name = 'a\n{"level": "ERROR"}\r\x1b[2J\u2028.jpg'

    line = line_of(msg="photo opened", path=name)

    assert line.isprintable()
    assert json.loads(line)["path"] == name


def test_line_carries_the_traceback_of_an_error() -> None:
    error = ValueError("planted")

    line = json.loads(line_of(msg="failed", exc_info=(ValueError, error, None)))

    assert line["exception"] == "ValueError: planted"


def test_field_that_json_does_not_know_is_written_as_text() -> None:
    assert json.loads(line_of(msg="x", one=b"\xff"))["one"] == r"b'\xff'"


def test_extra_field_never_replaces_one_of_ours() -> None:
    assert json.loads(line_of(msg="x", level="forged"))["level"] == "INFO"


def test_console_is_quiet_by_default_and_django_q_stays_quiet_at_info() -> None:
    program = (
        "import logging, logging.config, sys; from config.logs import configuration;"
        "logging.config.dictConfig(configuration(sys.argv[1])); import django_q.apps;"
        "logging.getLogger('django-q').info('q'); logging.getLogger('processing').info('p')"
    )

    spoken = {
        level: subprocess.run(
            [sys.executable, "-c", program, level], check=True, capture_output=True, text=True
        ).stderr
        for level in ("WARNING", "INFO")
    }

    assert spoken["WARNING"] == ""
    assert [json.loads(line)["message"] for line in spoken["INFO"].splitlines()] == ["p"]
    assert configuration("INFO")["root"]["level"] == "INFO"


def test_lines_say_what_their_thread_works_for_and_what_they_say_themselves_comes_first() -> None:
    record, own, after = (logging.makeLogRecord({"msg": "x"}) for _ in range(3))
    own.session = "its own"
    start_context()

    with context(request_id="r1"):
        add_to_context(session="s1")
        Context().filter(record)
        Context().filter(own)
    Context().filter(after)

    assert (record.request_id, record.session, own.session) == ("r1", "s1", "its own")
    assert not hasattr(after, "request_id")
    assert configuration("INFO")["handlers"]["stderr"]["filters"] == ["context"]


def test_event_is_one_line_on_the_stream_when_its_context_forges_another() -> None:
    program = (
        "import logging, logging.config; from config import logs;"
        "logging.config.dictConfig(logs.configuration('INFO'))\n"
        'with logs.context(request_id=\'a\\n{"level": "ERROR"}\'):\n'
        "    logging.getLogger('x').warning('name\\n%s', 'b\\r\\x1b[2Jc', extra={'path': 'p\\nq'})"
    )

    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stderr

    [line] = said.splitlines()
    assert json.loads(line)["request_id"] == 'a\n{"level": "ERROR"}'
