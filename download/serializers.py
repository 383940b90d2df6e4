"""The JSON of what was found."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from download.actions.answers import QUESTION_CHARS
from download.models.answers import Conversation, Question
from download.showing import shown, with_answers
from writeorperish.ui.parsing import Sent

MOST_QUESTIONS = 50


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


class ScopeSerializer(Sent):
    """Where a conversation looks; nothing of it narrows nothing."""

    from_ = serializers.DateField(required=False, allow_null=True)
    to = serializers.DateField(required=False, allow_null=True)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=10, required=False
    )

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {name.rstrip("_"): field for name, field in fields.items()}


class AskSerializer(Sent):
    question = serializers.CharField(max_length=QUESTION_CHARS, trim_whitespace=False)
    offline = serializers.BooleanField(required=False, default=False)
    model = serializers.CharField(max_length=80, required=False, default="")


class AskAgainSerializer(AskSerializer):
    question = serializers.CharField(
        max_length=QUESTION_CHARS, trim_whitespace=False, required=False, default=""
    )
    instead_of = serializers.UUIDField(required=False)


class BeginSerializer(AskSerializer):
    scope = ScopeSerializer(required=False)


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    title = serializers.CharField(read_only=True)
    scope = ScopeSerializer(read_only=True)

    class Meta:
        model = Conversation
        fields = ("id", "title", "scope", "made_at", "asked_at")
        read_only_fields = fields


class QuotationSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    ref = serializers.CharField()
    words = serializers.CharField()
    title = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(choices=["whole", "edited", "gone", "closed"])
    open = serializers.CharField(source="url")


class SegmentSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    supported = serializers.BooleanField()
    quotations = QuotationSerializer(many=True)


class QuestionSerializer(serializers.Serializer[Any]):
    """A question as `showing.Shown` has it."""

    id = serializers.UUIDField(source="question.pk")
    conversation = serializers.UUIDField(source="question.conversation_id")
    instead_of = serializers.UUIDField(source="question.instead_of_id", allow_null=True)
    question = serializers.CharField(source="question.words")
    job = serializers.UUIDField(source="question.job", allow_null=True)
    outcome = serializers.ChoiceField(source="question.outcome", choices=Question.Outcome.choices)
    code = serializers.CharField(source="question.code")
    segments = SegmentSerializer(source="sentences", many=True)
    near = QuotationSerializer(many=True)
    closed = QuotationSerializer(many=True)
    searched = serializers.IntegerField(source="question.searched")
    left_out = serializers.IntegerField(source="question.left_out")
    used = serializers.IntegerField(source="question.used")
    removed = serializers.IntegerField(source="question.removed")
    offline = serializers.BooleanField(source="question.offline")
    model = serializers.CharField(source="question.model")
    cost_microdollars = serializers.IntegerField(source="question.cost_microdollars")
    useful = serializers.BooleanField(source="question.useful", allow_null=True)
    asked_at = serializers.DateTimeField(source="question.asked_at")


class TalkSerializer(ConversationSerializer):
    questions = serializers.SerializerMethodField()

    class Meta(ConversationSerializer.Meta):
        fields = (*ConversationSerializer.Meta.fields, "questions")

    @extend_schema_field(QuestionSerializer(many=True))
    def get_questions(self, row: Conversation) -> list[Any]:
        person = self.context["request"].user
        rows = with_answers(Question.objects.visible_to(person).filter(conversation=row))
        newest = list(rows.order_by("-asked_at", "-pk")[:MOST_QUESTIONS])
        return list(QuestionSerializer(shown(person, newest[::-1]), many=True).data)


class UsefulSerializer(Sent):
    useful = serializers.BooleanField()


class AskedSerializer(serializers.Serializer[Any]):
    conversation = serializers.UUIDField()
    question = serializers.UUIDField()
    job = serializers.UUIDField()
