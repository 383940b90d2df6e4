"""The JSON of entries and drafts: one shape at every depth and in every list."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from journal.actions.nodes import levels_under
from journal.actions.portraits import BODY_CHARS
from journal.actions.recordings import CHUNKS, LONGEST_MS, SEGMENTS, Segment, segments_of
from journal.actions.replies import ability_of, why_not
from journal.actions.speech import VOICES, chunks_of
from journal.actions.trash import Trashed
from journal.models.drafts import Draft
from journal.models.imports import ImportRun
from journal.models.nodes import TITLE_CHARS, Node, Version
from journal.models.portraits import Portrait
from journal.models.recordings import Recording, TranscriptPart
from journal.models.speech import Speech, SpeechChunk
from journal.quoting import tags_in
from writeorperish.ai.parts import Capable
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.ops.refusals import Invalid
from writeorperish.privacy.levels import AIUsage, PrivacyLevel, Purpose
from writeorperish.ui.fields import ApiId, ApiText, ApiUsage, ApiZone
from writeorperish.ui.parsing import Sent
from writeorperish.ui.prose import render, render_for_ai

MOST_REV = 2**31 - 1
WHY_NOT = ["", "not_yours", "ai_off_here", "not_whole", "no_consent", "budget", "unavailable"]


class UnknownLevel(Invalid):
    code = "unknown_level"


class LevelField(serializers.ChoiceField):
    """A level, exact and lower-case; anything else, null included, is UnknownLevel."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=PrivacyLevel.values, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:  # noqa: ANN401  # as the base types it
        if data is not serializers.empty and data not in PrivacyLevel.values:
            raise UnknownLevel
        return super().run_validation(data)


class AuthorSerializer(serializers.Serializer[Node]):
    kind = serializers.ChoiceField(source="author_kind", choices=Node.Author.choices)
    handle = serializers.CharField(source="owner.profile.handle")
    model = serializers.CharField(source="author_model", allow_blank=True)


class AudienceSerializer(serializers.Serializer[Any]):
    """Whom an entry is granted to; its owner alone is told."""

    circles = serializers.ListField(child=serializers.UUIDField())
    people = serializers.ListField(child=serializers.UUIDField())


class AudienceNamedSerializer(Sent):
    """One's own circles by id, and people by uid or handle."""

    circles = serializers.ListField(child=ApiId(), required=False, max_length=50)
    people = serializers.ListField(child=ApiText(max_chars=40), required=False, max_length=100)


class PartSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    of = serializers.IntegerField()


class MaySerializer(serializers.Serializer[Node]):
    """What this person may do with an entry."""

    edit = serializers.SerializerMethodField()
    reply = serializers.SerializerMethodField()
    generate = serializers.SerializerMethodField()
    why_not = serializers.SerializerMethodField()

    def get_edit(self, node: Node) -> bool:
        return bool(node.owner_id == self.context["request"].user.pk)

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(PrivacyLevel.values)))
    def get_reply(self, node: Node) -> list[str]:
        return [str(level) for level in levels_under(node, self.context["request"].user)]

    def get_generate(self, node: Node) -> bool:
        return not self.get_why_not(node)

    @extend_schema_field(serializers.ChoiceField(WHY_NOT))
    def get_why_not(self, node: Node) -> str:
        if not self.get_edit(node):
            return "not_yours"
        able, consented = self.ability()
        return why_not(self.context["request"].user, node, able, consented=consented)

    def ability(self) -> tuple[Capable, bool]:
        """Whether the reader's texts can be answered by AI at all; asked once for a whole list."""
        request = self.context["request"]
        if not hasattr(request, "ability"):
            request.ability = ability_of(request.user)
        known: tuple[Capable, bool] = request.ability
        return known


@extend_schema_field(AudienceSerializer(allow_null=True))
class AudienceField(serializers.Field[Any, Any, Any, Any]):
    """The circles and people an entry is granted to, read for the whole list; null at other levels."""

    def to_representation(self, node: Node) -> dict[str, list[str]] | None:
        if node.pk not in self.context["audiences"]:
            return None
        circles, people = self.context["audiences"][node.pk]
        return {
            "circles": [str(each) for each in circles],
            "people": [str(each) for each in people],
        }


@extend_schema_field(serializers.BooleanField())
class PinnedField(serializers.Field[Any, Any, Any, Any]):
    def to_representation(self, node: Node) -> bool:
        return node.pinned_at is not None


