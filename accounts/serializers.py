"""The JSON of a person's own things: themselves, their apps, circles, consents."""

from typing import Any

from rest_framework import serializers

from accounts.actions.tokens import Pair
from accounts.models import Profile, TokenFamily, User
from accounts.tokens import ACCESS_LIFE, SCOPES
from writeorperish.privacy.circles import NAME_CHARS
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.privacy.models import Circle, Membership
from writeorperish.ui.fields import ApiId, ApiText, ApiZone


class PersonSerializer(serializers.Serializer[User]):
    """Somebody, as others know them."""

    uid = serializers.UUIDField()
    handle = serializers.CharField(source="profile.handle")
    name = serializers.CharField(source="profile.name")


class SignInSerializer(serializers.Serializer[Any]):
    email = ApiText(max_chars=254)
    password = ApiText(max_chars=1024)
    otp = serializers.CharField(required=False, max_length=16)
    label = ApiText(required=False, allow_blank=True, max_chars=80)


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=4096)


class ProofSerializer(serializers.Serializer[Any]):
    password = ApiText(max_chars=1024)
    otp = serializers.CharField(required=False, max_length=16)


class PairSerializer(serializers.Serializer[Pair]):
    access = serializers.CharField()
    refresh = serializers.CharField()
    token_type = serializers.SerializerMethodField()
    expires_in = serializers.SerializerMethodField()
    family = serializers.UUIDField(source="family.pk")
    scopes = serializers.SerializerMethodField()

    def get_token_type(self, pair: Pair) -> str:
        return "Bearer"

    def get_expires_in(self, pair: Pair) -> int:
        return int(ACCESS_LIFE.total_seconds())

    def get_scopes(self, pair: Pair) -> list[str]:
        return sorted(SCOPES)


class FamilySerializer(serializers.Serializer[TokenFamily]):
    family = serializers.UUIDField(source="pk")
    label = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_used_on = serializers.DateField(allow_null=True)
    current = serializers.SerializerMethodField()

    def get_current(self, family: TokenFamily) -> bool:
        used = self.context["request"].auth.family
        return used is not None and used.pk == family.pk


class MeSerializer(serializers.Serializer[User]):
    uid = serializers.UUIDField()
    email = serializers.EmailField()
    handle = serializers.CharField(source="profile.handle")
    name = serializers.CharField(source="profile.name")
    state = serializers.ChoiceField(choices=User.State.values)
    plan = serializers.SerializerMethodField()
    zone = serializers.CharField(source="profile.zone")
    language = serializers.CharField(source="profile.language")
    appearance = serializers.SerializerMethodField()
    default_privacy_level = serializers.CharField(source="profile.default_privacy_level")
    default_ai_usage = serializers.CharField(source="profile.default_ai_usage")
    public_page = serializers.SerializerMethodField()
    scopes = serializers.SerializerMethodField()
    restrictions = serializers.SerializerMethodField()

    def get_plan(self, person: User) -> str:
        return "free"

    def get_appearance(self, person: User) -> dict[str, str]:
        return {"theme": person.profile.theme, "reading_size": person.profile.reading_size}

    def get_public_page(self, person: User) -> bool:
        return False

    def get_scopes(self, person: User) -> list[str]:
        return sorted(self.context["request"].auth.scopes)

    def get_restrictions(self, person: User) -> list[str]:
        return []


class AppearanceSerializer(serializers.Serializer[Any]):
    theme = serializers.ChoiceField(choices=Profile.Theme.values, required=False)
    reading_size = serializers.ChoiceField(choices=Profile.ReadingSize.values, required=False)


class MeChangeSerializer(serializers.Serializer[Any]):
    handle = serializers.RegexField(r"^[A-Za-z0-9_]{3,30}\Z", required=False)
    name = ApiText(required=False, allow_blank=True, max_chars=60)
    zone = ApiZone(required=False)
    language = serializers.ChoiceField(choices=["en"], required=False)
    appearance = AppearanceSerializer(required=False)
    default_privacy_level = serializers.ChoiceField(
        choices=[PrivacyLevel.PRIVATE.value], required=False
    )
    default_ai_usage = serializers.ChoiceField(choices=AIUsage.values, required=False)


