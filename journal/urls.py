from django.urls import path

from journal.views import imports, log, nodes, portraits, replies, ways

app_name = "journal"

urlpatterns = [
    path("journal/", log.log, name="home"),
    path("journal/write/", nodes.write, name="write"),
    path("journal/drafts/", log.drafts, name="drafts"),
    path("journal/drafts/<uuid:draft_id>/discarding/", log.discard, name="discard"),
    path("journal/drafts/<uuid:draft_id>/reopening/", log.reopen, name="reopen"),
    path("journal/calendar/", ways.this_month, name="this-month"),
    path("journal/calendar/<int:year>/<int:month>/", ways.calendar, name="calendar"),
    path("journal/tags/", ways.tags, name="tags"),
    path("journal/prompts/", ways.prompts, name="prompts"),
    path("journal/profile/", portraits.profile, name="profile"),
    path("journal/profile/edit/", portraits.edit, name="profile-edit"),
    path("journal/profile/regeneration/", portraits.regeneration, name="regenerate-profile"),
    path("journal/profile/stopping/", portraits.stop, name="stop-profile"),
    path("journal/profile/proposal/", portraits.proposal, name="profile-proposal"),
    path("journal/profile/use/", portraits.use, name="profile-use"),
    path("journal/profile/deletion/", portraits.deletion, name="profile-deletion"),
    path("journal/profile/versions/", portraits.versions, name="profile-versions"),
    path("journal/profile/versions/<int:rev>/", portraits.version, name="profile-version"),
    path(
        "journal/profile/versions/<int:rev>/restoration/",
        portraits.restoration,
        name="restore-profile",
    ),
    path("journal/trash/", log.trash, name="trash"),
    path("journal/import/", imports.imports, name="imports"),
    path("journal/import/<uuid:run_id>/", imports.run, name="import"),
    path("journal/import/<uuid:run_id>/confirmation/", imports.confirm, name="confirm-import"),
    path("journal/import/<uuid:run_id>/retraction/", imports.retract, name="retract-import"),
    path("journal/<uuid:node_id>/", nodes.node, name="node"),
    path("journal/<uuid:node_id>/edit/", nodes.edit, name="edit"),
    path("journal/<uuid:node_id>/versions/", nodes.versions, name="versions"),
    path(
        "journal/<uuid:node_id>/versions/<uuid:version_id>/restoration/",
        nodes.restoration,
        name="restore-version",
    ),
    path("journal/<uuid:node_id>/audience/", nodes.audience, name="audience"),
    path("journal/<uuid:node_id>/replies/", nodes.reply, name="replies"),
    path("journal/<uuid:node_id>/ai-replies/", replies.ask, name="ask-ai"),
    path("journal/<uuid:node_id>/reply/", replies.reply, name="reply"),
    path("journal/<uuid:node_id>/stopping/", replies.stop, name="stop-reply"),
    path("journal/<uuid:node_id>/context/", replies.context, name="context"),
    path("journal/<uuid:node_id>/pin/", nodes.pin, name="pin"),
    path("journal/<uuid:node_id>/deletion/", nodes.deletion, name="deletion"),
    path("journal/<uuid:node_id>/restoration/", log.restore, name="restoration"),
    path("journal/<uuid:node_id>/erasure/", log.erase, name="erasure"),
]