class NodeSerializer(serializers.Serializer[Node]):
    """An entry. `audience`, `ai_usage` and `pinned` are for its owner only.

    `unreadable` says that its stored words do not open, and then they are empty.
    """

    id = serializers.UUIDField()
    root = serializers.UUIDField(source="root_id")
    parent = serializers.UUIDField(source="parent_id", allow_null=True)
    author = AuthorSerializer(source="*")
    title = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()
    html = serializers.SerializerMethodField()
    unreadable = serializers.SerializerMethodField()
    rev = serializers.IntegerField()
    chars = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Node.State.choices)
    privacy_level = serializers.ChoiceField(choices=PrivacyLevel.values)
    ai_usage = serializers.ChoiceField(choices=AIUsage.values, required=False)
    audience = AudienceField(source="*", required=False)
    written_at = serializers.DateTimeField()
    zone = serializers.CharField()
    updated_at = serializers.DateTimeField()
    pinned = PinnedField(source="*", required=False)
    slug = serializers.CharField(allow_null=True)
    children = serializers.SerializerMethodField()
    part = serializers.SerializerMethodField()
    recording = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    may = MaySerializer(source="*")

    def to_representation(self, node: Node) -> dict[str, Any]:
        if node.deleted_at is not None:
            # Only a feed asks for these, so that other devices let go of what was deleted here.
            return {"id": str(node.pk), "updated_at": in_iso(node.updated_at), "gone": True}
        shown: dict[str, Any] = super().to_representation(node)
        if not self.mine(node):
            for name in ("audience", "ai_usage", "pinned"):
                shown.pop(name, None)
        return shown

    def mine(self, node: Node) -> bool:
        return bool(node.owner_id == self.person.pk)

    @property
    def person(self) -> AbstractUser:
        found: AbstractUser = self.context["request"].user
        return found

    def get_title(self, node: Node) -> str:
        try:
            return node.title
        except CannotOpen:
            return ""

    def get_text(self, node: Node) -> str:
        try:
            return node.body or ""
        except CannotOpen:
            return ""

    def get_html(self, node: Node) -> str:
        shown = render_for_ai if node.author_kind == Node.Author.AI else render
        return str(shown(self.get_text(node)))

    def get_unreadable(self, node: Node) -> bool:
        try:
            _words = (node.title, node.body)
        except CannotOpen:
            return True
        return False

    def get_children(self, node: Node) -> int:
        return int(getattr(node, "children", 0))

    @extend_schema_field(PartSerializer(allow_null=True))
    def get_part(self, node: Node) -> dict[str, int] | None:
        further = int(getattr(node, "further_parts", 0))
        return {"index": node.part_index, "of": further + 1} if further else None

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_recording(self, node: Node) -> str | None:
        spoken: list[Recording] = self.context.get("sounds", {}).get(node.pk, [])
        return str(spoken[0].pk) if spoken else None

    def get_tags(self, node: Node) -> list[str]:
        return list(tags_in(self.get_text(node)))


class WrittenSerializer(NodeSerializer):
    """A new entry; a text too long for one says into how many it went, and the last of them."""

    split_into = serializers.IntegerField(required=False)
    tip = serializers.UUIDField(required=False)


class EditedSerializer(NodeSerializer):
    """An entry after an edit; `clean` when a change from elsewhere was taken in."""

    clean = serializers.BooleanField(required=False)


class GoneSerializer(serializers.Serializer[Node]):
    """An entry of one's own that was deleted since, in a feed."""

    id = serializers.UUIDField()
    updated_at = serializers.DateTimeField()
    gone = serializers.BooleanField()


NODE_OR_GONE = PolymorphicProxySerializer(
    component_name="NodeOrGone",
    serializers=[NodeSerializer, GoneSerializer],
    resource_type_field_name=None,
    many=True,
)


def in_iso(at: datetime) -> str:
    return str(serializers.DateTimeField().to_representation(at))


class NodeWriteSerializer(Sent):
    """A new entry."""

    id = ApiId(required=False)
    title = ApiText(required=False, allow_blank=True, max_chars=TITLE_CHARS)
    text = ApiText(allow_blank=True)
    parent = ApiId(required=False, allow_null=True)
    privacy_level = LevelField(required=False)
    ai_usage = ApiUsage(required=False)
    audience = AudienceNamedSerializer(required=False)
    written_at = serializers.DateTimeField(required=False)
    zone = ApiZone(required=False)
    draft = ApiId(required=False)


class NodeChangeSerializer(Sent):
    """Words with `If-Match`, or settings without. What is not named stays."""

    title = ApiText(required=False, allow_blank=True, max_chars=TITLE_CHARS)
    text = ApiText(required=False, allow_blank=True)
    resolves = ApiId(required=False)
    ai_usage = ApiUsage(required=False)
    pinned = serializers.BooleanField(required=False)
    written_at = serializers.DateTimeField(required=False)
    zone = ApiZone(required=False)