class CircleSerializer(serializers.Serializer[Circle]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Circle.Kind.values)
    version = serializers.IntegerField()
    people = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class MemberSerializer(serializers.Serializer[Membership]):
    person = PersonSerializer(source="member")
    state = serializers.ChoiceField(choices=Membership.State.values)
    since = serializers.DateTimeField(allow_null=True)
    sees_from = serializers.DateTimeField(allow_null=True)


class InvitationSerializer(serializers.Serializer[Membership]):
    id = serializers.UUIDField()
    person = PersonSerializer(source="member")
    state = serializers.ChoiceField(choices=Membership.State.values)
    expires_at = serializers.DateTimeField()


class CircleDetailSerializer(CircleSerializer):
    members = serializers.SerializerMethodField()
    invitations = serializers.SerializerMethodField()

    def get_members(self, circle: Circle) -> list[dict[str, Any]]:
        active: Any = [each for each in circle.memberships.all() if each.state == "active"]
        return list(MemberSerializer(instance=active, many=True).data)

    def get_invitations(self, circle: Circle) -> list[dict[str, Any]]:
        open_ones: Any = [each for each in circle.memberships.all() if each.state == "invited"]
        return list(InvitationSerializer(instance=open_ones, many=True).data)


class CircleWriteSerializer(serializers.Serializer[Any]):
    id = ApiId(required=False)
    name = ApiText(max_chars=NAME_CHARS)
    kind = serializers.ChoiceField(choices=Circle.Kind.values, required=False)


class CircleChangeSerializer(serializers.Serializer[Any]):
    name = ApiText(max_chars=NAME_CHARS, required=False)
    kind = serializers.ChoiceField(choices=Circle.Kind.values, required=False)


class InviteSerializer(serializers.Serializer[Any]):
    person = ApiText(max_chars=60)
    sees_earlier = serializers.BooleanField(required=False, default=False)
    expect_entries = serializers.IntegerField(required=False, min_value=0)


class InvitedSerializer(serializers.Serializer[Membership]):
    """An invitation to me: who sent it, never what the circle is called or who is in it."""

    id = serializers.UUIDField()
    sent_by = PersonSerializer(source="circle.owner")
    sent_at = serializers.DateTimeField(source="invited_at")
    expires_at = serializers.DateTimeField()

    def to_representation(self, invitation: Membership) -> dict[str, Any]:
        shown = super().to_representation(invitation)
        shown["from"] = shown.pop("sent_by")
        return shown


class MembershipSerializer(serializers.Serializer[Membership]):
    id = serializers.UUIDField()
    owner = PersonSerializer(source="circle.owner")
    since = serializers.DateTimeField()


class BlockWriteSerializer(serializers.Serializer[Any]):
    person = ApiText(max_chars=60)


class BlockSerializer(serializers.Serializer[Any]):
    person = PersonSerializer(source="blocked")
    at = serializers.DateTimeField()


class ConsentSerializer(serializers.Serializer[Any]):
    purpose = serializers.CharField()
    granted = serializers.BooleanField()
    text_version = serializers.CharField()
    text = serializers.CharField()
    needed = serializers.BooleanField()
    at = serializers.DateTimeField(allow_null=True)


class ConsentWriteSerializer(serializers.Serializer[Any]):
    granted = serializers.BooleanField()
    text_version = serializers.CharField(max_length=12)


class StateSerializer(serializers.Serializer[Any]):
    state = serializers.CharField()


class ExportSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    bytes = serializers.IntegerField()
    expires_at = serializers.DateTimeField(allow_null=True)


class ExportWriteSerializer(serializers.Serializer[Any]):
    scope = serializers.ChoiceField(choices=["all"], required=False)


class ActivitySerializer(serializers.Serializer[Any]):
    on = serializers.DateField()
    actor = serializers.DictField(child=serializers.CharField())
    verb = serializers.CharField()
    purpose = serializers.CharField(allow_blank=True)
    about = serializers.CharField(allow_null=True)
    sent = serializers.BooleanField()
