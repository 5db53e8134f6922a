"""A grade as JUnit XML, which CI systems show.

What was run and did not pass is a `failure`, its status in the `type`; so is what is missing, where a name is wrong
or a statement could not be loaded. A stub is `skipped`, which says that nothing was run: among the failures of a
hundred stubs nobody would find the two exercises that are wrong. Readers count what is skipped as neither good nor
bad, so it is the command's exit status that says whether the score was reached, and the properties of each suite that
say the points. Nothing is an `error`: that word means that the test itself is broken, and faults of the grader end
the run before there is a report.
"""

import xml.etree.ElementTree as ET

from graders.engine.results import CheckResult, ExerciseResult, Grade, SectionResult
from graders.report.blocks import failure_text
from graders.report.next_step import place_of
from graders.report.words import WORDS, muted_markup, number, one_line


def junit(grade: Grade) -> str:
    """The grade as an XML document: a test suite for each section, a test case for each check."""
    root = ET.Element("testsuites", {"name": "grade", **_totals(grade.sections)})
    for section in grade.sections:
        root.append(_suite(section, grade))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + muted_markup(ET.tostring(root, encoding="unicode")) + "\n"


def _totals(sections: tuple[SectionResult, ...]) -> dict[str, str]:
    checks = [check for section in sections for exercise in section.exercises for check in exercise.checks]
    return {
        "tests": str(len(checks)),
        "failures": str(sum(check.status not in ("passed", "not_attempted") for check in checks)),
        "errors": "0",
        "skipped": str(sum(check.status == "not_attempted" for check in checks)),
        "time": f"{sum(section.seconds for section in sections):.3f}",
    }


def _suite(section: SectionResult, grade: Grade) -> ET.Element:
    suite = ET.Element("testsuite", {"name": section.name, **_totals((section,))})
    properties = ET.SubElement(suite, "properties")
    values = {
        "score": number(section.score),
        "points": number(section.points),
        "seed": str(grade.seed),
        "examples": str(grade.examples),
    }
    for name, value in values.items():
        ET.SubElement(properties, "property", {"name": name, "value": value})
    for exercise in section.exercises:
        suite.extend(_case(section, exercise, check) for check in exercise.checks)
    return suite


def _case(section: SectionResult, exercise: ExerciseResult, check: CheckResult) -> ET.Element:
    classname = f"{section.name}.{exercise.name}"
    case = ET.Element("testcase", {"name": check.name, "classname": classname, "time": f"{check.seconds:.3f}"})
    message = f"{WORDS[check.status]}: {one_line(check.title)}"
    if check.status == "not_attempted":
        ET.SubElement(case, "skipped", {"message": message})
    elif check.status != "passed":
        failure = ET.SubElement(case, "failure", {"type": check.status, "message": message})
        failure.text = f"{place_of(section, exercise)}\n\n{failure_text(check, exercise.name)}"
    return case