class AudienceChangeSerializer(AudienceNamedSerializer):
    privacy_level = LevelField()
    expect_people = serializers.IntegerField(required=False, min_value=0)


class AudienceShownSerializer(serializers.Serializer[Any]):
    privacy_level = serializers.ChoiceField(choices=PrivacyLevel.values)
    circles = serializers.ListField(child=serializers.UUIDField())
    people = serializers.ListField(child=serializers.UUIDField())
    head_count = serializers.IntegerField()


class DeletionSerializer(serializers.Serializer[Trashed]):
    deleted = serializers.IntegerField(source="count")
    purge_on = serializers.SerializerMethodField()
    undo_until = serializers.DateTimeField()
    deletion = serializers.UUIDField()

    def get_purge_on(self, act: Trashed) -> str:
        return str(act.purge_after.date())


class VersionSerializer(serializers.Serializer[Version]):
    id = serializers.UUIDField()
    rev = serializers.IntegerField(allow_null=True)
    reason = serializers.ChoiceField(choices=Version.Reason.choices)
    author = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_author(self, version: Version) -> str:
        return "person"


class VersionWordsSerializer(VersionSerializer):
    title = serializers.CharField()
    text = serializers.CharField(source="body")


class EvidenceSerializer(serializers.Serializer[Any]):
    """A passage of one's own entry, in the revision it was read in."""

    ref = serializers.CharField()
    rev = serializers.IntegerField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()


class SentenceSerializer(serializers.Serializer[Any]):
    """One sentence of a profile and what it rests on; one's own words rest on nothing."""

    heading = serializers.CharField(allow_blank=True)
    text = serializers.CharField()
    evidence = EvidenceSerializer(many=True)


class NeedsSerializer(serializers.Serializer[Any]):
    """What is lacking for a first profile."""

    entries = serializers.IntegerField()
    words = serializers.IntegerField()


class PortraitVersionSerializer(serializers.Serializer[Portrait]):
    """One version of the profile, as it stands in the list of them."""

    rev = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Portrait.State.choices)
    made_by = serializers.ChoiceField(choices=Portrait.MadeBy.choices)
    model = serializers.CharField(allow_blank=True)
    ai_usage = serializers.ChoiceField(choices=AIUsage.values)
    entries = serializers.IntegerField()
    covers_from = serializers.DateField(allow_null=True)
    covers_until = serializers.DateField(allow_null=True)
    made_at = serializers.DateTimeField()
    body = serializers.CharField()


class PortraitSerializer(serializers.Serializer[Any]):
    """The profile that is shown. Without any: `rev` 0, no words, and what is needed for one."""

    rev = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Portrait.State.choices, allow_null=True)
    made_by = serializers.ChoiceField(choices=Portrait.MadeBy.choices, allow_null=True)
    model = serializers.CharField(allow_blank=True)
    ai_usage = serializers.ChoiceField(choices=AIUsage.values)
    entries = serializers.IntegerField()
    made_at = serializers.DateTimeField(allow_null=True)
    body = serializers.CharField(allow_blank=True)
    sentences = SentenceSerializer(many=True)
    proposed = serializers.IntegerField(allow_null=True)
    needs = NeedsSerializer()


class PortraitChangeSerializer(Sent):
    """The words with `If-Match`, or whether replies are given them without."""

    body = ApiText(required=False, max_chars=BODY_CHARS)
    ai_usage = serializers.ChoiceField(
        choices=[AIUsage.NONE.value, AIUsage.CHAT.value], required=False
    )


class PortraitAskedSerializer(serializers.Serializer[Any]):
    job = serializers.UUIDField()


class DraftSerializer(serializers.Serializer[Draft]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    text = serializers.CharField(source="body")
    seq = serializers.IntegerField()
    edits = serializers.UUIDField(source="edits_id", allow_null=True)
    parent = serializers.UUIDField(source="parent_id", allow_null=True)
    parent_state = serializers.SerializerMethodField()
    base_rev = serializers.IntegerField(allow_null=True)
    privacy_level = serializers.ChoiceField(choices=PrivacyLevel.values)
    ai_usage = serializers.ChoiceField(choices=AIUsage.values)
    updated_at = serializers.DateTimeField()

    def get_parent_state(self, draft: Draft) -> str:
        return str(self.context["parent_states"].get(draft.pk, "none"))


class StaleSerializer(serializers.Serializer[Any]):
    """A newer autosave had already arrived; nothing was written."""

    stale = serializers.BooleanField()
    seq = serializers.IntegerField()


SAVED_DRAFT = PolymorphicProxySerializer(
    component_name="SavedDraft",
    serializers=[DraftSerializer, StaleSerializer],
    resource_type_field_name=None,
)


class DraftSaveSerializer(Sent):
    title = ApiText(required=False, allow_blank=True, max_chars=TITLE_CHARS, default="")
    text = ApiText(allow_blank=True)
    seq = serializers.IntegerField(min_value=0, max_value=2**53)
    edits = ApiId(required=False, allow_null=True)
    parent = ApiId(required=False, allow_null=True)
    base_rev = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST_REV
    )
    privacy_level = LevelField(required=False)
    ai_usage = ApiUsage(required=False)


