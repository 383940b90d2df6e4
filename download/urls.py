from django.urls import path

from download.views import ask, highlights, library, reader, search

app_name = "download"

urlpatterns = [
    path("search/", search.results, name="search"),
    path("search/palette/", search.palette, name="palette"),
    path("ask/", ask.asks, name="asks"),
    path("ask/<uuid:conversation_id>/", ask.conversation, name="conversation"),
    path("ask/<uuid:conversation_id>/messages/", ask.ask, name="ask"),
    path("ask/<uuid:conversation_id>/question/", ask.question, name="question"),
    path("ask/<uuid:conversation_id>/regeneration/", ask.again, name="ask-again"),
    path("ask/<uuid:conversation_id>/stop/", ask.stop, name="stop-answer"),
    path("ask/<uuid:conversation_id>/verdict/", ask.verdict, name="answer-verdict"),
    path("ask/<uuid:conversation_id>/deletion/", ask.delete, name="delete-conversation"),
    path("ask/<uuid:conversation_id>/entry/", ask.to_entry, name="answer-to-entry"),
    path("ask/<uuid:conversation_id>/sent/", ask.sent, name="answer-sent"),
    path("ask/<uuid:question_id>/source/<int:number>/", ask.source, name="source"),
    path("library/", library.library, name="library"),
    path("library/paste/", library.paste, name="paste"),
    path("library/changes/", library.change, name="changes"),
    path("library/preference/", library.prefer, name="preference"),
    path("library/answer/", library.answer, name="answer"),
    path("library/save/", library.save, name="save"),
    path("library/highlights/", highlights.highlights, name="highlights"),
    path("library/highlights/<uuid:highlight_id>/", highlights.highlight, name="highlight"),
    path("library/highlights/<uuid:highlight_id>/note/", highlights.note, name="annotate"),
    path(
        "library/highlights/<uuid:highlight_id>/deletion/",
        highlights.delete,
        name="delete-highlight",
    ),
    path(
        "library/highlights/<uuid:highlight_id>/restoration/",
        highlights.restore,
        name="restore-highlight",
    ),
    path("library/tags/", highlights.tags, name="tags"),
    path("library/tags/<uuid:tag_id>/", highlights.rename, name="rename-tag"),
    path("library/tags/<uuid:tag_id>/deletion/", highlights.remove, name="remove-tag"),
    path("library/<uuid:item_id>/", reader.item, name="item"),
    path("library/<uuid:item_id>/highlights/", reader.highlight, name="mark"),
    path("library/<uuid:item_id>/note/", reader.describe, name="describe"),
    path("library/<uuid:item_id>/state/", reader.read, name="reading"),
    path("library/<uuid:item_id>/progress/", reader.progress, name="progress"),
    path("library/<uuid:item_id>/fetch/", reader.fetch, name="fetch"),
    path("library/<uuid:item_id>/text/", reader.text, name="text"),
    path("library/<uuid:item_id>/deletion/", reader.delete, name="deletion"),
    path("library/<uuid:item_id>/restoration/", reader.restore, name="restoration"),
    path("library/<uuid:item_id>/erasure/", reader.erase, name="erasure"),
]
