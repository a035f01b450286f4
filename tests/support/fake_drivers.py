"""The driver port in memory, for tests that need thousands of runs and a crash at any point.

It behaves as the real drivers do on Google Cloud (``tests/contract/drivers/test_drivers.py`` holds
both to the same contract). What exists and what happens to it is ``fake_cloud``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from shared.domain.faults import CloudFault, Disposition, Problem
from shared.domain.manifests.snapshot import DATA_DISK, data_disk
from shared.domain.manifests.workbench import is_instance_id
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Drift, Manifest
from shared.domain.resources.observation import MOST_ITEMS, Item, Observation
from shared.domain.resources.resource import Resource
from tests.support.fake_cloud import Failure, FakeCloud, Happening, Operation, Thing
from tests.support.grouped_fields import replace

__all__ = ["Failure", "FakeCloud", "FakeDriver", "Happening", "Operation", "Thing"]

_OLDER = (Kind.MANAGED_NOTEBOOK, Kind.DATAPROC_HUB)
_CAN_MOVE_ON = (State.READY, State.STOPPED)
_SKEW = timedelta(minutes=1)


class FakeDriver:
    """One kind of resource on a ``FakeCloud``; notebooks have operations, templates don't."""

    def __init__(self, kind: Kind, cloud: FakeCloud) -> None:
        self.kind = kind
        self._cloud = cloud
        self._slow = kind.holds_data or kind.is_workload or kind in (Kind.SNAPSHOT, Kind.DISK)
        self._rich = kind is Kind.WORKBENCH  # protection, restore, consent, changes in place

    # The port

    def observe(
        self, resource: Resource, key: str, email: str, manifest: Manifest | None
    ) -> Observation:
        """As the port says."""
        with self._cloud.call(f"{self.kind}.observe"):
            if self.kind.is_workload:
                return self._uses(resource.name, key, email)
            operation = self._operation_of(resource)
            known = resource.operation or resource.step is not None
            if operation is not None and not operation.done and known and operation.step:
                return Observation(state=operation.step.moving, operation=operation.name)
            seen = self._judged(resource.name, key, email, manifest)
            if operation is None:
                return seen
            if not operation.done:
                return replace(seen, operation=operation.name)
            return _after(seen, operation)

    def create(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """As the port says."""

        def effect() -> Observation:
            if self.kind.is_workload:
                return self._uses(resource.name, key, email)
            if self.kind is Kind.DISK:
                return self._judged(resource.name, key, email, None)
            repeated = self._repeated(resource.name, Step.CREATE, request_id)
            if repeated is not None:
                return repeated
            if self._thing(resource.name) is not None:
                return self._bring(resource, manifest, key, email)
            if self._rich and (Kind.DISK, data_disk(resource.name)) in self._cloud.things:
                message = f"{data_disk(resource.name)} exists already"
                raise CloudFault(Disposition.TEMPORARY, "NAME_TAKEN", message)
            return self._make(resource, manifest, key, email, request_id)

        return self._write(Step.CREATE, effect)

    def update(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """As the port says."""

        def effect() -> Observation:
            if self.kind.is_workload:
                return self._uses(resource.name, key, email)
            if not self._rich:
                return self._bring(resource, manifest, key, email)
            repeated = self._repeated(resource.name, Step.UPDATE, request_id)
            return repeated or self._change(resource, manifest, key, email, request_id)

        return self._write(Step.UPDATE, effect)

    def start(self, resource: Resource, request_id: str) -> Observation:
        """As the port says."""
        return self._switch(resource, Step.START, request_id)

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """As the port says."""
        return self._switch(resource, Step.STOP, request_id)

    def restore(self, resource: Resource, request_id: str) -> Observation:
        """As the port says; the API knows no request id here, but its operations are listed."""

        def effect(thing: Thing) -> Observation:
            if operation := self._cloud.last_restore(thing):
                return Observation(state=State.RESTORING, operation=operation.name)
            self._refuse_unless_whole(thing)
            snapshot = self._cloud.things.get((Kind.SNAPSHOT, resource.data.restore_from))
            if snapshot is None or snapshot.state is not State.READY:
                message = f"{resource.data.restore_from} was not found"
                raise CloudFault(Disposition.PERMANENT, "NOT_FOUND", message)
            if _disk_gb(thing.body) < snapshot.size_gb:
                message = f"a snapshot of {snapshot.size_gb} GB doesn't fit on the disk"
                raise CloudFault(Disposition.PERMANENT, "INVALID_ARGUMENT", message)
            data = snapshot.data
            return self._begin(
                thing, Step.RESTORE, request_id, then=lambda: self._cloud.put_back(thing, data)
            )

        return self._write(Step.RESTORE, lambda: self._if_there(resource, effect, self._rich))

    def protect(self, resource: Resource, on: bool, request_id: str) -> Observation:
        """As the port says."""
        step = Step.PROTECT if on else Step.UNPROTECT

        def effect(thing: Thing) -> Observation:
            repeated = self._repeated(resource.name, step, request_id)
            if repeated is not None:
                return repeated
            self._refuse_if_busy(thing)
            return self._begin(
                thing, step, request_id, then=lambda: setattr(thing, "protected", on)
            )

        return self._write(step, lambda: self._if_there(resource, effect, self._rich))

    def label(self, resource: Resource, key: str, email: str, request_id: str) -> Observation:
        """As the port says; a repeat changes nothing."""

        def effect() -> Observation:
            seen = self._judged(resource.name, key, email, None)
            thing = self._thing(resource.name)
            if thing is None or seen.state not in _CAN_MOVE_ON or seen.labelled:
                return seen
            self._refuse_if_busy(thing)
            return self._begin(
                thing, Step.UPDATE, request_id, then=lambda: _put_our_labels_on(thing, key)
            )

        with self._cloud.call(f"{self.kind}.label"):
            return effect()

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """As the port says."""

        def effect() -> Observation:
            if self.kind.is_workload:
                return self._end_uses(resource, request_id)
            repeated = self._repeated(resource.name, Step.DELETE, request_id)
            return repeated or self._if_there(resource, remove, True)

        def remove(thing: Thing) -> Observation:
            self._refuse_if_busy(thing)
            if thing.protected:
                message = f"{thing.name} is protected against deletion"
                raise CloudFault(Disposition.PERMANENT, "FAILED_PRECONDITION", message)
            if self._slow:
                return self._begin(thing, Step.DELETE, request_id)
            self._cloud.remove(thing, self._cloud.now())
            return Observation(state=State.ABSENT)

        return self._write(Step.DELETE, effect)

    def consented(self, resource: Resource) -> bool | None:
        """As the port says."""
        if not self._rich:
            return None
        with self._cloud.call(f"{self.kind}.consented"):
            thing = self._thing(resource.name)
            if thing is None:
                raise CloudFault(
                    Disposition.PERMANENT, "NOT_FOUND", f"{resource.name} was not found"
                )
            return thing.consented

    # How each is done

    def _write(self, step: Step, effect: Callable[[], Observation]) -> Observation:
        """A call that changes something: done now, or, if so scripted, later and unanswered."""
        with self._cloud.call(f"{self.kind}.{step}"):
            if self._cloud.lands_late(self.kind, step, effect):
                raise CloudFault(Disposition.UNCERTAIN, "NO_ANSWER", f"no answer to {step}")
            return effect()

    def _if_there(
        self, resource: Resource, effect: Callable[[Thing], Observation], of_use: bool
    ) -> Observation:
        """``effect`` on the resource; only an observation, if the kind lacks that step."""
        if self.kind.is_workload:
            return _as_uses(list(self._named(resource)))
        thing = self._thing(resource.name)
        if thing is None:
            return Observation(state=State.ABSENT)
        return effect(thing) if of_use else Observation(state=thing.state)

    def _make(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        if self.kind in _OLDER and self._cloud.older_ended:
            message = "they have been deprecated and new instances cannot be created"
            raise CloudFault(Disposition.PERMANENT, "FAILED_PRECONDITION", message)
        thing = Thing(self.kind, resource.name, resource.slot, key, email, manifest.digest)
        thing.body = dict(manifest.body)
        thing.consented = False if manifest.body.get("enableManagedEuc") else None
        then = self._copied(thing) if self.kind is Kind.SNAPSHOT else None
        self._cloud.add(thing)
        return self._begin(thing, Step.CREATE, request_id, then=then or (lambda: None))

    def _copied(self, snapshot: Thing) -> Callable[[], Problem | None]:
        """Put the data of the source into ``snapshot``; it is no good if that dies meanwhile."""
        disk = str(snapshot.body.get("sourceDisk", ""))
        notebooks = [t for t in self._cloud.things.values() if t.kind is Kind.WORKBENCH]
        source = next((t for t in notebooks if data_disk(t.name) == disk), None)
        if source is None:
            raise CloudFault(Disposition.PERMANENT, "NOT_FOUND", f"{disk} was not found")
        snapshot.source, snapshot.data = disk, source.data
        snapshot.size_gb = _disk_gb(source.body)

        def complete() -> Problem | None:
            if source.died is None:
                return None
            return Problem(
                code="NOT_FOUND", message=f"{disk} is gone", disposition=Disposition.PERMANENT
            )

        return complete

    def _change(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        seen = self._judged(resource.name, key, email, manifest)
        thing = self._thing(resource.name)
        if thing is None or seen.state not in _CAN_MOVE_ON or seen.drift is None:
            return seen
        self._refuse_if_busy(thing)
        machine = thing.state is State.STOPPED and seen.drift.at_rest
        if not seen.drift.in_place and not machine:
            return seen

        def change() -> None:
            thing.body = {**thing.body, "labels": manifest.body.get("labels", {})}
            _put_our_labels_on(thing, key)
            if machine:
                setup = {**thing.body.get("gceSetup", {}), "machineType": _machine(manifest.body)}
                thing.body = {**thing.body, "gceSetup": setup}

        return self._begin(thing, Step.UPDATE, request_id, then=change)

    def _switch(self, resource: Resource, step: Step, request_id: str) -> Observation:
        def effect(thing: Thing) -> Observation:
            self._refuse_unless_whole(thing)
            there = State.READY if step is Step.START else State.STOPPED
            return self._begin(thing, step, request_id, at_once=thing.state is there)

        return self._write(step, lambda: self._if_there(resource, effect, self.kind.holds_data))

    def _begin(
        self,
        thing: Thing,
        step: Step,
        request_id: str,
        *,
        at_once: bool = False,
        then: Callable[[], Problem | None] = lambda: None,
    ) -> Observation:
        if not self._slow:
            return Observation(state=thing.state)
        lasts = timedelta() if at_once else self._cloud.operation_time
        operation = self._cloud.begin(thing, step, request_id, lasts, then)
        return Observation(state=step.moving, operation=operation.name)

    def _repeated(self, name: str, step: Step, request_id: str) -> Observation | None:
        operation = self._cloud.repeated(self.kind, name, step, request_id)
        if operation is None:
            return None
        return Observation(state=step.moving, operation=operation.name)

    def _bring(self, resource: Resource, manifest: Manifest, key: str, email: str) -> Observation:
        seen = self._judged(resource.name, key, email, manifest)
        thing = self._thing(resource.name)
        changes = thing is not None and seen.state is not State.FOREIGN and not self._slow
        if changes and thing is not None and thing.digest != manifest.digest:
            thing.digest = manifest.digest
            self._cloud.note(thing, "updated", self._cloud.now())
        return seen

    # How each is seen

    def _operation_of(self, resource: Resource) -> Operation | None:
        """The operation of the step under way; where its name was lost, one that still runs."""
        lost = [call.step for call in resource.unconfirmed]
        lost += [resource.step] if resource.step else []
        unseen = any(step.is_hidden or step is Step.DELETE for step in lost)
        if resource.operation or not unseen or not self._rich:
            return self._cloud.operations.get(resource.operation)
        if resource.step is not Step.RESTORE:
            return self._cloud.running(self._thing(resource.name))
        assert resource.since is not None
        begun = [
            operation
            for operation in self._cloud.operations.values()
            if operation.step is Step.RESTORE
            and operation.thing is self._thing(resource.name)
            and operation.began >= resource.since - _SKEW
        ]
        return begun[-1] if begun else None

    def _judged(self, name: str, key: str, email: str, manifest: Manifest | None) -> Observation:
        thing = self._thing(name)
        if thing is None:
            return Observation(state=State.ABSENT)
        if self.kind.holds_data and thing.email != email:
            return Observation(state=State.FOREIGN, detail="it is somebody else's")
        labelled = thing.labelled and thing.key == key
        if not labelled and not has_our_name(thing, key):
            return Observation(state=State.FOREIGN, detail="it lacks our labels")
        if self.kind is Kind.DISK and _notebook_of(thing, self._cloud) is not None:
            return Observation(state=State.FOREIGN, detail="its notebook exists")
        if manifest is not None and thing.source != manifest.body.get("sourceDisk", ""):
            return Observation(state=State.FOREIGN, detail=f"it is a snapshot of {thing.source}")
        if thing.state is State.DELETING and self.kind.holds_data:
            # The v2 API has no such state: it says DELETED.
            return Observation(
                state=State.BROKEN,
                detail="DELETED",
                protected=thing.protected,
                labelled=labelled,
            )
        ready = self.kind.holds_data and thing.state is State.READY
        ready = ready and (thing.linked_at is None or thing.linked_at <= self._cloud.now())
        link = f"https://{name.rpartition('/')[2]}.notebooks.example.com" if ready else ""
        compared = self._rich and manifest is not None and thing.state in _CAN_MOVE_ON
        drift = _drift(thing.body, manifest.body) if compared and manifest is not None else None
        return Observation(
            state=thing.state,
            link=link,
            protected=thing.protected,
            drift=drift,
            labelled=labelled,
            size_gb=thing.size_gb,
        )

    def _uses(self, parent: str, key: str, email: str) -> Observation:
        """All that are the person's; those of others are left out."""
        theirs = [t for t in self._things_under(parent) if t.key == key]
        ours = [t for t in theirs if t.email in ("", email)]
        return _as_uses(ours)

    def _end_uses(self, resource: Resource, request_id: str) -> Observation:
        begun = {
            thing.name: self._end_one(thing, f"{request_id}/{thing.name}").operation
            for thing in self._named(resource)
            if thing.state is State.READY
        }
        items = tuple(
            replace(item, operation=begun.get(item.name, ""))
            for item in _as_uses(list(self._named(resource))).items
        )
        if not items and not resource.workload.more:
            return Observation(state=State.ABSENT)
        operation = next(iter(begun.values()), "")
        return Observation(
            state=State.DELETING, items=items, more=resource.workload.more, operation=operation
        )

    def _end_one(self, thing: Thing, request_id: str) -> Observation:
        repeated = self._repeated(thing.name, Step.DELETE, request_id)
        return repeated or self._begin(thing, Step.DELETE, request_id)

    def _named(self, resource: Resource) -> list[Thing]:
        """Those that were last seen, and are still there."""
        names = {item.name for item in resource.workload.items}
        return [t for t in self._things_under(resource.name) if t.name in names]

    def _things_under(self, parent: str) -> list[Thing]:
        things = self._cloud.things.values()
        return [t for t in things if t.kind is self.kind and t.name.startswith(f"{parent}/")]

    def _thing(self, name: str) -> Thing | None:
        return self._cloud.things.get((self.kind, name))

    # What is refused

    def _refuse_if_busy(self, thing: Thing) -> None:
        if self._cloud.busy(thing):
            raise CloudFault(Disposition.TEMPORARY, "ABORTED", f"{thing.name} is busy")

    def _refuse_unless_whole(self, thing: Thing) -> None:
        self._refuse_if_busy(thing)
        if thing.state is State.BROKEN:
            raise CloudFault(Disposition.PERMANENT, "FAILED_PRECONDITION", "it has no VM")


def _put_our_labels_on(thing: Thing, key: str) -> None:
    thing.labelled, thing.key = True, key


def has_our_name(thing: Thing, key: str) -> bool:
    """Whether it has the name of this person's notebook, or of its data disk."""
    name = thing.name.rpartition("/")[2].removesuffix(DATA_DISK)
    if thing.kind is Kind.DISK and thing.key not in ("", key):
        return False  # its labels name somebody else
    return thing.kind in (Kind.WORKBENCH, Kind.DISK) and is_instance_id(name, key)


def _notebook_of(disk: Thing, cloud: FakeCloud) -> Thing | None:
    notebooks = (t for t in cloud.things.values() if t.kind is Kind.WORKBENCH)
    return next((t for t in notebooks if data_disk(t.name) == disk.name), None)


def _after(seen: Observation, operation: Operation) -> Observation:
    return Observation(
        state=seen.state,
        link=seen.link,
        detail=seen.detail,
        protected=seen.protected,
        drift=seen.drift,
        labelled=seen.labelled,
        size_gb=seen.size_gb,
        problem=operation.error,
        finished=operation.error is None,
    )


def _as_uses(things: list[Thing]) -> Observation:
    if not things:
        return Observation(state=State.ABSENT)
    things = sorted(things, key=lambda thing: thing.state is not State.READY)
    items = tuple(
        Item(name=t.name, state="ACTIVE" if t.state is State.READY else "TERMINATING")
        for t in things[:MOST_ITEMS]
    )
    return Observation(
        state=State.READY if things[0].state is State.READY else State.DELETING,
        items=items,
        more=len(things[MOST_ITEMS:]),
    )


def _drift(body: dict[str, Any], wanted: dict[str, Any]) -> Drift:
    in_place: tuple[str, ...] = ()
    at_rest: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    if body.get("labels") != wanted.get("labels"):
        in_place = ("labels",)
    if _machine(body) != _machine(wanted):
        at_rest = (f"machine type {_machine(body)} -> {_machine(wanted)}",)
    if _disk_gb(body) < _disk_gb(wanted):
        never = ("data disk",)
    return Drift(in_place=in_place, at_rest=at_rest, never=never)


def _machine(body: dict[str, Any]) -> Any:
    return body.get("gceSetup", {}).get("machineType")


def _disk_gb(body: dict[str, Any]) -> int:
    """The size of the data disk; the API's default is 100 GB."""
    disks = body.get("gceSetup", {}).get("dataDisks") or [{}]
    return int(disks[0].get("diskSizeGb", 100))
