"""A kopf operator as its documentation teaches: finalizer, annotations, status, events, a field, a deletion."""

import kopf

KIND = ("phoenix.io", "v1alpha1", "experiments")
MINE = {"handled-by": "kopf"}


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: object) -> None:
    settings.persistence.finalizer = "example.com/kopf"


@kopf.on.create(*KIND, labels=MINE)
def created(body: kopf.Body, spec: kopf.Spec, patch: kopf.Patch, **_: object) -> None:
    patch.metadata.annotations["example.com/variants"] = str(len(spec["variants"]))
    patch.status["progress"] = 0.125
    kopf.info(body, reason="Seen", message="the operator saw it")


@kopf.on.update(*KIND, labels=MINE, field="spec.decision")
def decided(old: str, new: str, patch: kopf.Patch, **_: object) -> None:
    patch.metadata.annotations["example.com/decision"] = f"{old} to {new}"


@kopf.on.delete(*KIND, labels=MINE)
def deleted(name: str, **_: object) -> None:
    print(f"handled the deletion of {name}", flush=True)
