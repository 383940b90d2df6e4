from django.urls import path

from download.views import ask, search

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
]
