"""The JSON of what was found."""

from typing import Any

from rest_framework import serializers


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
