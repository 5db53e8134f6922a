"""The JSON record: the contract that other tools build on."""

import json
import math

import msgspec
import pytest
from sample_grades import MIXED, UNBROADCAST, check, exercise, grade, section

from graders.engine.results import Grade, LoadWarning
from graders.report.record import encoded, record

WHOLE = """{
  "schema": 1,
  "seed": 0,
  "examples": 100,
  "score": 0.0,
  "points": 2.0,
  "sections": [
    {
      "name": "backprop",
      "title": "A section",
      "file": "exercises/backprop.py",
      "score": 0.0,
      "points": 2.0,
      "seconds": 0.5,
      "warnings": [
        {
          "line": 12,
          "message": "No module named 'sklearn'"
        }
      ],
      "exercises": [
        {
          "name": "unbroadcast",
          "status": "failed",
          "score": 0.0,
          "points": 2.0,
          "line": 41,
          "checks": [
            {
              "name": "sums_over_broadcast_axes",
              "title": "Sums over every axis that broadcasting added or stretched.",
              "status": "failed",
              "score": 0.0,
              "points": 2.0,
              "examples": 100,
              "seconds": 0.25,
              "counterexample": {
                "call": "unbroadcast(np.array([[1., 2., 3.], [4., 5., 6.]]), np.array([[1., 2., 3.]]))",
                "expected": "array([[5., 7., 9.]])",
                "actual": "array([5., 7., 9.])",
                "difference": "The shape is (3,) and should be (1, 3); the values agree.",
                "script": null
              },
              "mistake": "Axes that broadcasting prepended are summed, and stretched axes of size one are lost.",
              "error": null,
              "output": "before (2, 3)\\nafter (3,)\\n",
              "extra": false,
              "place": null,
              "other_mistake": null
            }
          ],
          "extras": {
            "score": 0.0,
            "points": 0.0
          },
          "note": null
        }
      ],
      "checkpoint": null,
      "extras": {
        "score": 0.0,
        "points": 0.0
      }
    }
  ],
  "extras": {
    "score": 0.0,
    "points": 0.0
  }
}
"""


def test_a_whole_record() -> None:
    warning = LoadWarning(12, "No module named 'sklearn'")
    assert (
        record(grade(section("backprop", exercise("unbroadcast", UNBROADCAST, line=41), warnings=(warning,)))) == WHOLE
    )


def test_it_reads_back_as_the_grade() -> None:
    assert msgspec.json.decode(record(MIXED), type=Grade) == MIXED


def test_strange_text_stays_readable_by_every_parser() -> None:
    text = record(grade(section("s", exercise("f", check("failed", output="\x1b[31m\x00\ud800 \u2028 é")))))
    output = json.loads(text.encode())["sections"][0]["exercises"][0]["checks"][0]["output"]
    assert output == "\x1b[31m\x00\ufffd \u2028 é"


def test_a_result_that_is_kept_holds_nothing_that_a_terminal_obeys() -> None:
    kept = encoded(section("s", exercise("f", check("failed", output="\x9b31m\u202e\x7f\ud800")))).decode()
    assert all(character.isprintable() for character in kept)
    assert json.loads(kept)["exercises"][0]["checks"][0]["output"] == "\x9b31m\u202e\x7f\ufffd"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        record(grade(section("s", exercise("f", check(points=value)))))
