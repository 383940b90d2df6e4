"""The JSON of a person's own things: themselves, their apps, circles, consents."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.actions.tokens import Pair
from accounts.models import Export, Profile, TokenFamily, User
from accounts.tokens import ACCESS_LIFE, SCOPES
from writeorperish.ai.instructions import MOST_CHARS
from writeorperish.ai.models import Job
from writeorperish.privacy.circles import NAME_CHARS
from writeorperish.privacy.levels import AIUsage, PrivacyLevel
from writeorperish.privacy.models import Circle, Membership
from writeorperish.ui.fields import ApiId, ApiText, ApiZone
from writeorperish.ui.parsing import Sent


class PersonSerializer(serializers.Serializer[User]):
    """Somebody, as others know them."""

    uid = serializers.UUIDField()
    handle = serializers.CharField(source="profile.handle")
    name = serializers.CharField(source="profile.name")


class SignInSerializer(Sent):
    email = ApiText(max_chars=254)
    password = ApiText(max_chars=1024)
    otp = serializers.CharField(required=False, max_length=16)
    label = ApiText(required=False, allow_blank=True, max_chars=80)


class RefreshSerializer(Sent):
    refresh = serializers.CharField(max_length=4096)


class ProofSerializer(Sent):
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


class AppearanceShownSerializer(serializers.Serializer[Profile]):
    theme = serializers.ChoiceField(choices=Profile.Theme.values)
    reading_size = serializers.ChoiceField(choices=Profile.ReadingSize.values)


class MeSerializer(serializers.Serializer[User]):
    uid = serializers.UUIDField()
    email = serializers.EmailField()
    handle = serializers.CharField(source="profile.handle")
    name = serializers.CharField(source="profile.name")
    state = serializers.ChoiceField(choices=User.State.choices)
    plan = serializers.SerializerMethodField()
    zone = serializers.CharField(source="profile.zone")
    language = serializers.CharField(source="profile.language")
    appearance = serializers.SerializerMethodField()
    default_privacy_level = serializers.ChoiceField(
        source="profile.default_privacy_level", choices=PrivacyLevel.values
    )
    default_ai_usage = serializers.ChoiceField(
        source="profile.default_ai_usage", choices=AIUsage.values
    )
    public_page = serializers.SerializerMethodField()
    scopes = serializers.SerializerMethodField()
    restrictions = serializers.SerializerMethodField()

    def get_plan(self, person: User) -> str:
        return "free"

    @extend_schema_field(AppearanceShownSerializer)
    def get_appearance(self, person: User) -> dict[str, str]:
        return {"theme": person.profile.theme, "reading_size": person.profile.reading_size}

    def get_public_page(self, person: User) -> bool:
        return False

    def get_scopes(self, person: User) -> list[str]:
        return sorted(self.context["request"].auth.scopes)

    def get_restrictions(self, person: User) -> list[str]:
        return []


class AppearanceSerializer(Sent):
    theme = serializers.ChoiceField(choices=Profile.Theme.values, required=False)
    reading_size = serializers.ChoiceField(choices=Profile.ReadingSize.values, required=False)


class MeChangeSerializer(Sent):
    handle = serializers.RegexField(r"^[A-Za-z0-9_]{3,30}\Z", required=False)
    name = ApiText(required=False, allow_blank=True, max_chars=60)
    zone = ApiZone(required=False)
    language = serializers.ChoiceField(choices=["en"], required=False)
    appearance = AppearanceSerializer(required=False)
    default_privacy_level = serializers.ChoiceField(
        choices=[PrivacyLevel.PRIVATE.value], required=False
    )
    default_ai_usage = serializers.ChoiceField(choices=AIUsage.values, required=False)
    public_page = serializers.BooleanField(required=False)


class CircleSerializer(serializers.Serializer[Circle]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Circle.Kind.choices)
    version = serializers.IntegerField()
    people = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class MemberSerializer(serializers.Serializer[Membership]):
    person = PersonSerializer(source="member")
    state = serializers.ChoiceField(choices=Membership.State.choices)
    since = serializers.DateTimeField(allow_null=True)
    sees_from = serializers.DateTimeField(allow_null=True)


class InvitationSerializer(serializers.Serializer[Membership]):
    id = serializers.UUIDField()
    person = PersonSerializer(source="member")
    state = serializers.ChoiceField(choices=Membership.State.choices)
    expires_at = serializers.DateTimeField()


class CircleDetailSerializer(CircleSerializer):
    members = serializers.SerializerMethodField()
    invitations = serializers.SerializerMethodField()

    @extend_schema_field(MemberSerializer(many=True))
    def get_members(self, circle: Circle) -> list[dict[str, Any]]:
        active: Any = [each for each in circle.memberships.all() if each.state == "active"]
        return list(MemberSerializer(instance=active, many=True).data)

    @extend_schema_field(InvitationSerializer(many=True))
    def get_invitations(self, circle: Circle) -> list[dict[str, Any]]:
        open_ones: Any = [each for each in circle.memberships.all() if each.state == "invited"]
        return list(InvitationSerializer(instance=open_ones, many=True).data)


class CircleWriteSerializer(Sent):
    id = ApiId(required=False)
    name = ApiText(max_chars=NAME_CHARS, trim_whitespace=True)
    kind = serializers.ChoiceField(choices=Circle.Kind.choices, required=False)


class CircleChangeSerializer(Sent):
    name = ApiText(max_chars=NAME_CHARS, required=False, trim_whitespace=True)
    kind = serializers.ChoiceField(choices=Circle.Kind.choices, required=False)


class InviteSerializer(Sent):
    person = ApiText(max_chars=60)
    sees_earlier = serializers.BooleanField(required=False, default=False)
    expect_entries = serializers.IntegerField(required=False, min_value=0)


class InvitedSerializer(serializers.Serializer[Membership]):
    """An invitation to me: who sent it, never what the circle is called or who is in it."""

    id = serializers.UUIDField()
    sent_at = serializers.DateTimeField(source="invited_at")
    expires_at = serializers.DateTimeField()


# `from` is no name Python lets a class body say.
InvitedSerializer._declared_fields["from"] = PersonSerializer(source="circle.owner")


class MembershipSerializer(serializers.Serializer[Membership]):
    id = serializers.UUIDField()
    owner = PersonSerializer(source="circle.owner")
    since = serializers.DateTimeField()


class BlockWriteSerializer(Sent):
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


class ConsentListSerializer(serializers.Serializer[Any]):
    """All of them at once: there are few."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ConsentSerializer(many=True)