class PlacedNodeSerializer(NodeSerializer):
    """An entry in a thread; `level` counts from the entry asked for, 0 for those above it."""

    level = serializers.IntegerField()


class TombAuthorSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Node.Author.choices)


class TombstoneSerializer(serializers.Serializer[Any]):
    """The place of a deleted entry. It says nothing of its words, its level or its replies."""

    id = serializers.UUIDField()
    tombstone = serializers.BooleanField()
    handle = serializers.CharField()
    author = TombAuthorSerializer()
    written_at = serializers.DateTimeField()
    deleted_at = serializers.DateTimeField()


class UnavailableSerializer(serializers.Serializer[Any]):
    """Something stands here that is not open to this person."""

    unavailable = serializers.BooleanField()


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="ThreadPlace",
        serializers=[PlacedNodeSerializer, TombstoneSerializer, UnavailableSerializer],
        resource_type_field_name=None,
        many=True,
    )
)
class PlacesField(serializers.ListField):
    """Places of a thread, each in the shape that fits what may be told of it."""


class ThreadSerializer(serializers.Serializer[Any]):
    ancestors = PlacesField()
    more_above = serializers.IntegerField()
    node = NodeSerializer()
    descendants = PlacesField()
    next = serializers.UUIDField(allow_null=True)


class UploadWriteSerializer(Sent):
    name = ApiText(required=False, allow_blank=True, max_chars=255)
    bytes = serializers.IntegerField(min_value=1)


class UploadSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    have = serializers.ListField(child=serializers.IntegerField())


class ImportWriteSerializer(Sent):
    upload = ApiId()
    source = serializers.ChoiceField(
        choices=["own", "markdown", "chatgpt", "claude", "dayone"], required=False
    )


class ImportSettingsSerializer(Sent):
    privacy_level = LevelField(required=False)
    circles = serializers.ListField(child=ApiId(), required=False, max_length=50)
    ai_usage = ApiUsage(required=False)
    zone = ApiZone(required=False)
    trash = serializers.ChoiceField(choices=["skip", "restore"], required=False)
    beside = serializers.BooleanField(required=False)


class ImportConfirmSerializer(Sent):
    settings = ImportSettingsSerializer(required=False)


class ImportProblemSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()
    reason = serializers.CharField()


class ImportSerializer(serializers.Serializer[ImportRun]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=ImportRun.State.choices)
    source = serializers.CharField()
    reason = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField(), required=False)
    span = serializers.ListField(child=serializers.CharField(allow_null=True), required=False)
    words = serializers.IntegerField(required=False)
    titles = serializers.ListField(child=serializers.CharField(), required=False)
    sounds = serializers.DictField(child=serializers.IntegerField(), required=False)
    problems = ImportProblemSerializer(many=True, required=False)
    notes = ImportProblemSerializer(many=True, required=False)

    def to_representation(self, run: ImportRun) -> dict[str, Any]:
        report = run.report or {}
        return {
            "id": str(run.pk),
            "state": run.state,
            "source": run.source,
            "reason": run.reason,
            "done": run.done,
            "total": run.total,
            **{
                name: report[name]
                for name in ("counts", "span", "words", "titles", "sounds", "problems", "notes")
                if name in report
            },
        }


class RecordingWriteSerializer(Sent):
    id = ApiId(required=False)
    parent = ApiId(required=False, allow_null=True)
    draft = ApiId(required=False, allow_null=True)
    privacy_level = LevelField(required=False)
    ai_usage = ApiUsage(required=False)
    zone = ApiZone(required=False)
    language = serializers.RegexField(r"^([a-z]{2,3})?$", required=False)


