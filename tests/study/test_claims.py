"""Whom claims are about, and who takes part in them."""

from __future__ import annotations

from infomax_bench.study.claims import Claims

ROLES = {"s": "this work", "p": "prior art", "k": "control", "random": "reference", "raw": "reference"}
CLAIMS = Claims("s", "test", ROLES, False, own_width=frozenset({"raw", "draft"}))


def test_compared_are_those_of_one_width_and_the_subject_is_among_them():
    assert CLAIMS.compared == {"s", "p", "k", "random"}
    assert CLAIMS.without(frozenset({"p"})).compared == {"s", "k", "random"}


def test_references_stand_with_the_controls_but_those_with_a_width_of_their_own():
    assert CLAIMS.rivals("control") == ["k", "random"]
    assert CLAIMS.rivals("this work") == [], "nobody is a rival of its own"
    assert CLAIMS.references == ["random", "raw"]
