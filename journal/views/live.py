"""Following a recording while it is written down."""

from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_GET

from accounts.models import User
from accounts.views.live import followed, queried, whoever
from journal.actions.recordings import recordings_of
from journal.actions.transcripts import KIND
from writeorperish.ai.models import Job
from writeorperish.ops.refusals import Missing


@require_GET
async def recording(request: HttpRequest, recording_id: UUID) -> StreamingHttpResponse:
    """The newest writing down of one's recording as server-sent events; as `/live/jobs/<id>/`, with `part`.

    Missing while it was never begun: the recording itself, asked for, says how far it is.
    """
    person = await queried(lambda: whoever(request))
    return await followed(request, person, await queried(lambda: newest_job(person, recording_id)))


def newest_job(person: User, recording_id: UUID) -> Job:
    own = recordings_of(person).filter(pk=recording_id)
    jobs = Job.objects.filter(owner=person.pk, kind=KIND, about_id__in=own.values("pk"))
    found = jobs.order_by("-created_at").first()
    if found is None:
        raise Missing
    return found