class SegmentSerializer(Sent):
    """One run of the device's recorder: `duration_ms` 0 where the device does not know."""

    index = serializers.IntegerField(min_value=0, max_value=SEGMENTS - 1)
    chunks = serializers.IntegerField(min_value=1, max_value=CHUNKS)
    duration_ms = serializers.IntegerField(min_value=0, max_value=LONGEST_MS)


class RecordingFinishSerializer(Sent):
    segments = serializers.ListField(child=SegmentSerializer(), min_length=1, max_length=SEGMENTS)
    into = serializers.ChoiceField(choices=Recording.Into.choices, required=False)
    keep_audio = serializers.BooleanField(required=False)
    accept_holes = serializers.BooleanField(required=False)

    def validate_segments(self, sent: list[dict[str, int]]) -> list[Segment]:
        if len({each["index"] for each in sent}) < len(sent):
            raise serializers.ValidationError(_("Each segment is named once."))
        return [Segment(**each) for each in sent]


class TranscriptAskSerializer(Sent):
    """`ai_usage` opens a recording to AI that was closed to it, with the same word."""

    model = serializers.CharField(required=False, max_length=80)
    ai_usage = serializers.ChoiceField(choices=[AIUsage.CHAT.value], required=False)


class SegmentHereSerializer(serializers.Serializer[Any]):
    """What of a segment has arrived, and what of it was announced and has not."""

    index = serializers.IntegerField()
    have = serializers.ListField(child=serializers.IntegerField())
    missing = serializers.ListField(child=serializers.IntegerField())


class TranscriptPartSerializer(serializers.Serializer[TranscriptPart]):
    index = serializers.IntegerField()
    start_ms = serializers.IntegerField()
    end_ms = serializers.IntegerField()
    text = serializers.CharField()
    state = serializers.ChoiceField(choices=TranscriptPart.State.choices)


class RecordingSerializer(serializers.Serializer[Recording]):
    """Everything known of a recording, for whoever lost the stream that told it."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Recording.State.choices)
    transcript = serializers.ChoiceField(choices=Recording.Transcript.choices)
    why = serializers.CharField()
    error = serializers.CharField()
    duration_ms = serializers.IntegerField()
    bytes = serializers.IntegerField()
    holes = serializers.IntegerField()
    node = serializers.UUIDField(source="node_id", allow_null=True)
    draft = serializers.UUIDField(source="draft_id", allow_null=True)
    audio = serializers.SerializerMethodField()
    keep_audio = serializers.BooleanField()
    ai_usage = serializers.ChoiceField(choices=AIUsage.choices)
    created_at = serializers.DateTimeField()
    segments = serializers.SerializerMethodField()
    parts = TranscriptPartSerializer(many=True)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_audio(self, recording: Recording) -> str | None:
        return reverse("journal:media", args=[recording.blob_id]) if recording.blob_id else None

    @extend_schema_field(SegmentHereSerializer(many=True))
    def get_segments(self, recording: Recording) -> list[dict[str, object]]:
        return [
            {"index": each.index, "have": each.have, "missing": each.missing}
            for each in segments_of(recording)
        ]


class SpeechAskSerializer(Sent):
    voice = serializers.ChoiceField(choices=list(VOICES), required=False)


class SpeechChunkSerializer(serializers.Serializer[SpeechChunk]):
    """A stretch of sound; `title` where a chapter begins."""

    index = serializers.IntegerField()
    section = serializers.IntegerField()
    title = serializers.CharField()
    url = serializers.SerializerMethodField()
    duration_ms = serializers.IntegerField()

    def get_url(self, chunk: SpeechChunk) -> str:
        return reverse("journal:media", args=[chunk.blob_id])


class SpeechSerializer(serializers.Serializer[Speech]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Speech.State.choices)
    rev = serializers.IntegerField()
    voice = serializers.CharField()
    error = serializers.CharField()
    chunks_wanted = serializers.IntegerField()
    chunks = serializers.SerializerMethodField()

    @extend_schema_field(SpeechChunkSerializer(many=True))
    def get_chunks(self, speech: Speech) -> list[dict[str, Any]]:
        return [dict(SpeechChunkSerializer(chunk).data) for chunk in chunks_of(speech)]


class ReplyAskSerializer(Sent):
    model = serializers.CharField(required=False, max_length=80)


class ReplyAskedSerializer(serializers.Serializer[Any]):
    job = serializers.UUIDField()
    node = serializers.UUIDField()


class ReadingSerializer(serializers.Serializer[Any]):
    on = serializers.DateField()
    purpose = serializers.ChoiceField(choices=[each.value for each in Purpose])
    provider = serializers.CharField()
    model = serializers.CharField()
    key_class = serializers.CharField()
    sent = serializers.BooleanField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
