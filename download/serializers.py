"""The JSON of what was found."""

from typing import Any

from rest_framework import serializers

from download.actions.reviews import MOST_SPREAD_DAYS
from download.models.reviews import Review
from writeorperish.ui.fields import ApiId
from writeorperish.ui.parsing import Sent


class PieceSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    mark = serializers.BooleanField()


class HitSerializer(serializers.Serializer[Any]):
    ref = serializers.CharField()
    title = serializers.CharField()
    snippet = PieceSerializer(many=True, source="snippet.pieces")
    at = serializers.DateTimeField()
    legs = serializers.ListField(child=serializers.ChoiceField(choices=["words", "meaning"]))
    score = serializers.FloatField()
    open = serializers.CharField()


class ReadSerializer(serializers.Serializer[Any]):
    chips = serializers.ListField(child=serializers.CharField())
    also = serializers.ListField(child=serializers.CharField())
    dropped = serializers.ListField(child=serializers.CharField())


class LegsSerializer(serializers.Serializer[Any]):
    words = serializers.ChoiceField(choices=["ok"])
    meaning = serializers.ChoiceField(choices=["ok", "paused", "off"])
    why = serializers.CharField(required=False)


class CoverageSerializer(serializers.Serializer[Any]):
    wanted = serializers.IntegerField()
    done = serializers.IntegerField()
    refused = serializers.IntegerField()


class SearchSerializer(serializers.Serializer[Any]):
    results = HitSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    query = ReadSerializer()
    legs = LegsSerializer()
    coverage = CoverageSerializer()


class NextSerializer(serializers.Serializer[Any]):
    show_soon = serializers.DateField()
    more_often = serializers.DateField()
    useful = serializers.DateField()
    less_often = serializers.DateField()


class FaceSerializer(serializers.Serializer[Any]):
    card = serializers.UUIDField(source="card.pk")
    ref = serializers.CharField(source="card.source")
    front = serializers.CharField()
    back = serializers.CharField()
    due = serializers.DateField(source="card.due_on", allow_null=True)
    next = NextSerializer()


class SessionSerializer(serializers.Serializer[Any]):
    cards = FaceSerializer(many=True)
    next_due = serializers.DateField(allow_null=True)


class AnswerSerializer(Sent):
    card = ApiId()
    answer = serializers.ChoiceField(choices=Review.Answer.choices)
    key = ApiId()
    at = serializers.DateTimeField(required=False)


class ReviewSerializer(serializers.Serializer[Any]):
    """An answer that was given, and how its card stands now."""

    id = serializers.UUIDField(source="review.pk")
    card = serializers.UUIDField(source="card.pk")
    due = serializers.DateField(source="card.due_on", allow_null=True)
    stability = serializers.FloatField(source="card.stability", allow_null=True)
    difficulty = serializers.FloatField(source="card.difficulty", allow_null=True)


class SpreadWriteSerializer(Sent):
    days = serializers.IntegerField(
        required=False, default=14, min_value=1, max_value=MOST_SPREAD_DAYS
    )


class SpreadSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    next_due = serializers.DateField(allow_null=True)
