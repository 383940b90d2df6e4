from writeorperish.ops.apps import ModelsInRooms


class JournalConfig(ModelsInRooms):
    name = "journal"
    default = True
