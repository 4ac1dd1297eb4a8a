"""`pods/eviction`: deletion that asks first.

No disruption budget is looked at yet: the controller that keeps their counts is not here, and a budget without one
must not look as if it protected anything.
"""

from __future__ import annotations

from podling.api import errors, kinds
from podling.api.types import meta_v1
from podling.apiserver import body, removal, render
from podling.apiserver.admission import Operation
from podling.apiserver.call import Call, Serve
from podling.apiserver.options import write_options
from podling.apiserver.request import Response


async def create(call: Call) -> Response:
    options = write_options(call.request.query, "CreateOptions")
    given = body.read_object(call, options, kind=kinds.EVICTION)
    if given.name and given.name != call.info.name:
        raise errors.BadRequest("name in URL does not match name in Eviction object")
    review = call.review(Operation.CREATE, obj=given, kind=kinds.EVICTION, is_dry_run=options.dry_run)
    await call.services.admission.admit(review)
    asked = given.body.delete_options or meta_v1.DeleteOptions()
    if options.dry_run:
        asked.dry_run = ["All"]
    await removal.delete(call, call.info.name, asked)
    return render.struct(call, meta_v1.Status(status="Success", code=201), status=201)


VERBS: dict[str, Serve] = {"create": create}
