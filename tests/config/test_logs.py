"""Log lines: one JSON object each, whatever is logged."""

import json
import logging
import logging.config
import subprocess
import sys

from config.logs import JsonFormatter, configuration


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
