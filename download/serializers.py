"""The JSON of what was found and of what is kept."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from download.actions.answers import QUESTION_CHARS
from download.actions.imports import counts_of, report_of
from download.actions.naming import title_of
from download.actions.reviews import MOST_SPREAD_DAYS
from download.models.answers import Conversation, Question
from download.models.exports import LibraryExport
from download.models.feeds import COUNTED, Feed
from download.models.imports import Import, ImportRow
from download.models.items import NOTE_CHARS, QUOTE_CHARS, TITLE_CHARS, Highlight, Item, Page, Tag
from download.models.reviews import Review
from download.showing import shown, with_answers
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.ui.fields import ApiId, ApiText, ApiUsage
from writeorperish.ui.parsing import Sent

MOST_REV = 2**31 - 1
MOST_QUESTIONS = 50
TOKEN_CHARS = 2_000


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


def opened(read: Callable[[], str]) -> str:
    """The words, or none where what is stored does not open any more, which the column has logged."""
    try:
        return read()
    except CannotOpen:
        return ""


class PageInfoSerializer(serializers.Serializer[Page]):
    """What is known of the copy of a page without its text."""

    revision = serializers.IntegerField()
    quality = serializers.ChoiceField(choices=Page.Quality.values)
    words = serializers.IntegerField()
    lang = serializers.CharField(allow_blank=True)
    fetched_at = serializers.DateTimeField()


class ItemSerializer(serializers.Serializer[Item]):
    """A link. `title` is what its person called it, else its page, else its address."""

    id = serializers.UUIDField()
    url = serializers.SerializerMethodField()
    title = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    reading = serializers.ChoiceField(choices=Item.Reading.values)
    progress = serializers.FloatField()
    fetch = serializers.ChoiceField(choices=Item.Fetch.values)
    fetch_reason = serializers.CharField(allow_blank=True)
    ai_usage = serializers.ChoiceField(choices=AIUsage.values)
    privacy_level = serializers.ChoiceField(choices=PrivacyLevel.values)
    captured_by = serializers.ChoiceField(choices=Item.CapturedBy.values)
    page = PageInfoSerializer(allow_null=True)
    highlights = serializers.SerializerMethodField()
    saved_at = serializers.DateTimeField()
    opened_at = serializers.DateTimeField(allow_null=True)
    done_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()
    version = serializers.IntegerField()

    def to_representation(self, item: Item) -> dict[str, Any]:
        if item.deleted_at is not None:
            # Only a feed asks for these, so that other devices let go of what was deleted here.
            at = serializers.DateTimeField().to_representation(item.updated_at)
            return {"id": str(item.pk), "updated_at": at, "gone": True}
        shown: dict[str, Any] = super().to_representation(item)
        return shown

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_url(self, item: Item) -> str | None:
        return opened(lambda: item.url or "") or None

    def get_title(self, item: Item) -> str:
        return opened(lambda: title_of(item))

    def get_note(self, item: Item) -> str:
        return opened(lambda: item.note)

    def get_tags(self, item: Item) -> list[str]:
        return sorted(opened(lambda tag=tag: tag.name) for tag in item.tags.all())  # type: ignore[misc]  # bound now

    def get_highlights(self, item: Item) -> int:
        return int(getattr(item, "marks", 0))


class SavedSerializer(ItemSerializer):
    """A link as it was kept; `already` when it was there before."""

    already = serializers.BooleanField(required=False)


class ItemGoneSerializer(serializers.Serializer[Item]):
    """A link that was deleted since, in a feed."""

    id = serializers.UUIDField()
    updated_at = serializers.DateTimeField()
    gone = serializers.BooleanField()


ITEM_OR_GONE = PolymorphicProxySerializer(
    component_name="ItemOrGone",
    serializers=[ItemSerializer, ItemGoneSerializer],
    resource_type_field_name=None,
    many=True,
)


class TagsField(serializers.ListField):
    """Names of tags; how many a link may have is said by the verb."""

    child = ApiText(max_chars=200)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=200, **kwargs)


class ItemWriteSerializer(Sent):
    """A link to keep: an address, or a title. `html` is its page as an app sees it, at most 5 MB."""

    id = ApiId(required=False)
    url = ApiText(required=False, allow_blank=True, max_chars=4_096)
    title = ApiText(required=False, allow_blank=True, max_chars=TITLE_CHARS)
    note = ApiText(required=False, allow_blank=True, max_chars=NOTE_CHARS)
    tags = TagsField(required=False)
    html = ApiText(required=False, max_bytes=5_000_000)
    selection = ApiText(required=False, allow_blank=True, max_chars=QUOTE_CHARS)
    saved_at = serializers.DateTimeField(required=False)
    ai_usage = ApiUsage(required=False)


class ItemChangeSerializer(Sent):
    """What is not named stays."""

    title = ApiText(required=False, allow_blank=True, max_chars=TITLE_CHARS)
    note = ApiText(required=False, allow_blank=True, max_chars=NOTE_CHARS)
    tags = TagsField(required=False)
    reading = serializers.ChoiceField(required=False, choices=Item.Reading.values)
    progress = serializers.FloatField(required=False)
    ai_usage = ApiUsage(required=False)


class BulkSerializer(Sent):
    """Up to 200 links, and what is to be done with all of them."""

    ids = serializers.ListField(child=ApiId(), min_length=1, max_length=200)
    reading = serializers.ChoiceField(required=False, choices=Item.Reading.values)
    add_tags = TagsField(required=False)
    remove_tags = TagsField(required=False)
    trash = serializers.BooleanField(required=False)


class AnsweredSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.IntegerField()


class AnsweredManySerializer(serializers.Serializer[Any]):
    results = AnsweredSerializer(many=True)


class PageSerializer(serializers.Serializer[Page]):
    """The copy of a page; places in `text` are counted in code points."""

    revision = serializers.IntegerField()
    text = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    byline = serializers.CharField(allow_blank=True)
    site = serializers.CharField(allow_blank=True)
    lang = serializers.CharField(allow_blank=True)
    origin = serializers.ChoiceField(choices=Page.Origin.values)
    quality = serializers.ChoiceField(choices=Page.Quality.values)


class HighlightSerializer(serializers.Serializer[Highlight]):
    """Words marked in a page. Not `anchored`: its newest copy no longer says them."""

    id = serializers.UUIDField()
    item = serializers.UUIDField(source="item_id")
    quote = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    anchored = serializers.BooleanField()
    made_at = serializers.DateTimeField()
    rev = serializers.IntegerField()

    def get_quote(self, mark: Highlight) -> str:
        return opened(lambda: mark.quote)

    def get_note(self, mark: Highlight) -> str:
        return opened(lambda: mark.note)


class HighlightWriteSerializer(Sent):
    """The words by their place, `start` and `end`, or as `quote`; `page` is a revision, the newest without it."""

    id = ApiId(required=False)
    item = ApiId()
    page = serializers.IntegerField(required=False, min_value=1, max_value=MOST_REV)
    start = serializers.IntegerField(required=False, min_value=0, max_value=MOST_REV)
    end = serializers.IntegerField(required=False, min_value=0, max_value=MOST_REV)
    quote = ApiText(required=False, max_chars=QUOTE_CHARS)
    note = ApiText(required=False, allow_blank=True, max_chars=NOTE_CHARS)

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if ("quote" in values) == ("start" in values and "end" in values):
            raise serializers.ValidationError(_("Give either start and end, or the quote."))
        return values


class HighlightChangeSerializer(Sent):
    note = ApiText(allow_blank=True, max_chars=NOTE_CHARS)


class TagSerializer(serializers.Serializer[Tag]):
    id = serializers.UUIDField()
    name = serializers.SerializerMethodField()
    items = serializers.SerializerMethodField()

    def get_name(self, tag: Tag) -> str:
        return opened(lambda: tag.name)

    def get_items(self, tag: Tag) -> int:
        return int(getattr(tag, "uses", 0))


class TagChangeSerializer(Sent):
    name = ApiText(max_chars=200)


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


class LinkImportWriteSerializer(serializers.Serializer[Any]):
    """A file of links, at most 50 MB."""

    file = serializers.FileField()


class LinkImportChoicesSerializer(Sent):
    """`last_level`: folders become tags by their inner name only. `ai_as_told`: links get the AI use the file names."""

    last_level = serializers.BooleanField(required=False)
    ai_as_told = serializers.BooleanField(required=False)


class LinkImportProblemSerializer(serializers.Serializer[Any]):
    ordinal = serializers.IntegerField()
    label = serializers.CharField(allow_blank=True)
    outcome = serializers.ChoiceField(choices=ImportRow.Outcome.choices)
    reason = serializers.CharField()


class LinkImportSerializer(serializers.Serializer[Import]):
    """A file of links. `counts` is what the check foresaw, and from the first row on what became of them."""

    id = serializers.UUIDField()
    format = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=Import.State.choices)
    reason = serializers.CharField(allow_blank=True)
    done = serializers.IntegerField(source="next_row")
    total = serializers.IntegerField()
    counts = serializers.SerializerMethodField()
    problems = serializers.SerializerMethodField()

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_counts(self, run: Import) -> dict[str, int]:
        return counts_of(run)

    @extend_schema_field(LinkImportProblemSerializer(many=True))
    def get_problems(self, run: Import) -> list[Any]:
        return list(report_of(run).get("problems", []))


class ImportRowSerializer(serializers.Serializer[ImportRow]):
    """What became of one row of the file, and what taking it back came to."""

    ordinal = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=ImportRow.Outcome.choices)
    reason = serializers.CharField(allow_blank=True)
    label = serializers.SerializerMethodField()
    item = serializers.UUIDField(source="item_id", allow_null=True)
    undo = serializers.CharField(allow_blank=True)

    def get_label(self, row: ImportRow) -> str:
        return opened(lambda: row.label or "")


class LibraryExportWriteSerializer(Sent):
    """Which links, and as what; without a wish all of them. `due`: with something to review today."""

    format = serializers.ChoiceField(choices=LibraryExport.Format.values)
    tag = ApiText(required=False, max_chars=200)
    reading = serializers.ChoiceField(required=False, choices=Item.Reading.values)
    due = serializers.BooleanField(required=False)
    review = serializers.ChoiceField(required=False, choices=LibraryExport.Review.values)


class LibraryExportSerializer(serializers.Serializer[LibraryExport]):
    """A file of links. `done` and `total` count links, `bytes` the finished file."""

    id = serializers.UUIDField()
    format = serializers.ChoiceField(choices=LibraryExport.Format.values)
    state = serializers.ChoiceField(choices=LibraryExport.State.choices)
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    bytes = serializers.IntegerField()
    expires_at = serializers.DateTimeField(allow_null=True)


class FeedWriteSerializer(Sent):
    """A source to be read from now on. The token is never shown again."""

    kind = serializers.ChoiceField(choices=Feed.Kind.choices, required=False)
    base = ApiText(max_chars=2_048)
    token = ApiText(required=False, allow_blank=True, max_chars=TOKEN_CHARS)


class FeedChangeSerializer(Sent):
    """`paused`: whether it rests. A new token has one that was paused read again."""

    paused = serializers.BooleanField(required=False)
    token = ApiText(required=False, allow_blank=True, max_chars=TOKEN_CHARS)


class FeedSerializer(serializers.Serializer[Feed]):
    """A source. `counts` says what became of everything it ever told; `reason` why it is not read."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Feed.Kind.choices)
    base = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=Feed.State.choices)
    reason = serializers.CharField(allow_blank=True)
    failures = serializers.IntegerField()
    last_ok = serializers.DateTimeField(allow_null=True)
    seen = serializers.IntegerField()
    counts = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_base(self, feed: Feed) -> str:
        return opened(lambda: feed.base)

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_counts(self, feed: Feed) -> dict[str, int]:
        return {name: getattr(feed, name) for name in COUNTED}
