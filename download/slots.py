from django.utils.translation import gettext_lazy as _

from writeorperish.ui.slots import slot

slot("settings.index", url_name="download:review-settings", title=_("Review"))
slot("settings.index", url_name="download:mutes", title=_("Never suggested"))
slot("write.aside", url_name="download:beside", title=_("From your library"))
slot("entry.below", url_name="download:below", title=_("From your library"))
