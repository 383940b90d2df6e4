"""The JSON of entries and drafts: one shape at every depth and in every list."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from rest_framework import serializers

from journal.actions.nodes import levels_under
from journal.actions.trash import Trashed
from journal.models.drafts import Draft
from journal.models.imports import ImportRun
from journal.models.nodes import TITLE_CHARS, Node, Version
from journal.quoting import tags_in
from writeorperish.crypto.envelope import CannotOpen
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.ui.fields import ApiId, ApiText, ApiZone
from writeorperish.ui.prose import render

WHY_NOT = ["", "not_yours", "ai_off_here", "no_consent", "budget", "unavailable"]


class AuthorSerializer(serializers.Serializer[Node]):
    kind = serializers.ChoiceField(choices=Node.Author.values)
    handle = serializers.CharField()
    model = serializers.CharField(allow_blank=True)


class AudienceSerializer(serializers.Serializer[Any]):
    """Whom an entry is granted to; its owner alone is told."""

    circles = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=50)
    people = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=100
    )


class PartSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    of = serializers.IntegerField()


class MaySerializer(serializers.Serializer[Any]):
    edit = serializers.BooleanField()
    reply = serializers.ListField(child=serializers.ChoiceField(choices=PrivacyLevel.values))
    generate = serializers.BooleanField()
    why_not = serializers.ChoiceField(choices=WHY_NOT)


class NodeSerializer(serializers.Serializer[Node]):
    """An entry. `audience`, `ai_usage` and `pinned` are for its owner only.

    `unreadable` says that its stored words do not open, and then they are empty.
    """

    id = serializers.UUIDField()
    root = serializers.UUIDField(source="root_id")
    parent = serializers.UUIDField(source="parent_id", allow_null=True)
    author = serializers.SerializerMethodField()
    title = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()
    html = serializers.SerializerMethodField()
    unreadable = serializers.SerializerMethodField()
    rev = serializers.IntegerField()
    chars = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Node.State.values)
    privacy_level = serializers.ChoiceField(choices=PrivacyLevel.values)
    ai_usage = serializers.ChoiceField(choices=AIUsage.values, required=False)
    audience = serializers.SerializerMethodField()
    written_at = serializers.DateTimeField()
    zone = serializers.CharField()
    updated_at = serializers.DateTimeField()
    pinned = serializers.SerializerMethodField()
    slug = serializers.CharField(allow_null=True)
    children = serializers.SerializerMethodField()
    part = serializers.SerializerMethodField()
    recording = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    may = serializers.SerializerMethodField()

    def to_representation(self, node: Node) -> dict[str, Any]:
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

    def words(self, node: Node) -> tuple[str, str]:
        """Title and text; both empty where the stored bytes do not open."""
        try:
            return node.title, node.body or ""
        except CannotOpen:
            return "", ""

    def get_author(self, node: Node) -> dict[str, str]:
        return {
            "kind": node.author_kind,
            "handle": node.owner.profile.handle,
            "model": node.author_model,
        }

    def get_title(self, node: Node) -> str:
        return self.words(node)[0]

    def get_text(self, node: Node) -> str:
        return self.words(node)[1]

    def get_html(self, node: Node) -> str:
        return str(render(self.words(node)[1]))

    def get_unreadable(self, node: Node) -> bool:
        try:
            _words = (node.title, node.body)
        except CannotOpen:
            return True
        return False

    def get_audience(self, node: Node) -> dict[str, list[str]] | None:
        if not self.mine(node) or node.privacy_level != PrivacyLevel.CIRCLES:
            return None
        circles, people = self.context["audiences"][node.pk]
        return {
            "circles": [str(each) for each in circles],
            "people": [str(each) for each in people],
        }

    def get_pinned(self, node: Node) -> bool:
        return node.pinned_at is not None

    def get_children(self, node: Node) -> int:
        return int(getattr(node, "children", 0))

    def get_part(self, node: Node) -> dict[str, int] | None:
        further = int(getattr(node, "further_parts", 0))
        return {"index": node.part_index, "of": further + 1} if further else None

    def get_recording(self, node: Node) -> None:
        return None

    def get_tags(self, node: Node) -> list[str]:
        return list(tags_in(self.words(node)[1]))

    def get_may(self, node: Node) -> dict[str, Any]:
        mine = self.mine(node)
        return {
            "edit": mine,
            "reply": [str(level) for level in levels_under(node, self.person)],
            "generate": False,
            "why_not": "not_yours"
            if not mine
            else ("ai_off_here" if node.ai_usage == "none" else "unavailable"),
        }


class NodeWriteSerializer(serializers.Serializer[Any]):
    """A new entry."""

    id = ApiId(required=False)
    title = ApiText(required=False, allow_blank=True, max_chars=TITLE_CHARS)
    text = ApiText(allow_blank=True)
    parent = ApiId(required=False, allow_null=True)
    privacy_level = serializers.CharField(required=False)
    ai_usage = serializers.CharField(required=False)
    audience = AudienceSerializer(required=False)
    written_at = serializers.DateTimeField(required=False)
    zone = ApiZone(required=False)
    draft = ApiId(required=False)


class NodeChangeSerializer(serializers.Serializer[Any]):
    """Words with `If-Match`, or settings without. What is not named stays."""

    title = ApiText(required=False, allow_blank=True, max_chars=TITLE_CHARS)
    text = ApiText(required=False, allow_blank=True)
    resolves = ApiId(required=False)
    ai_usage = serializers.CharField(required=False)
    pinned = serializers.BooleanField(required=False)
    written_at = serializers.DateTimeField(required=False)
    zone = ApiZone(required=False)


class AudienceChangeSerializer(serializers.Serializer[Any]):
    privacy_level = serializers.CharField()
    circles = serializers.ListField(child=ApiId(), required=False, max_length=50)
    people = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=100
    )
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
    reason = serializers.ChoiceField(choices=Version.Reason.values)
    author = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_author(self, version: Version) -> str:
        return "person"


class VersionWordsSerializer(VersionSerializer):
    title = serializers.CharField()
    text = serializers.CharField(source="body")


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


class DraftSaveSerializer(serializers.Serializer[Any]):
    title = ApiText(required=False, allow_blank=True, max_chars=TITLE_CHARS, default="")
    text = ApiText(allow_blank=True)
    seq = serializers.IntegerField(min_value=0, max_value=2**53)
    edits = ApiId(required=False, allow_null=True)
    parent = ApiId(required=False, allow_null=True)
    base_rev = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    privacy_level = serializers.CharField(required=False)
    ai_usage = serializers.CharField(required=False)


class ThreadPlaceSerializer(serializers.Serializer[Any]):
    """An entry with its `level`; or a tombstone; or `unavailable`."""

    id = serializers.UUIDField(required=False)
    level = serializers.IntegerField(required=False)
    tombstone = serializers.BooleanField(required=False)
    unavailable = serializers.BooleanField(required=False)


class ThreadSerializer(serializers.Serializer[Any]):
    ancestors = ThreadPlaceSerializer(many=True)
    more_above = serializers.IntegerField()
    node = NodeSerializer()
    descendants = ThreadPlaceSerializer(many=True)
    next = serializers.UUIDField(allow_null=True)


class UploadWriteSerializer(serializers.Serializer[Any]):
    name = ApiText(required=False, allow_blank=True, max_chars=255)
    bytes = serializers.IntegerField(min_value=1)


class UploadSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    have = serializers.ListField(child=serializers.IntegerField())


class ImportWriteSerializer(serializers.Serializer[Any]):
    upload = ApiId()
    source = serializers.ChoiceField(choices=["own", "markdown"], required=False)


class ImportSettingsSerializer(serializers.Serializer[Any]):
    privacy_level = serializers.CharField(required=False)
    circles = serializers.ListField(child=ApiId(), required=False, max_length=50)
    ai_usage = serializers.CharField(required=False)
    zone = ApiZone(required=False)
    trash = serializers.ChoiceField(choices=["skip", "restore"], required=False)


class ImportConfirmSerializer(serializers.Serializer[Any]):
    settings = ImportSettingsSerializer(required=False)


class ProblemSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()
    reason = serializers.CharField()


class ImportSerializer(serializers.Serializer[ImportRun]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=ImportRun.State.values)
    source = serializers.CharField()
    reason = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField(), required=False)
    span = serializers.ListField(child=serializers.CharField(allow_null=True), required=False)
    words = serializers.IntegerField(required=False)
    titles = serializers.ListField(child=serializers.CharField(), required=False)
    problems = ProblemSerializer(many=True, required=False)

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
                for name in ("counts", "span", "words", "titles", "problems")
                if name in report
            },
        }