class ConsentWriteSerializer(Sent):
    granted = serializers.BooleanField()
    text_version = serializers.CharField(max_length=12)


class StateSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=Membership.State.choices)


class ExportSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Export.State.choices)
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    bytes = serializers.IntegerField()
    expires_at = serializers.DateTimeField(allow_null=True)


class ExportWriteSerializer(Sent):
    scope = serializers.ChoiceField(choices=["all"], required=False)


class JobErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()


class JobSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=Job.State.choices)
    attempt = serializers.IntegerField()
    about = serializers.CharField()
    result = serializers.CharField(allow_null=True)
    text = serializers.CharField(allow_blank=True)
    seq = serializers.IntegerField()
    error = JobErrorSerializer(allow_null=True)
    cost_microdollars = serializers.IntegerField()
    offline = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class AbilitySerializer(serializers.Serializer[Any]):
    on = serializers.BooleanField()
    offline = serializers.BooleanField()
    why = serializers.CharField(allow_blank=True)
    provider = serializers.CharField(allow_blank=True)
    model = serializers.CharField(allow_blank=True)


class AISerializer(serializers.Serializer[Any]):
    capabilities = serializers.DictField(child=AbilitySerializer())
    preferred_model = serializers.CharField(allow_blank=True)
    providers = serializers.ListField(child=serializers.CharField())
    paused = serializers.BooleanField()
    instructions = serializers.CharField(allow_blank=True)


class AIChangeSerializer(Sent):
    preferred_model = ApiText(required=False, allow_blank=True, max_chars=80)
    providers = serializers.ListField(
        child=ApiText(max_chars=20), required=False, allow_empty=True, max_length=10
    )
    paused = serializers.BooleanField(required=False)
    instructions = ApiText(required=False, allow_blank=True, max_chars=MOST_CHARS)


class ModelSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    provider = serializers.CharField()
    tier = serializers.CharField()
    price_per_1000_words_microdollars = serializers.IntegerField(
        help_text="For reading them; writing costs several times as much."
    )


class ModelListSerializer(serializers.Serializer[Any]):
    """All of them at once: there are few."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ModelSerializer(many=True)


class UsageSerializer(serializers.Serializer[Any]):
    month = serializers.CharField()
    limit = serializers.IntegerField()
    used = serializers.IntegerField()
    by_feature = serializers.DictField(child=serializers.IntegerField())
    resets_at = serializers.DateTimeField()


class CallSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    feature = serializers.CharField()
    provider = serializers.CharField()
    model = serializers.CharField()
    key_class = serializers.CharField()
    offline = serializers.BooleanField()
    cached = serializers.BooleanField()
    cost_microdollars = serializers.IntegerField()
    about = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()


class TurnSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=["system", "user", "assistant", "tool"])
    text = serializers.CharField(allow_blank=True)


class RequestSerializer(serializers.Serializer[Any]):
    turns = TurnSerializer(many=True)
    matches = serializers.BooleanField()


class GivenSerializer(serializers.Serializer[Any]):
    ref = serializers.CharField()
    rev = serializers.IntegerField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    purpose = serializers.CharField()
    call = serializers.UUIDField()
    at = serializers.DateTimeField()
    sent = serializers.BooleanField()


class ActivitySerializer(serializers.Serializer[Any]):
    on = serializers.DateField()
    actor = serializers.DictField(child=serializers.CharField())
    verb = serializers.CharField()
    purpose = serializers.CharField(allow_blank=True)
    about = serializers.CharField(allow_null=True)
    sent = serializers.BooleanField()


class LearnedSerializer(serializers.Serializer[Any]):
    """One thing that suggestions learned, in words, and what it does by itself."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    words = serializers.CharField()
    factor = serializers.FloatField()
