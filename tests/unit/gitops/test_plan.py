"""What may be deleted: every reason against it holds by itself, and order is that of references."""

from __future__ import annotations

import dataclasses

import pytest

from phoenix.apimachinery.meta import ObjectMeta
from phoenix.gitops.desired import build
from phoenix.gitops.drift import differing
from phoenix.gitops.files import ManifestDocument, ManifestFile, parse_file
from phoenix.gitops.ids import ObjectId
from phoenix.gitops.ownership import Owner, is_owned, owner_uid, stamped
from phoenix.gitops.plan import Applied, Circumstances, Hold, Live, Need, deletion_waves, need, prune, waves

A, B = (ObjectId("phoenix.io", "LoadProfile", "", name) for name in "ab")
FINE = Circumstances(asked=True, complete=True, faultless=True, applied=True, settled=True, allow_empty=False)


def test_what_is_gone_and_ours_is_pruned() -> None:
    assert prune({A}, {A, B}, (), lambda _: True, FINE).allowed == (B,)
    assert prune({A}, (), {A, B}, lambda _: True, FINE).allowed == (B,), "an inventory lost in a crash"
    assert prune({A}, {A, B}, {B}, lambda _: False, FINE).idents == (), "not ours"


@pytest.mark.parametrize(
    ("against", "hold"),
    [
        ("asked", Hold.NOT_ASKED), ("complete", Hold.INCOMPLETE), ("faultless", Hold.FAULTS),
        ("applied", Hold.NOT_APPLIED), ("settled", Hold.UNSETTLED),
    ],
)  # fmt: skip
def test_each_reason_against_it_is_enough(against: str, hold: Hold) -> None:
    found = prune({A}, {A, B}, (), lambda _: True, dataclasses.replace(FINE, **{against: False}))
    assert (found.allowed, found.idents, found.hold) == ((), (B,), hold)


def test_nothing_wanted_is_believed_only_where_that_is_allowed() -> None:
    assert prune((), {A}, (), lambda _: True, FINE).hold is Hold.EMPTY
    assert prune((), {A}, (), lambda _: True, dataclasses.replace(FINE, allow_empty=True)).allowed == (A,)


def document(kind: str, name: str) -> ManifestDocument:
    version = "v1" if kind == "Namespace" else "phoenix.io/v1alpha1"
    return ManifestDocument(version, kind, "", name, b"{}", "d", 1, 3)


def test_order() -> None:
    kinds = ["Experiment", "LoadProfile", "Namespace", "PipelineDeployment", "PipelineTemplate"]
    desired = build([ManifestFile("x.yaml", "", tuple(document(kind, kind.lower()) for kind in kinds), ())])
    order = [[wanted.ident.kind for wanted in wave] for wave in waves(desired.objects.values())]
    assert order == [["Namespace"], ["PipelineTemplate"], ["LoadProfile"], ["PipelineDeployment"], ["Experiment"]]
    back = [[ident.kind for ident in wave] for wave in deletion_waves(desired.objects)]
    assert back == order[::-1]


def test_what_one_object_needs() -> None:
    (wanted,) = build([ManifestFile("x.yaml", "", (document("LoadProfile", "a"),), ())]).objects.values()
    known, live = Applied("d", 5, "m"), Live("d", 5, "m")
    assert need(wanted, known, live, full=False) is Need.NOTHING
    assert need(wanted, known, live, full=True) is Need.COMPARE
    assert need(wanted, known, Live("d", 6, "other"), full=False) is Need.COMPARE
    assert need(wanted, known, Live("d", 6, "m"), full=False) is Need.NOTHING, "a status"
    assert need(wanted, known, Live("d", 4, "other"), full=False) is Need.NOTHING, "the cache is older than our write"
    assert need(wanted, known, None, full=False) is Need.COMPARE
    assert need(wanted, Applied("old", 5, "m"), live, full=False) is Need.APPLY
    assert need(wanted, None, live, full=False) is Need.COMPARE, "after a restart"
    assert need(wanted, None, Live("old", 5, "m"), full=False) is Need.APPLY
    assert need(wanted, None, None, full=False) is Need.APPLY


def test_proof_is_of_one_object_and_one_source() -> None:
    owner = Owner("src", "uid-1")
    wire = stamped({"metadata": {"name": "a", "uid": "exported"}, "status": {}}, owner, A, "d")
    meta = ObjectMeta.from_wire(wire["metadata"])
    assert "status" not in wire
    assert meta.uid == ""
    assert is_owned(meta, owner, A)
    assert not is_owned(meta, owner, B), "a copy under another name"
    assert not is_owned(meta, Owner("src", "uid-2"), A), "a later source of the same name"
    assert (owner_uid(meta, A), owner_uid(meta, B)) == ("uid-1", "")


def test_ids_come_back() -> None:
    for ident in (A, ObjectId("", "Namespace", "", "n"), ObjectId("g", "Role", "ns", "a_b:c")):
        assert ObjectId.parse(str(ident)) == ident
    assert ObjectId.parse("nonsense") is None


def test_differing_fields() -> None:
    before = {"kind": "X", "metadata": {"labels": {"a/b": "1"}, "uid": "1"}, "spec": {"l": [1, 2]}, "status": {"x": 1}}
    after = {"kind": "X", "metadata": {"labels": {"a/b": "2"}, "uid": "2"}, "spec": {"l": [1, 3], "n": 1}, "status": {}}
    assert differing(before, after) == ["spec.l[1]", "spec.n", "metadata.labels[a/b]"]


def test_a_file_in_two_encodings_and_none() -> None:
    text = "apiVersion: phoenix.io/v1alpha1\nkind: LoadProfile\nmetadata: {name: ü}\n"
    assert parse_file("a.yaml", b"\xef\xbb\xbf" + text.encode()).documents[0].name == "ü"
    assert parse_file("a.yaml", text.encode("latin-1")).faults[0].line == 3
    assert parse_file("a.yaml", b"").documents == ()
