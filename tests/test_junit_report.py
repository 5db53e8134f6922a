"""JUnit XML: well formed whatever a learner writes, in the shape CI systems read, and no missing credit in disguise."""

import re
import xml.etree.ElementTree as ET

import pytest
from sample_grades import MIXED, UNBROADCAST, check, exercise, grade, section

from graders.engine.results import Counterexample, Grade, Status
from graders.report.blocks import failure_text
from graders.report.junit import junit
from graders.report.words import obeyed

COUNTS = {"tests", "failures", "errors", "skipped", "time"}
SHAPE = {  # element: (its attributes, the elements that may stand in it, in this order)
    "testsuites": ({"name", *COUNTS}, ["testsuite"]),
    "testsuite": ({"name", *COUNTS}, ["properties", "testcase"]),
    "properties": (set(), ["property"]),
    "property": ({"name", "value"}, []),
    "testcase": ({"name", "classname", "time"}, ["failure", "skipped"]),
    "skipped": ({"message"}, []),
    "failure": ({"type", "message"}, []),
}


def parsed(result: Grade) -> ET.Element:
    return ET.fromstring(junit(result).encode())


def check_shape(element: ET.Element) -> None:
    attributes, children = SHAPE[element.tag]
    assert set(element.attrib) == attributes
    positions = [children.index(child.tag) for child in element]
    assert positions == sorted(positions)
    assert not (element.text or "").strip() or element.tag == "failure"
    for child in element:
        check_shape(child)


def check_counts(element: ET.Element) -> None:
    assert int(element.attrib["tests"]) == len(element.findall(".//testcase"))
    assert int(element.attrib["failures"]) == len(element.findall(".//testcase/failure"))
    assert int(element.attrib["skipped"]) == len(element.findall(".//testcase/skipped"))
    assert element.attrib["errors"] == "0"
    assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])


@pytest.mark.parametrize("result", [MIXED, grade(), grade(*MIXED.sections, section("empty"))])
def test_it_has_the_shape_consumers_know(result: Grade) -> None:
    root = parsed(result)
    assert root.tag == "testsuites"
    check_shape(root)
    for element in [root, *root]:
        check_counts(element)


def test_there_is_a_suite_for_each_section_and_a_case_for_each_check() -> None:
    root = parsed(grade(section("a", exercise("f", check(name="adds"), check(name="keeps"))), *MIXED.sections))
    assert [suite.attrib["name"] for suite in root] == ["a", "backprop"]
    cases = [(case.attrib["classname"], case.attrib["name"]) for case in root[0].findall("testcase")]
    assert cases == [("a.f", "adds"), ("a.f", "keeps")]


def test_a_whole_document() -> None:
    assert junit(grade(section("s", exercise("f", check(points=0.5)), exercise("g", check("missing"), line=None)))) == (
        """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="grade" tests="2" failures="1" errors="0" skipped="0" time="0.500">
  <testsuite name="s" tests="2" failures="1" errors="0" skipped="0" time="0.500">
    <properties>
      <property name="score" value="0.5" />
      <property name="points" value="1.5" />
      <property name="seed" value="0" />
      <property name="examples" value="100" />
    </properties>
    <testcase name="does_what_it_should" classname="s.f" time="0.250" />
    <testcase name="does_what_it_should" classname="s.g" time="0.250">
      <failure type="missing" message="missing: Does what it should.">exercises/s.py

g: missing

Not yet: Does what it should.

The submission does not define g.
</failure>
    </testcase>
  </testsuite>
</testsuites>
"""
    )


@pytest.mark.parametrize("status", ["failed", "raised", "timed_out", "crashed", "missing", "blocked"])
def test_whatever_was_run_and_did_not_pass_is_a_failure(status: Status) -> None:
    case = parsed(grade(section("s", exercise("f", check(status)))))[0].find("testcase")
    assert [child.tag for child in case] == ["failure"]
    assert case[0].attrib["type"] == status
    assert case[0].attrib["message"] == f"{status.replace('_', ' ')}: Does what it should."


def test_a_stub_is_skipped_and_neither_passed_nor_failed() -> None:
    root = parsed(grade(section("s", exercise("f", check("not_attempted")), exercise("g", check("failed")))))
    stub, failing = root[0].findall("testcase")
    assert [(child.tag, child.attrib) for child in stub] == [
        ("skipped", {"message": "not attempted: Does what it should."})
    ]
    assert [child.tag for child in failing] == ["failure"]
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["skipped"]) == ("2", "1", "1")


def test_what_a_machine_would_obey_in_its_log_is_spelled_with_references() -> None:
    said = "x\n::error::owned\n##[set-output name=score]100"
    result = grade(section("s", exercise("f", check("raised", said, error=said)), file="##[x].py"))
    assert obeyed(junit(result)) == []
    assert "##[x].py" in parsed(result).find(".//failure").text


def test_a_failure_is_explained_as_on_the_terminal() -> None:
    failure = parsed(MIXED).find(".//failure")
    assert failure.text == f"exercises/backprop.py:41\n\n{failure_text(UNBROADCAST, 'unbroadcast')}"


def test_what_xml_cannot_hold_is_removed() -> None:
    every = "".join(map(chr, [*range(0xA0), 0x202E, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF, 0x1F600]))
    hostile = every + "]]></failure><skipped/>&amp;\x1b[31m"
    case = Counterexample(hostile, hostile, hostile + "!", hostile)
    broken = check("failed", hostile, case=case, mistake=hostile, error=hostile, output=hostile)
    root = parsed(grade(section("s", exercise("f", broken), file=hostile)))
    check_shape(root)
    failure = root.find(".//failure")
    assert "]]></failure><skipped/>&amp;" in failure.text
    assert "\N{GRINNING FACE}" in failure.text
    assert not re.search(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", failure.text)
    assert "\n" not in failure.attrib["message"]
