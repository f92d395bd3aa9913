"""The guards of who works, begins and ends while the database is away, for the mutation proof."""

from tests.crash.mutants import Mutant

MUTANTS_OF_ATTENDANCE = [
    Mutant(
        "patience of a failing lane",
        "processing/tasks.py",
        "patiently(partial(_fail_held, presence, error), lambda: presence.wants_to_stop)",
        "_fail_held(presence, error)",
        "tests/test_tasks.py::"
        "test_session_fails_once_the_database_answers_again_when_a_lane_met_an_unexpected_error",
    ),
    Mutant(
        "death of a parent that met the unexpected",
        "processing/parent.py",
        "self._is_dying = True",
        "self._is_dying = False",
        "tests/test_parent.py::test_parent_that_dies_of_an_unexpected_error_is_no_clean_end",
    ),
    Mutant(
        "patience of a parent that ends",
        "processing/parent.py",
        "self.insist(self._mark_end)",
        "self._mark_end()",
        "tests/test_patience.py::test_parent_waits_for_the_database_to_mark_its_end",
    ),
    Mutant(
        "one beginning after a lost answer",
        "processing/parent.py",
        "if Worker.objects.filter(token=self._recorder.token).exists():",
        "if not Worker.objects.filter(token=self._recorder.token):",
        "tests/test_patience.py::test_act_that_begins_an_attendance_is_done_once_when_its_answer_is_lost",
    ),
    Mutant(
        "one row after a registration whose answer was lost",
        "processing/parent.py",
        "self._arriving = self._arriving or Presence()",
        "self._arriving = Presence()",
        "tests/test_patience.py::test_process_has_one_row_when_the_answer_to_its_registration_is_lost",
    ),
]
