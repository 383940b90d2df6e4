from django.utils.translation import gettext_lazy as _

from writeorperish.ui.slots import slot

slot("settings.index", url_name="download:review-settings", title=_("Review"))
