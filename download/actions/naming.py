"""What a link is called."""

from download import addresses
from download.models.items import Item


def title_of(item: Item) -> str:
    """What the link is called: as its person said, as its page says, else by its address."""
    return (
        item.title
        or (item.page.title if item.page is not None else "")
        or (addresses.name_of(item.url) if item.url else "")
    )
